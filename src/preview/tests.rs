use proptest::prelude::*;
use serde_json::json;

use super::*;

fn message() -> Value {
    let mrkdwn = |text: &str| json!({ "type": "mrkdwn", "text": text, "verbatim": true });
    json!({
        "text": "not drawn",
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "🔗 新しい接続" } },
            { "type": "section", "text": mrkdwn("*Facts*\nUser: `R&amp;D &lt;b&gt; *x*`\nA line that has so many words in it that it takes two lines") },
            { "type": "section", "fields": [mrkdwn("*Instance*\nwriter-1"), mrkdwn("*Application*\npsql"), mrkdwn("*TLS*\nunknown")] },
            { "type": "context", "elements": [mrkdwn("<https://example.com/?a=1&amp;b=2|Open> | <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>")] },
        ],
    })
}

#[test]
fn without_colour_it_is_plain_text() {
    insta::assert_snapshot!(terminal(&message(), false, 48), @"
    Aurora Connection Audit  APP

    🔗 新しい接続

    Facts
    User: R&D <b> *x*
    A line that has so many words in it that it
    takes two lines

    Instance               Application
    writer-1               psql
    TLS
    unknown

    Open <https://example.com/?a=1&b=2> |
    2024-01-01 12:00:00 JST
    ");
}

#[test]
fn with_colour_links_can_be_clicked() {
    let drawn = terminal(&message(), true, 48).replace('\u{1b}', "␛");
    insta::assert_snapshot!(drawn, @r"
    ␛[1mAurora Connection Audit␛[0m  ␛[2mAPP␛[0m

    ␛[1m🔗 新しい接続␛[0m

    ␛[1mFacts␛[0m
    User: ␛[31mR&D <b> *x*␛[0m
    A line that has so many words in it that it
    takes two lines

    ␛[1mInstance␛[0m               ␛[1mApplication␛[0m
    writer-1               psql
    ␛[1mTLS␛[0m
    unknown

    ␛]8;;https://example.com/?a=1&b=2␛\␛[34;4mOpen␛[0m␛]8;;␛\␛[2m | ␛[0m␛[2m2024-01-01 12:00:00 JST␛[0m
    ");
}

#[test]
fn the_page_is_self_contained_and_escaped() {
    let page = html(&[message()]);
    let main = page.split_once("<main>").unwrap().1;
    insta::assert_snapshot!(main, @r##"

    <article>
    <svg viewBox="0 0 36 36" aria-hidden="true"><rect width="36" height="36" rx="6" fill="#2f4b8f"/><g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"><ellipse cx="18" cy="11" rx="9" ry="3.6"/><path d="M9 11v13c0 2 4 3.6 9 3.6s9-1.6 9-3.6V11M9 17.5c0 2 4 3.6 9 3.6s9-1.6 9-3.6"/></g></svg>
    <div>
    <p class="by"><b>Aurora Connection Audit</b> <i>APP</i> <time>12:00</time></p>
    <h2>🔗 新しい接続</h2>
    <p><b>Facts</b>
    User: <code>R&amp;D &lt;b&gt; *x*</code>
    A line that has so many words in it that it takes two lines</p>
    <ul class="fields"><li><b>Instance</b>
    writer-1</li><li><b>Application</b>
    psql</li><li><b>TLS</b>
    unknown</li></ul>
    <ul class="context"><li><a href="https://example.com/?a=1&amp;b=2">Open</a> | 2024-01-01 12:00:00 JST</li></ul>
    </div>
    </article>
    </main>
    "##);
    assert!(!page.contains("src=") && !page.contains("<script") && !page.contains("@import"));
}

#[test]
fn nothing_in_a_payload_reaches_the_terminal_as_a_command() {
    let payload =
        json!({ "text": "<https://x/\u{1b}]0;a\u{7}|b\u{9b}2J> `\u{1b}[31m` *\u{202e}*\r" });
    let drawn = terminal(&payload, false, 80);
    assert!(
        !drawn.contains(|c: char| c.is_control() && c != '\n'),
        "{drawn:?}"
    );
    let drawn = terminal(&payload, true, 80);
    assert!(
        !drawn.contains(['\u{7}', '\u{9b}', '\r', '\u{202e}']),
        "{drawn:?}"
    );
    assert!(
        !drawn.contains("\u{1b}]0") && !drawn.contains("\u{1b}[31m\u{1b}"),
        "{drawn:?}"
    );
    let page = html(&[json!({ "text": "<javascript:alert(1)|x> &lt;script&gt; `&lt;b&gt;`" })]);
    assert!(!page.contains("javascript") && !page.contains("<script>") && !page.contains("<b>&"));
}

#[test]
fn markup_is_read_as_slack_reads_it() {
    use mrkdwn::{Span, spans};
    assert_eq!(spans("a * b"), [Span::Text("a * b".into())]);
    assert_eq!(spans("`*a* &amp;lt;`"), [Span::Code("*a* &lt;".into())]);
    assert_eq!(
        spans("*3件* a"),
        [Span::Bold("3件".into()), Span::Text(" a".into())]
    );
    assert_eq!(spans("a `b"), [Span::Text("a `b".into())]);
}

proptest! {
    /// What a client chose is one piece, whatever is in it, and on one line.
    #[test]
    fn a_quoted_value_holds_no_markup(value in "[ -~]{0,40}|[\\n*_`<>&|!:a]{0,12}|\\PC{0,20}") {
        use mrkdwn::{Span, spans};
        let quoted = crate::slack::mrkdwn::quoted(&value, 1000);
        let read = spans(&quoted);
        let is_one = matches!(read.as_slice(), [Span::Text(text)] if *text == value)
            || matches!(read.as_slice(), [Span::Code(_)]);
        prop_assert!(is_one && !quoted.contains('\n'), "{:?}", read);
    }
}

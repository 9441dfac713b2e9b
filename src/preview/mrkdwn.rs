//! Reads Slack's `mrkdwn`, as far as our messages use it.

/// A piece of a line.
#[derive(Debug, PartialEq)]
pub(super) enum Span {
    Text(String),
    Bold(String),
    Code(String),
    Link {
        url: String,
        label: String,
    },
    /// A date token, by its fallback.
    Date(String),
}

/// One line of `mrkdwn`.
pub(super) fn spans(line: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((span, after)) = marked_up(rest) {
            push_text(&mut spans, &mut plain);
            spans.push(span);
            rest = after;
        } else {
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    push_text(&mut spans, &mut plain);
    spans
}

fn push_text(spans: &mut Vec<Span>, plain: &mut String) {
    if !plain.is_empty() {
        spans.push(Span::Text(unescaped(plain)));
        plain.clear();
    }
}

/// `` `code` ``, `*bold*`, `<url|label>` or `<!date^…|fallback>` at the start of `text`.
fn marked_up(text: &str) -> Option<(Span, &str)> {
    let enclosed = |open, close| text.strip_prefix(open)?.split_once(close);
    if let Some((code, after)) = enclosed('`', '`') {
        return Some((Span::Code(unescaped(code)), after));
    }
    if let Some((bold, after)) = enclosed('*', '*').filter(|(bold, _)| !bold.is_empty()) {
        return Some((Span::Bold(unescaped(bold)), after));
    }
    let (target, after) = enclosed('<', '>')?;
    let (target, label) = target.split_once('|').unwrap_or((target, target));
    let label = unescaped(label);
    let span = if target.starts_with("!date^") {
        Span::Date(label)
    } else {
        Span::Link {
            url: unescaped(target),
            label,
        }
    };
    Some((span, after))
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

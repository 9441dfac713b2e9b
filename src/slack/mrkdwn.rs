//! Text that a client chose, made harmless for Slack's `mrkdwn`.
//!
//! `& < >` are escaped, so that no mention, link or date token can be written. A value that could
//! format, link, mention or show an emoji goes into a code span, in which Slack does none of that.
//! What cannot be seen, or changes the order of what is seen, is written out: `\u{202e}`, `␊`.

use std::fmt::Write;

/// Length as the strictest counts it: UTF-16 code units of the escaped text.
#[must_use]
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `value` on one line, in at most `max` units: bare when it can do nothing, else as a code span.
#[must_use]
pub fn quoted(value: &str, max: usize) -> String {
    if is_plain(value) && value.len() <= max {
        return value.to_owned();
    }
    format!("`{}`", clipped(value, max.saturating_sub(2)))
}

/// Our own words and names, in which nothing needs a code span.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(entity) => out.push_str(entity),
            None => out.push(c),
        }
    }
    out
}

/// Letters and digits of ASCII, `-` and `.`, with `_` only between letters or digits: neither
/// formatting, nor an emoji, nor a mention can be made of these. `unknown` is our own word.
fn is_plain(value: &str) -> bool {
    if value == "[local]" {
        return true;
    }
    let is_plain_part = |part: &str, is_first: bool, is_last: bool| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
            && (is_first || part.starts_with(|c: char| c.is_ascii_alphanumeric()))
            && (is_last || part.ends_with(|c: char| c.is_ascii_alphanumeric()))
    };
    let last = value.matches('_').count();
    !matches!(value, "" | "unknown")
        && value
            .split('_')
            .enumerate()
            .all(|(at, part)| is_plain_part(part, at == 0, at == last))
}

/// Cut with `…` where the visible, escaped form would pass `max` units.
fn clipped(value: &str, max: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    let mut fits_with_ellipsis = 0;
    let mut before = ' ';
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        let start = out.len();
        let at_edge = before == ' ' || characters.peek().is_none();
        push_visible(&mut out, c, at_edge);
        used += length(out.get(start..).unwrap_or_default());
        if used > max {
            out.truncate(fits_with_ellipsis);
            out.push('…');
            return out;
        }
        if used < max {
            fits_with_ellipsis = out.len();
        }
        before = c;
    }
    if out.is_empty() {
        out.push('∅');
    }
    out
}

fn push_visible(out: &mut String, c: char, at_edge: bool) {
    match c {
        '`' => out.push_str("\\u{60}"),
        ' ' if at_edge => out.push('␠'),
        '\u{7f}' => out.push('␡'),
        '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        _ if is_invisible(c) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        _ => match entity(c) {
            Some(entity) => out.push_str(entity),
            None => out.push(c),
        },
    }
}

fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// Controls, line and paragraph separators, bidirectional formatting, characters of no width,
/// spaces that pass for other things, private use and tags.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(quoted(value, 320), expected);
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        check("myuser", "myuser");
        check("app_user_2", "app_user_2");
        check("ip-10-0-1-23.ec2.internal", "ip-10-0-1-23.ec2.internal");
        check("192.168.1.100", "192.168.1.100");
        check("[local]", "[local]");
    }

    #[test]
    fn what_could_format_mention_or_link_is_in_a_code_span() {
        check("*bold*", "`*bold*`");
        check("_italic_", "`_italic_`");
        check("a-_b_-c", "`a-_b_-c`");
        check("a__b__c", "`a__b__c`");
        check("~gone~", "`~gone~`");
        check("a`b", "`a\\u{60}b`");
        check(":smile:", "`:smile:`");
        check("2001:db8:1::23", "`2001:db8:1::23`");
        check("@here", "`@here`");
        check("#general", "`#general`");
        check("https://example.com/", "`https://example.com/`");
        check("<!channel>", "`&lt;!channel&gt;`");
        check("R&D", "`R&amp;D`");
        check("&lt;", "`&amp;lt;`");
        check("利用者", "`利用者`");
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        check("a\nb", "`a␊b`");
        check("a\r\tb\u{7f}", "`a␍␉b␡`");
        check("\u{1b}[31mred", "`␛[31mred`");
        check("\u{202e}nimda", "`\\u{202e}nimda`");
        check(
            "a\u{200b}b\u{2028}c\u{85}d",
            "`a\\u{200b}b\\u{2028}c\\u{85}d`",
        );
        check(" a  b ", "`␠a ␠b␠`");
        check("a b", "`a b`");
        check("", "`∅`");
        check("unknown", "`unknown`");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(quoted("abcdefgh", 8), "abcdefgh");
        assert_eq!(quoted("abcdefgh", 7), "`abcd…`");
        assert_eq!(quoted("a&&&", 12), "`a&amp;…`");
        assert_eq!(quoted("a&&&", 18), "`a&amp;&amp;&amp;`");
        assert_eq!(quoted("🦀🦀🦀", 8), "`🦀🦀🦀`");
        assert_eq!(quoted("🦀🦀🦀", 7), "`🦀🦀…`");
    }

    proptest! {
        #[test]
        fn any_value_is_one_harmless_token_within_its_limit(value in "\\PC*|.*", max in 3_usize..400) {
            let quoted = quoted(&value, max);
            prop_assert!(length(&quoted) <= max, "{quoted}");
            prop_assert!(!quoted.contains(['<', '>', '\n']), "{quoted}");
            prop_assert!(!quoted.contains(is_invisible), "{quoted}");
            let ticks = quoted.matches('`').count();
            prop_assert!(ticks == 0 || ticks == 2 && quoted.starts_with('`') && quoted.ends_with('`'));
        }
    }
}

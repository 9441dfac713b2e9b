//! Text that a client chose, made harmless for Slack's `mrkdwn`.
//!
//! `& < >` are escaped, so that no mention, link or date token can be written. A value that could
//! format, link, mention or show an emoji goes into a code span, in which Slack does none of that.
//! What cannot be seen, or changes the order of what is seen, is written out: `\u{202e}`, `␊`. A value
//! with letters that are written from right to left stands between isolates, so that it cannot pull
//! the numbers and names beside it to its other side.

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
    if value.contains(is_right_to_left) {
        let clipped = clipped(value, max.saturating_sub(4));
        return format!("`{FIRST_STRONG_ISOLATE}{clipped}{POP_DIRECTIONAL_ISOLATE}`");
    }
    format!("`{}`", clipped(value, max.saturating_sub(2)))
}

/// What follows has the direction of its first letter and is one unit for the text around it:
/// <https://www.unicode.org/reports/tr9/#Explicit_Directional_Isolates>.
pub const FIRST_STRONG_ISOLATE: char = '\u{2068}';
/// The end of that.
pub const POP_DIRECTIONAL_ISOLATE: char = '\u{2069}';

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

/// What has no shape of its own, or changes that of others: Unicode 17's `Default_Ignorable_Code_Point`
/// (`DerivedCoreProperties.txt`), `Cc`, `Cf` but for the Arabic, Syriac and Kaithi signs that are
/// drawn, `Co`, `Zl`, `Zp`, white space but for the blank, noncharacters, and what is drawn as
/// nothing: the braille blank, the musical null notehead, the Khitan filler.
#[must_use]
#[rustfmt::skip]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || (u32::from(c) & 0xfffe) == 0xfffe
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffc}' | '\u{13430}'..='\u{1343f}' | '\u{16fe4}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

/// The blocks whose characters are written from right to left unless Unicode says otherwise:
/// `Bidi_Class` R and AL by the `@missing` lines of Unicode 17's `DerivedBidiClass.txt`.
#[must_use]
pub fn is_right_to_left(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
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

    /// Every character of these classes, by the tables of the crate `regex`.
    fn characters(classes: &str) -> impl Iterator<Item = char> {
        let class = regex::Regex::new(&format!("^{classes}$")).unwrap();
        ('\0'..=char::MAX).filter(move |c| class.is_match(c.encode_utf8(&mut [0; 4])))
    }

    #[test]
    fn every_invisible_character_of_unicode_is_written_out() {
        let unseen = r"[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Zs}--[\ \p{Prepended_Concatenation_Mark}]]";
        for c in characters(unseen) {
            let shown = quoted(&format!("a{c}b"), 320);
            assert!(
                is_invisible(c) && !shown.contains(c),
                "{:x}: {shown}",
                u32::from(c)
            );
        }
    }

    #[test]
    fn no_letter_or_digit_is_written_out() {
        for c in characters(r"[\p{L}\p{N}\p{M}--[\p{Default_Ignorable_Code_Point}\u{16fe4}]]") {
            assert!(!is_invisible(c), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn a_name_from_right_to_left_is_isolated() {
        check("שלום", "`\u{2068}שלום\u{2069}`");
        check("admin_مدير", "`\u{2068}admin_مدير\u{2069}`");
        check("\u{202e}א\u{2069}", "`\u{2068}\\u{202e}א\\u{2069}\u{2069}`");
        assert_eq!(quoted("שלום", 7), "`\u{2068}של…\u{2069}`");
        for name in ["café", "利用者", "имя", "όνομα", "नाम", "ชื่อ", "이름", "🦀"]
        {
            assert!(!quoted(name, 320).contains(FIRST_STRONG_ISOLATE), "{name}");
        }
    }

    #[test]
    fn every_script_from_right_to_left_is_known() {
        let scripts = r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}\p{Samaritan}\p{Mandaic}\p{Adlam}\p{Mende_Kikakui}\p{Hanifi_Rohingya}\p{Yezidi}\p{Phoenician}\p{Avestan}&&\p{L}]";
        let left_out: Vec<char> = characters(scripts)
            .filter(|c| !is_right_to_left(*c))
            .collect();
        assert_eq!(left_out, []);
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

    /// Without the pair that is ours.
    fn without_isolates(quoted: &str) -> &str {
        let inside = quoted
            .strip_prefix("`\u{2068}")
            .and_then(|rest| rest.strip_suffix("\u{2069}`"));
        inside.unwrap_or(quoted)
    }

    proptest! {
        #[test]
        fn any_value_is_one_harmless_token_within_its_limit(value in "\\PC*|.*|[א-ת\u{600}-\u{6ff}a-z0-9\u{2066}-\u{2069}]{0,9}", max in 5_usize..400) {
            let quoted = quoted(&value, max);
            prop_assert!(length(&quoted) <= max, "{quoted}");
            prop_assert!(!quoted.contains(['<', '>', '\n']), "{quoted}");
            prop_assert!(!without_isolates(&quoted).contains(is_invisible), "{quoted}");
            let ticks = quoted.matches('`').count();
            prop_assert!(ticks == 0 || ticks == 2 && quoted.starts_with('`') && quoted.ends_with('`'));
        }
    }
}

//! Names that clients chose, made harmless.

use std::fmt::Write;

use crate::slack::mrkdwn::is_invisible;

/// On one line; what cannot be seen, or changes the order of what is seen, is written out.
pub(super) fn visible(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '\n' => out.push('␊'),
            '\r' => out.push('␍'),
            '\t' => out.push('␉'),
            _ if is_invisible(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

/// For HTML, in text or between quotes. Letters that are written from right to left do not reach
/// beyond a `<bdi>`, in which the page puts each name.
pub(super) fn html(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in visible(name).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A cell of CSV. What a spreadsheet would calculate begins with an apostrophe:
/// <https://owasp.org/www-community/attacks/CSV_Injection>.
pub(super) fn csv(name: &str) -> String {
    const CALCULATED: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let visible = visible(name).replace('"', "\"\"");
    let apostrophe = if name.trim_start().starts_with(CALCULATED) {
        "'"
    } else {
        ""
    };
    format!("\"{apostrophe}{visible}\"")
}

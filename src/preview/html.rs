//! A web page that looks like the messages in Slack.

use std::fmt::Write;

use serde_json::Value;

use super::mrkdwn::{Span, spans};
use super::{APP, Block, blocks};

/// A page with all messages, which needs no other file and runs no script.
#[must_use]
pub fn html(payloads: &[Value]) -> String {
    let messages: String = payloads.iter().map(message).collect();
    format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{APP}</title>\n<style>\n{STYLE}</style>\n<main>\n{messages}</main>\n"
    )
}

const STYLE: &str = include_str!("slack.css");

/// A database.
const ICON: &str = "<svg viewBox=\"0 0 36 36\" aria-hidden=\"true\">\
    <rect width=\"36\" height=\"36\" rx=\"6\" fill=\"#2f4b8f\"/>\
    <g fill=\"none\" stroke=\"#fff\" stroke-width=\"2.4\" stroke-linecap=\"round\">\
    <ellipse cx=\"18\" cy=\"11\" rx=\"9\" ry=\"3.6\"/>\
    <path d=\"M9 11v13c0 2 4 3.6 9 3.6s9-1.6 9-3.6V11M9 17.5c0 2 4 3.6 9 3.6s9-1.6 9-3.6\"/></g></svg>";

fn message(payload: &Value) -> String {
    let mut out = format!(
        "<article>\n{ICON}\n<div>\n<p class=\"by\"><b>{APP}</b> <i>APP</i> <time>{}</time></p>\n",
        escaped(&posted_at(payload)),
    );
    for block in blocks(payload) {
        // Writing to a String cannot fail.
        let _ = match block {
            Block::Header(text) => writeln!(out, "<h2>{}</h2>", escaped(text)),
            Block::Section(text) => writeln!(out, "<p>{}</p>", lines(text)),
            Block::Fields(fields) => writeln!(out, "<ul class=\"fields\">{}</ul>", items(&fields)),
            Block::Context(texts) => writeln!(out, "<ul class=\"context\">{}</ul>", items(&texts)),
        };
    }
    out + "</div>\n</article>\n"
}

fn items(texts: &[&str]) -> String {
    let items: Vec<String> = texts
        .iter()
        .map(|text| format!("<li>{}</li>", lines(text)))
        .collect();
    items.concat()
}

fn lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| spans(line).iter().map(span).collect())
        .collect();
    lines.join("\n")
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) | Span::Date(text) => escaped(text),
        Span::Bold(text) => format!("<b>{}</b>", escaped(text)),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Link { url, label } if url.starts_with("https://") => {
            format!("<a href=\"{}\">{}</a>", escaped(url), escaped(label))
        }
        Span::Link { label, .. } => escaped(label),
    }
}

/// Hours and minutes of the first date in the message.
fn posted_at(payload: &Value) -> String {
    let dates = blocks(payload).into_iter().filter_map(|block| match block {
        Block::Context(texts) => Some(texts.into_iter().flat_map(spans).find_map(
            |span| match span {
                Span::Date(date) => Some(date),
                _ => None,
            },
        )),
        _ => None,
    });
    let date = dates.flatten().next().unwrap_or_default();
    date.split(' ')
        .nth(1)
        .and_then(|time| time.get(..5))
        .unwrap_or_default()
        .to_owned()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

//! A message in a terminal.

use std::iter;

use serde_json::Value;

use super::mrkdwn::{Span, spans};
use super::{APP, Block, blocks};
use crate::slack::mrkdwn::{FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE, is_invisible};

/// Draws a message in lines of at most `width` columns, where a word allows it.
///
/// With `colour` for a terminal: bold, dim and colours, and links that can be clicked. Without,
/// nothing but text.
#[must_use]
pub fn terminal(payload: &Value, colour: bool, width: usize) -> String {
    let pen = Pen {
        colour,
        width: width.saturating_sub(INDENT.len()).max(20),
    };
    let mut lines = vec![pen.line(&[(APP, BOLD), ("  ", ""), ("APP", DIM)])];
    for block in blocks(payload) {
        lines.push(Line::default());
        lines.extend(pen.block(&block));
    }
    lines
        .iter()
        .map(|line| format!("{INDENT}{}", line.text).trim_end().to_owned() + "\n")
        .collect()
}

const INDENT: &str = "  ";
const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const CODE: &str = "\u{1b}[31m";
const LINK: &str = "\u{1b}[34;4m";

/// Text and the columns it takes, which control sequences do not.
#[derive(Default)]
struct Line {
    text: String,
    columns: usize,
}

struct Pen {
    colour: bool,
    width: usize,
}

impl Pen {
    fn block(&self, block: &Block<'_>) -> Vec<Line> {
        match block {
            Block::Header(text) => vec![self.line(&[(text, BOLD)])],
            Block::Section(text) => self.lines(text, ""),
            Block::Fields(fields) => self.fields(fields),
            Block::Context(texts) => texts
                .iter()
                .flat_map(|text| self.lines(text, DIM))
                .collect(),
        }
    }

    fn line(&self, parts: &[(&str, &str)]) -> Line {
        let mut line = Line::default();
        for (text, style) in parts {
            self.write(&mut line, text, style);
        }
        line
    }

    fn lines(&self, text: &str, base: &str) -> Vec<Line> {
        text.split('\n')
            .flat_map(|line| self.wrapped(line, base))
            .collect()
    }

    /// Two fields side by side, as Slack lays them out; one below the other where one is wide.
    fn fields(&self, fields: &[&str]) -> Vec<Line> {
        let column = (self.width / 2).min(40);
        let mut lines = Vec::new();
        for pair in fields.chunks(2) {
            let mut pair = pair.iter().map(|field| self.lines(field, ""));
            let left = pair.next().unwrap_or_default();
            let right = pair.next().unwrap_or_default();
            if left.iter().any(|line| line.columns + 2 > column) {
                lines.extend(left);
                lines.extend(right);
            } else {
                lines.extend(side_by_side(left, right, column));
            }
        }
        lines
    }

    fn wrapped(&self, text: &str, base: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut line = Line::default();
        for span in spans(text) {
            let (text, style) = match &span {
                Span::Text(text) | Span::Date(text) => (text, base),
                Span::Bold(text) => (text, BOLD),
                Span::Code(text) => (text, CODE),
                Span::Link { label, .. } => (label, LINK),
            };
            self.open(&mut line, &span);
            let mut piece = String::new();
            for word in words(text) {
                let taken = line.columns + columns(&piece);
                if taken > 0 && taken + columns(word.trim_end()) > self.width {
                    self.write(&mut line, piece.trim_end(), style);
                    piece.clear();
                    lines.push(std::mem::take(&mut line));
                }
                piece.push_str(word);
            }
            self.write(&mut line, &piece, style);
            self.close(&mut line, &span);
        }
        lines.push(line);
        lines
    }

    /// Text in a style; both are dropped where they are not wanted.
    fn write(&self, line: &mut Line, text: &str, style: &str) {
        let text = visible(text);
        line.columns += columns(&text);
        if self.colour && !style.is_empty() {
            line.text.extend([style, &text, RESET]);
        } else {
            line.text.push_str(&text);
        }
    }

    /// A link that terminals understand (OSC 8).
    fn open(&self, line: &mut Line, span: &Span) {
        if let (Span::Link { url, .. }, true) = (span, self.colour) {
            line.text.extend(["\u{1b}]8;;", &visible(url), "\u{1b}\\"]);
        }
    }

    /// The end of that link; without colour the URL itself.
    fn close(&self, line: &mut Line, span: &Span) {
        let Span::Link { url, .. } = span else { return };
        if self.colour {
            line.text.push_str("\u{1b}]8;;\u{1b}\\");
        } else {
            self.write(line, &format!(" <{url}>"), "");
        }
    }
}

fn side_by_side(left: Vec<Line>, right: Vec<Line>, column: usize) -> Vec<Line> {
    let height = left.len().max(right.len());
    let mut lines: Vec<Line> = left
        .into_iter()
        .chain(iter::repeat_with(Line::default))
        .take(height)
        .collect();
    for (line, right) in lines.iter_mut().zip(right) {
        line.text
            .push_str(&" ".repeat(column.saturating_sub(line.columns)));
        line.text.push_str(&right.text);
        line.columns = column + right.columns;
    }
    lines
}

/// Words with the spaces that follow them; a character of two columns is a word of its own.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| c == ' ' || columns_of(c) == 2)
}

/// What our messages hold of the invisible: emoji of more than one character, and isolates.
const NEVER_DRAWN: [char; 3] = ['\u{fe0f}', FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE];

/// Nothing that a terminal would obey. The message holds no such thing; this makes it certain.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_invisible(c) && !NEVER_DRAWN.contains(&c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// Two for East Asian wide characters and emoji.
#[must_use]
pub fn columns_of(c: char) -> usize {
    match c {
        '\u{fe0f}' | '\u{2068}' | '\u{2069}' | '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

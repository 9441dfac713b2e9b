//! Connections become one Slack message.
//!
//! Whatever their number and whatever they hold, [`payload`] is one message within Slack's limits,
//! in Block Kit and as plain text for notifications and screen readers.
//!
//! The limits: 50 blocks, 150 characters in a header, 3000 in a section, ten fields of 2000 each
//! (<https://docs.slack.dev/reference/block-kit/blocks>), and about 13 000 over all blocks, which
//! Slack does not document.

mod access;
mod facts;
mod group;
mod many;
mod one;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::console;
use super::mrkdwn::length;
use super::text::{Language, Words};
use super::time_zone::TimeZone;
use crate::access::Access;
use crate::entry::{Place, Shown};
use crate::findings::Findings;
use crate::sessions::{Connection, Outcome};

/// What one channel is told, of one cluster or of many.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// In any order.
    pub told: &'a [Told<'a>],
    /// Connections that are counted only, by outcome.
    pub left_out: &'a BTreeMap<Outcome, usize>,
    /// What could not be read.
    pub notices: &'a [&'a Notice],
    /// What is said of each place besides its cluster.
    pub shown: Shown,
    /// How to tell it.
    pub style: Style,
}

/// A connection, and where it happened.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// What happened.
    pub connection: &'a Connection<'a>,
    /// Where.
    pub place: &'a Place,
    /// What earlier connections say about it.
    pub findings: &'a Findings,
}

/// What is no connection but must be reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notice {
    /// What it is.
    pub kind: NoticeKind,
    /// How many lines, or payloads.
    pub count: usize,
    /// Where, if that is known.
    pub place: Option<Rc<Place>>,
    /// The id of a log event: the same when CloudWatch delivers it again.
    pub id: String,
}

/// What is wrong with lines or a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// Lines that look like connections and that the configured prefix cannot read.
    Unparsed,
    /// Lines about connections in another language than English.
    Translated,
    /// Payloads that cannot be read, and the name of the error.
    Unreadable(&'static str),
}

/// How connections are told.
#[derive(Debug, Clone)]
pub struct Style {
    /// The language of every word.
    pub language: Language,
    /// The zone of every time.
    pub time_zone: TimeZone,
}

/// The body of the request to an incoming webhook.
#[must_use]
pub fn payload(batch: &Batch<'_>) -> Value {
    let message = match batch.told {
        [told] => one::message(told, batch),
        _ => many::message(batch),
    };
    body(&message)
}

/// The message for testing a webhook.
#[must_use]
pub fn test(style: &Style) -> Value {
    let words = style.language.words();
    let mut text = Text::new(words.test_headline);
    text.line(words.test);
    body(&Message {
        text,
        blocks: vec![
            Block::Header(words.test_headline.to_owned()),
            Block::Section(words.test.to_owned()),
        ],
    })
}

/// The message about who has used access, whatever their number.
#[must_use]
pub fn access(access: &Access, style: &Style) -> Value {
    body(&self::access::message(access, style))
}

fn body(message: &Message) -> Value {
    json!({
        "text": message.text.lines,
        "blocks": message.blocks.iter().map(Block::to_json).collect::<Vec<_>>(),
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// Slack takes 3000 units in a section.
const SECTION: usize = 2900;
/// Slack takes 40 000 units; a notification shows the first few lines.
const TEXT: usize = 2900;
/// Slack takes 3000 units; the names of log groups and streams have up to 512 characters each.
const LINK: usize = 2000;

struct Message {
    text: Text,
    blocks: Vec<Block>,
}

enum Block {
    /// Our own words only.
    Header(String),
    Section(String),
    Fields(Vec<String>),
    Context(String),
}

impl Block {
    fn to_json(&self) -> Value {
        match self {
            Block::Header(text) => json!({
                "type": "header",
                "text": { "type": "plain_text", "text": text, "emoji": true },
            }),
            Block::Section(text) => json!({ "type": "section", "text": mrkdwn(text) }),
            Block::Fields(fields) => json!({
                "type": "section",
                "fields": fields.iter().map(|field| mrkdwn(field)).collect::<Vec<_>>(),
            }),
            Block::Context(text) => json!({ "type": "context", "elements": [mrkdwn(text)] }),
        }
    }
}

/// `verbatim`: Slack makes no link of what looks like a URL, a channel or a user.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// Lines for notifications and screen readers; `…` where there was no room for more.
struct Text {
    lines: String,
    /// With the first line that had no room.
    length: usize,
}

impl Text {
    fn new(headline: &str) -> Text {
        Text {
            lines: headline.to_owned(),
            length: length(headline),
        }
    }

    fn line(&mut self, line: &str) {
        if self.is_full() {
            return;
        }
        self.length += 1 + length(line);
        self.lines.push('\n');
        self.lines.push_str(if self.is_full() { "…" } else { line });
    }

    fn is_full(&self) -> bool {
        self.length > TEXT
    }

    fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.line(line);
        }
    }
}

impl Batch<'_> {
    fn words(&self) -> &'static Words {
        self.style.language.words()
    }

    fn date_and_time(&self, time: Option<OffsetDateTime>) -> String {
        match time {
            Some(time) => self.style.time_zone.date_and_time(time),
            None => self.words().unknown.to_owned(),
        }
    }
}

/// A line for each kind of notice.
fn notices(batch: &Batch<'_>) -> Vec<String> {
    let words = batch.words();
    let mut counts = BTreeMap::new();
    for notice in batch.notices {
        *counts.entry(notice.kind).or_insert(0) += notice.count;
    }
    let notes = counts.into_iter().map(|(kind, count)| match kind {
        NoticeKind::Unparsed => (words.unparsed)(count),
        NoticeKind::Translated => (words.translated)(count),
        NoticeKind::Unreadable(name) => (words.unreadable)(count, name),
    });
    notes.map(|note| format!("⚠️ {note}")).collect()
}

/// The link to the log of `place` from `first` on, and the times in the reader's own zone.
fn context(
    batch: &Batch<'_>,
    place: Option<&Place>,
    first: Option<OffsetDateTime>,
    last: Option<OffsetDateTime>,
) -> Option<Block> {
    let words = batch.words();
    let mut parts = Vec::new();
    if let Some(url) = place.and_then(|place| link(place, first)) {
        parts.push(format!("🔎 <{url}|{}>", words.open_log));
    }
    if let Some(first) = first {
        let times = [Some(first), last.filter(|last| *last != first)];
        let times: Vec<_> = times
            .into_iter()
            .flatten()
            .map(|time| date_token(batch, time))
            .collect();
        parts.push(format!("🕒 {}: {}", words.your_time, times.join(" – ")));
    }
    (!parts.is_empty()).then(|| Block::Context(parts.join("  |  ")))
}

fn link(place: &Place, from: Option<OffsetDateTime>) -> Option<String> {
    let region = place.region.as_deref()?;
    console::log_stream_url(region, &place.log_group, &place.log_stream, from)
        .filter(|url| url.len() <= LINK)
}

/// Slack shows it in the reader's time zone.
fn date_token(batch: &Batch<'_>, time: OffsetDateTime) -> String {
    let unix = time.unix_timestamp();
    let fallback = batch.style.time_zone.date_and_time(time);
    format!("<!date^{unix}^{{date_num}} {{time_secs}}|{fallback}>")
}

#[cfg(test)]
mod tests;

//! Cuts a log text into segments.
//!
//! Only line feeds end a line: carriage returns and other characters that some call line breaks
//! stand in names and statements as they are.

use std::collections::VecDeque;

use memchr::memchr;

use super::log_line_prefix::{Head, LogLinePrefix};

/// A line that begins as the prefix does, and the lines up to the next such line.
pub(super) struct Segment<'a> {
    pub(super) start: usize,
    /// Without the last line feed.
    pub(super) end: usize,
    /// `None`: lines in front of the first record.
    pub(super) head: Option<Head<'a>>,
}

/// Cuts a text into segments, on demand.
pub(super) struct Segments<'a, 'r> {
    text: &'a str,
    prefix: &'r LogLinePrefix,
    /// The segment that was not cut yet: its end is not known.
    next: Segment<'a>,
    ready: VecDeque<Segment<'a>>,
    /// Lines cut so far, and those of them that belong to the record before them.
    pub(super) lines: usize,
    pub(super) continuations: usize,
}

/// More segments than can begin inside the names of one prefix.
const MOST_JOINED: usize = 16;

impl<'a, 'r> Segments<'a, 'r> {
    pub(super) fn new(text: &'a str, prefix: &'r LogLinePrefix) -> Self {
        Self {
            text,
            prefix,
            next: Segment {
                start: 0,
                end: 0,
                head: prefix.head(text),
            },
            ready: VecDeque::new(),
            lines: 0,
            continuations: 0,
        }
    }

    pub(super) fn pop(&mut self) -> Option<Segment<'a>> {
        if self.ready.is_empty() {
            return self.cut();
        }
        self.ready.pop_front()
    }

    /// One of the segments behind the one that was popped last.
    pub(super) fn peek(&mut self, index: usize) -> Option<&Segment<'a>> {
        if index >= MOST_JOINED {
            return None;
        }
        while self.ready.len() <= index {
            let segment = self.cut()?;
            self.ready.push_back(segment);
        }
        self.ready.get(index)
    }

    pub(super) fn text(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Drops the segments that belong to `first`; the text of all of them.
    pub(super) fn drop_next(&mut self, first: &Segment<'a>, joined: usize) -> &'a str {
        let mut end = first.end;
        for segment in (0..joined).map_while(|_| self.ready.pop_front()) {
            end = segment.end;
        }
        self.text(first.start, end)
    }

    /// Looks for the end of the next segment, and for the head of the one behind it.
    fn cut(&mut self) -> Option<Segment<'a>> {
        let rest_of_text = |from: usize| self.text.get(from..).filter(|rest| !rest.is_empty());
        let mut rest = rest_of_text(self.next.start)?;
        let mut end = self.next.start;
        loop {
            let line = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
            self.lines += 1;
            end += line;
            let behind = rest_of_text(end + 1);
            let head = behind
                .filter(|behind| !behind.starts_with('\t'))
                .and_then(|behind| self.prefix.head(behind));
            if head.is_some() || behind.is_none() {
                self.next.end = end;
                let start = end + 1;
                return Some(std::mem::replace(
                    &mut self.next,
                    Segment { start, end, head },
                ));
            }
            if self.next.head.is_some() {
                self.continuations += 1;
            }
            rest = behind?;
            end += 1;
        }
    }
}

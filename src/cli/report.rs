//! `report`: who connected.

mod counts;
mod data;
mod labels;
mod names;
mod newcomers;
mod page;
mod rows;
mod table;
mod texts;
mod timeline;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::logs::{self, Common, Piece, Step};
use super::parse::tell;
use super::progress::Progress;
use super::{Failure, LogFiles, ReportFlags, input, settings};
use crate::detection::Refusals;
use crate::entry::Place;
use crate::findings::Findings;
use crate::routing::{Route, Rules};
use crate::sessions::{Connection, Sessions};
use rows::Rows;
use timeline::Timeline;

/// Everything that is shown.
struct Report {
    title: String,
    rows: Rows,
    timeline: Timeline,
    /// Connections that a rule leaves out.
    ignored: u64,
    /// Lines that cannot be read.
    unparsed: usize,
    /// For rules that ask for them.
    refusals: Refusals,
}

/// The logs of a file.
#[derive(Default)]
struct Logs {
    sessions: Vec<Sessions<'static>>,
    common: Common,
}

/// Which connections count.
struct Filter<'f> {
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
    rules: &'f Rules,
    asks_for_refusals: bool,
    place: Place,
}

pub(super) fn run(files: &LogFiles, flags: &ReportFlags) -> Result<(), Failure> {
    let given = flags.rules.clone().map(|rules| ("RULES", rules));
    let rules = settings(given.as_slice())?.rules;
    let cluster = flags.cluster.clone().unwrap_or_else(|| files.name());
    let filter = Filter {
        since: flags.since,
        until: flags.until,
        rules: &rules,
        asks_for_refusals: rules.ask_for_refusals(),
        place: Place {
            cluster,
            ..Place::default()
        },
    };
    let report = read(files, flags, &filter)?;
    write(&report, flags)?;
    tell(
        "look like connection lines but do not fit --log-line-prefix",
        report.unparsed,
    );
    if report.rows.left_out > 0 {
        eprintln!(
            "aurora-connection-audit: NOT EVERYTHING IS SHOWN: the report holds the first {} rows, and {} connections of others are left out; give a shorter period, or rules that ignore some",
            rows::MOST,
            report.rows.left_out
        );
    }
    // A million names take a while to free, and the process ends.
    std::mem::forget(report);
    Ok(())
}

fn read(files: &LogFiles, flags: &ReportFlags, filter: &Filter<'_>) -> Result<Report, Failure> {
    let prefix = flags.prefix.given()?;
    let progress = Progress::new(input::total_length(&files.paths()), false);
    let mut report = Report {
        title: filter.place.cluster.clone(),
        rows: Rows::default(),
        timeline: Timeline::default(),
        ignored: 0,
        unparsed: 0,
        refusals: Refusals::default(),
    };
    let mut logs = Logs::default();
    logs::read(files, prefix.as_ref(), &progress, &mut |step| {
        match step {
            Step::Piece(piece) => report.take(piece, &mut logs, filter),
            Step::EndOfFile => {
                for one in logs.sessions.drain(..).flat_map(Sessions::take_all) {
                    report.add(&one, filter);
                }
            }
        }
        Ok(())
    })?;
    report.rows.sort();
    Ok(report)
}

impl Report {
    fn take(
        &mut self,
        piece: Piece<'_>,
        Logs { sessions, common }: &mut Logs,
        filter: &Filter<'_>,
    ) {
        self.unparsed += piece.reading.counts.unparsed;
        if sessions.len() <= piece.log {
            sessions.resize_with(piece.log + 1, Sessions::default);
        }
        if let Some(sessions) = sessions.get_mut(piece.log) {
            piece.add_to(sessions, common);
            for one in sessions.take_settled() {
                self.add(&one, filter);
            }
        }
    }

    fn add(&mut self, connection: &Connection<'_>, filter: &Filter<'_>) {
        if !filter.is_within(connection.facts.time) {
            return;
        }
        let refusals_before = if filter.asks_for_refusals {
            self.refusals.before(connection, &filter.place, None)
        } else {
            0
        };
        let findings = Findings {
            refusals_before,
            ..Findings::default()
        };
        if filter.rules.route(connection, &filter.place, &findings) == Route::Ignore {
            self.ignored += 1;
            return;
        }
        self.timeline.add(connection);
        self.rows.add(connection);
    }
}

impl Filter<'_> {
    /// What has no time cannot be said to be outside.
    fn is_within(&self, time: Option<OffsetDateTime>) -> bool {
        time.is_none_or(|time| {
            self.since.is_none_or(|since| time >= since)
                && self.until.is_none_or(|until| time < until)
        })
    }
}

fn write(report: &Report, flags: &ReportFlags) -> Result<(), Failure> {
    if let Some(path) = &flags.html {
        return write_page(report, path).map_err(|error| Failure::File(path.clone(), error));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if flags.csv {
        data::csv(&report.rows, &mut out)
    } else if flags.json {
        data::json(report, &mut out)
    } else {
        table::write(report, &mut out)
    };
    result.and_then(|()| out.flush()).map_err(Failure::Stdout)
}

fn write_page(report: &Report, path: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    page::write(report, &mut out)?;
    out.flush()
}

/// A date, which is its beginning in UTC, or a time by RFC 3339.
pub(super) fn time(text: &str) -> Result<OffsetDateTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339));
    time.map_err(|_| "must be a date, as 2026-11-23, or a time, as 2026-11-23T09:00:00Z".to_owned())
}

/// `2026-11-23 09:37:53`, in UTC.
fn shown_time(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    format!(
        "{} {:02}:{:02}:{:02}",
        time.date(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

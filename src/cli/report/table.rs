//! The report for a terminal.

use std::io::{self, Write};

use super::counts::{Counts, Moment};
use super::rows::Row;
use super::{Report, names, shown_time};
use crate::cli::preview::width;
use crate::preview::columns_of;
use crate::slack::mrkdwn::{FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE, is_right_to_left};

/// More rows are for programs.
const MOST: usize = 1000;

/// The narrowest that a name gets; what other columns are left out for; and the widest.
const NARROW: usize = 6;
const READABLE: usize = 14;
const WIDE: usize = 32;

struct Column {
    title: &'static str,
    is_number: bool,
    /// May it be cut?
    is_name: bool,
    /// What is left out first where there is no room; 0 never is.
    least: u8,
    cell: fn(&Row<'_>) -> String,
}

const fn name(title: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column {
        title,
        is_number: false,
        is_name: true,
        least: 0,
        cell,
    }
}

const fn number(title: &'static str, least: u8, cell: fn(&Row<'_>) -> String) -> Column {
    Column {
        title,
        is_number: true,
        is_name: false,
        least,
        cell,
    }
}

const fn fact(title: &'static str, least: u8, cell: fn(&Row<'_>) -> String) -> Column {
    Column {
        title,
        is_number: false,
        is_name: false,
        least,
        cell,
    }
}

const COLUMNS: [Column; 12] = [
    name("USER", |row| shown(row.names.user)),
    name("DATABASE", |row| shown(row.names.database)),
    name("CLIENT", |row| shown(row.names.host)),
    name("APPLICATION", |row| shown(row.names.application)),
    number("LOGINS", 0, |row| row.counts.logins.to_string()),
    number("REFUSED", 0, |row| row.counts.refusals.to_string()),
    number("LEFT", 3, |row| row.counts.disconnections.to_string()),
    fact("FIRST", 4, |row| time(row.counts.first)),
    fact("LAST", 0, |row| time(row.counts.last)),
    fact("AUTH", 2, |row| row.auth_methods.join(" ")),
    fact("TLS", 1, |row| row.tls.join(" ")),
    fact("CONFIRMED", 0, |row| confirmed(&row.counts)),
];

fn shown(name: Option<&str>) -> String {
    match name {
        // It pulls no number beside it to its other side.
        Some(name) if name.contains(is_right_to_left) => {
            let name = names::visible(name);
            format!("{FIRST_STRONG_ISOLATE}{name}{POP_DIRECTIONAL_ISOLATE}")
        }
        Some(name) => names::visible(name),
        None => "-".to_owned(),
    }
}

fn time(moment: Moment) -> String {
    moment.time().map(shown_time).unwrap_or_default()
}

fn confirmed(counts: &Counts) -> String {
    match counts.unconfirmed {
        0 => "yes".to_owned(),
        some => format!("{some} not"),
    }
}

pub(super) fn write(report: &Report, mut out: impl Write) -> io::Result<()> {
    let rows = &report.rows;
    if rows.len() == 0 {
        writeln!(out, "{}: nobody connected", names::visible(&report.title))?;
        return totals(report, out);
    }
    let cells = |row: Row<'_>| COLUMNS.iter().map(|one| (one.cell)(&row)).collect();
    let cells: Vec<Vec<String>> = rows.each().take(MOST).map(cells).collect();
    let widths = widths(&cells, width().unwrap_or(180));
    let titles = COLUMNS.map(|column| column.title.to_owned());
    line(&titles, &widths, &mut out)?;
    cells
        .iter()
        .try_for_each(|cells| line(cells, &widths, &mut out))?;
    if rows.len() > MOST {
        let more = rows.len() - MOST;
        writeln!(out, "… and {more} more rows; --csv and --json show all")?;
    }
    writeln!(out)?;
    totals(report, out)
}

fn totals(report: &Report, mut out: impl Write) -> io::Result<()> {
    let totals = &report.rows.totals;
    writeln!(
        out,
        "{} rows: {} logins, {} refused, {} left",
        report.rows.len(),
        totals.logins,
        totals.refusals,
        totals.disconnections
    )?;
    if let (Some(first), Some(last)) = (totals.first.time(), totals.last.time()) {
        writeln!(
            out,
            "from {} to {} UTC",
            shown_time(first),
            shown_time(last)
        )?;
    }
    for (count, what) in [
        (totals.unconfirmed, "not confirmed"),
        (totals.probes, "probes: no PostgreSQL was spoken"),
        (totals.suspicions, "lines that a session may have forged"),
        (report.ignored, "left out by rules"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {what}")?;
        }
    }
    let new = report.rows.newcomers().len();
    if new > 0 {
        writeln!(
            out,
            "{new} new in the last tenth of the period; --html and --json tell which"
        )?;
    }
    Ok(())
}

/// Columns of each column on the screen; 0 where there is no room.
fn widths(cells: &[Vec<String>], room: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::with_capacity(COLUMNS.len());
    for (at, column) in COLUMNS.iter().enumerate() {
        let cells = cells.iter().filter_map(|cells| cells.get(at));
        let widest = cells.map(|cell| columns(cell)).max().unwrap_or(0);
        let most = if column.is_name { WIDE } else { usize::MAX };
        // A column in which nothing stands is left out.
        let title = if widest == 0 { 0 } else { column.title.len() };
        widths.push(widest.min(most).max(title));
    }
    for least in [4, 3, 2, 1] {
        let narrowest = needed(&widths, |width| width.min(READABLE));
        if narrowest > room {
            let of_least = COLUMNS
                .iter()
                .zip(&mut widths)
                .find(|(one, _)| one.least == least);
            if let Some((_, width)) = of_least {
                *width = 0;
            }
        }
    }
    while needed(&widths, |width| width) > room {
        let names = COLUMNS
            .iter()
            .zip(&mut widths)
            .filter(|(one, _)| one.is_name);
        match names.map(|(_, width)| width).max_by_key(|width| **width) {
            Some(width) if *width > NARROW => *width -= 1,
            _ => break,
        }
    }
    widths
}

/// What all columns take up, with two blanks between them, if names are as wide as `name` says.
fn needed(widths: &[usize], name: impl Fn(usize) -> usize) -> usize {
    let shown = COLUMNS.iter().zip(widths).filter(|(_, width)| **width > 0);
    let widths = shown.map(|(column, width)| {
        if column.is_name {
            name(*width) + 2
        } else {
            width + 2
        }
    });
    widths.sum::<usize>().saturating_sub(2)
}

fn line(cells: &[String], widths: &[usize], mut out: impl Write) -> io::Result<()> {
    let mut line = String::new();
    for ((column, cell), width) in COLUMNS.iter().zip(cells).zip(widths) {
        if *width == 0 {
            continue;
        }
        let cell = cut(cell, *width);
        let blanks = " ".repeat(width.saturating_sub(columns(&cell)));
        let (before, behind) = if column.is_number {
            (blanks.as_str(), "")
        } else {
            ("", blanks.as_str())
        };
        line.extend([before, &cell, behind, "  "]);
    }
    writeln!(out, "{}", line.trim_end())
}

fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += columns_of(c);
        if taken > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    if text.starts_with(FIRST_STRONG_ISOLATE) {
        out.push(POP_DIRECTIONAL_ISOLATE);
    }
    out
}

fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

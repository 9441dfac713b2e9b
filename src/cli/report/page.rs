//! The report as a web page, which needs no other file and runs no script. Writing to a String cannot
//! fail.

use std::fmt::Write as _;
use std::io::{self, Write};

use time::OffsetDateTime;

use super::counts::Counts;
use super::rows::{Row, Rows};
use super::timeline::{Bar, Bars};
use super::{Report, names, shown_time};

/// A browser is slow with more rows.
const MOST_ROWS: usize = 2000;

/// How many new ones are listed.
const MOST_NEW: usize = 20;

const STYLE: &str = include_str!("page.css");

pub(super) fn write(report: &Report, mut out: impl Write) -> io::Result<()> {
    let title = names::html(&report.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Who connected: {title}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <header><h1>Who connected to <bdi>{title}</bdi></h1>\n<p>{}</p></header>\n{}",
        period(&report.rows.totals),
        numbers(report),
    )?;
    if let Some(bars) = report.timeline.bars(120) {
        out.write_all(timeline(&bars).as_bytes())?;
    }
    out.write_all(new(&report.rows).as_bytes())?;
    table(&report.rows, &mut out)?;
    out.write_all(notes(report).as_bytes())?;
    out.write_all(b"</main>\n</html>\n")
}

fn period(totals: &Counts) -> String {
    match (totals.first.time(), totals.last.time()) {
        (Some(first), Some(last)) => {
            format!("{} to {} UTC", stamp(first), stamp(last))
        }
        _ => "No connection has a time.".to_owned(),
    }
}

fn stamp(time: OffsetDateTime) -> String {
    format!("<time>{}</time>", shown_time(time))
}

fn numbers(report: &Report) -> String {
    let totals = &report.rows.totals;
    let users = report.rows.distinct(|[user, ..]| user);
    let clients = report.rows.distinct(|[_, _, client, _]| client);
    let tile = |(class, count, what): (&str, u64, &str)| {
        format!(
            "<li class=\"{class}\"><b>{}</b> {what}</li>\n",
            grouped(count)
        )
    };
    let tiles = [
        ("in", totals.logins, "logins"),
        ("no", totals.refusals, "refused"),
        ("", totals.disconnections, "left"),
        ("", users, "users"),
        ("", clients, "clients"),
    ];
    format!(
        "<ul class=\"numbers\">\n{}</ul>\n",
        tiles.map(tile).concat()
    )
}

/// `1 234 567`, with narrow blanks that do not break.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Two rows of bars, each with its own scale: refusals are few where logins are many.
fn timeline(bars: &Bars) -> String {
    let first = at(bars, 0);
    let last = at(bars, bars.each.len());
    let is_long = bars.interval >= 86_400;
    let label = |time: Option<OffsetDateTime>| {
        let text = time.map(shown_time).unwrap_or_default();
        if is_long {
            text.split(' ').next().unwrap_or_default().to_owned()
        } else {
            text
        }
    };
    let rows = [
        ("in", "Logins", (|bar: &Bar| bar.logins) as fn(&Bar) -> u64),
        ("no", "Refused", |bar: &Bar| bar.refusals),
    ];
    format!(
        "<section class=\"timeline\">\n<h2>Over time</h2>\n{}\
         <p class=\"axis\"><time>{}</time><time>{}</time><span>a bar is {}</span></p>\n</section>\n",
        rows.map(|(class, title, count)| strip(bars, class, title, count))
            .concat(),
        label(first),
        label(last),
        duration(bars.interval),
    )
}

fn at(bars: &Bars, bar: usize) -> Option<OffsetDateTime> {
    let bar = i64::try_from(bar).ok()?;
    OffsetDateTime::from_unix_timestamp(bars.start + bar * bars.interval).ok()
}

fn duration(seconds: i64) -> String {
    let units = [
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let unit = units.into_iter().find(|(length, _)| seconds % length == 0);
    let (length, unit) = unit.unwrap_or((1, "second"));
    match seconds / length {
        1 => format!("1 {unit}"),
        count => format!("{count} {unit}s"),
    }
}

fn strip(bars: &Bars, class: &str, title: &str, count: fn(&Bar) -> u64) -> String {
    const HEIGHT: u64 = 60;
    let most = bars.each.iter().map(count).max().unwrap_or(0);
    let mut marks = String::new();
    for (number, bar) in bars.each.iter().enumerate() {
        let count = count(bar);
        if count > 0 {
            // One of many thousands is still seen.
            let height = (count * HEIGHT / most.max(1)).max(2);
            let time = at(bars, number).map(shown_time).unwrap_or_default();
            let _ = write!(
                marks,
                "<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"{height}\"><title>{time}: {count}</title></rect>",
                number * 10 + 1,
                HEIGHT - height,
            );
        }
    }
    format!(
        "<figure class=\"{class}\"><figcaption>{title} <span>at most {} a bar</span></figcaption>\n\
         <svg viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title} over time, at most {most} a bar\">{marks}</svg></figure>\n",
        grouped(most),
        bars.each.len() * 10,
    )
}

fn new(rows: &Rows) -> String {
    let new = rows.newcomers();
    if new.is_empty() {
        return String::new();
    }
    let items: Vec<String> = new
        .iter()
        .take(MOST_NEW)
        .map(|new| {
            let names = rows.names(new.key);
            format!(
                "<li><b>{}</b> <span>{} to {} from {}{}</span> {}</li>\n",
                new.what.name(),
                name(names.user),
                name(names.database),
                name(names.host),
                names
                    .application
                    .map(|application| format!(" with {}", name(Some(application))))
                    .unwrap_or_default(),
                new.login.time().map(stamp).unwrap_or_default(),
            )
        })
        .collect();
    let more = match new.len().saturating_sub(MOST_NEW) {
        0 => String::new(),
        more => format!("<p>… and {} more</p>\n", grouped(more as u64)),
    };
    format!(
        "<section>\n<h2>New at the end</h2>\n<p>Logged in during the last tenth of the period, and not before.</p>\n\
         <ul class=\"new\">\n{}</ul>\n{more}</section>\n",
        items.concat()
    )
}

fn name(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("<bdi>{}</bdi>", names::html(name)),
        None => "<i>–</i>".to_owned(),
    }
}

fn table(rows: &Rows, mut out: impl Write) -> io::Result<()> {
    out.write_all(
        b"<section>\n<h2>Everybody</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>User<th>Database<th>Client<th>Application\
          <th class=\"n\">Logins<th class=\"n\">Refused<th class=\"n\">Left<th>First<th>Last<th>Auth<th>TLS<th>Confirmed</thead>\n<tbody>\n",
    )?;
    for one in rows.each().take(MOST_ROWS) {
        out.write_all(row(&one).as_bytes())?;
    }
    out.write_all(b"</tbody>\n</table></div>\n")?;
    if rows.len() > MOST_ROWS {
        let more = grouped((rows.len() - MOST_ROWS) as u64);
        writeln!(
            out,
            "<p>… and {more} more rows; <code>--csv</code> and <code>--json</code> show all.</p>"
        )?;
    }
    out.write_all(b"</section>\n")
}

fn row(row: &Row<'_>) -> String {
    let (names, counts) = (row.names, row.counts);
    let mut out = String::from(if counts.refusals > 0 {
        "<tr class=\"no\">"
    } else {
        "<tr>"
    });
    for (label, value) in [
        ("User", names.user),
        ("Database", names.database),
        ("Client", names.host),
        ("Application", names.application),
    ] {
        let _ = write!(out, "<td data-label=\"{label}\">{}", name(value));
    }
    for (label, class, count) in [
        ("Logins", "n", counts.logins),
        ("Refused", "n refused", counts.refusals),
        ("Left", "n", counts.disconnections),
    ] {
        let zero = if count == 0 { " zero" } else { "" };
        let _ = write!(
            out,
            "<td class=\"{class}{zero}\" data-label=\"{label}\">{}",
            grouped(count)
        );
    }
    for (label, time) in [("First", counts.first.time()), ("Last", counts.last.time())] {
        let _ = write!(
            out,
            "<td data-label=\"{label}\">{}",
            time.map(stamp).unwrap_or_default()
        );
    }
    for (label, words) in [("Auth", &row.auth_methods), ("TLS", &row.tls)] {
        let words = words.join(" ");
        let words = name(Some(words.as_str()).filter(|words| !words.is_empty()));
        let _ = write!(out, "<td data-label=\"{label}\">{words}");
    }
    let confirmed = match counts.unconfirmed {
        0 => "yes".to_owned(),
        some => format!("<em>{} not</em>", grouped(some)),
    };
    out + "<td data-label=\"Confirmed\">" + &confirmed + "\n"
}

fn notes(report: &Report) -> String {
    let totals = &report.rows.totals;
    let notes = [
        (
            totals.unconfirmed,
            "could have been written by somebody else than PostgreSQL: not confirmed",
        ),
        (
            totals.probes,
            "spoke no PostgreSQL: scans and health checks",
        ),
        (
            totals.suspicions,
            "lines look as if a session had forged them",
        ),
        (report.ignored, "are left out by rules"),
        (
            report.rows.left_out,
            "ARE LEFT OUT: there are too many different ones",
        ),
    ];
    let items: Vec<String> = notes
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("<li><b>{}</b> {what}</li>\n", grouped(count)))
        .collect();
    format!(
        "<footer>\n<ul>\n{}</ul>\n<p>aurora-connection-audit {}</p>\n</footer>\n",
        items.concat(),
        env!("CARGO_PKG_VERSION")
    )
}

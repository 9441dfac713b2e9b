//! Times as RFC 3339, in UTC.

use time::{OffsetDateTime, UtcOffset};

/// The text of a time. Most lines share theirs with the line before.
#[derive(Default)]
pub(super) struct Stamp {
    time: Option<OffsetDateTime>,
    text: String,
}

impl Stamp {
    pub(super) fn of(&mut self, time: OffsetDateTime) -> &str {
        if self.time != Some(time) {
            self.time = Some(time);
            self.text.clear();
            self.write(time.to_offset(UtcOffset::UTC));
        }
        &self.text
    }

    fn write(&mut self, time: OffsetDateTime) {
        let (date, (hour, minute, second)) = (time.date(), time.to_hms());
        for (before, number, digits) in [
            ("", date.year().unsigned_abs(), 4),
            ("-", u8::from(date.month()).into(), 2),
            ("-", date.day().into(), 2),
            ("T", hour.into(), 2),
            (":", minute.into(), 2),
            (":", second.into(), 2),
            (".", time.nanosecond(), 9),
        ] {
            self.text.push_str(before);
            for place in (0..digits).rev() {
                let digit = number / 10_u32.pow(place) % 10;
                self.text.extend(char::from_digit(digit, 10));
            }
        }
        let length = self.text.trim_end_matches('0').trim_end_matches('.').len();
        self.text.truncate(length);
        self.text.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn a_time_is_as_rfc_3339_has_it() {
        let mut stamp = Stamp::default();
        for text in [
            "2026-11-23T09:37:53Z",
            "2026-11-23T09:37:50Z",
            "2000-01-01T00:00:00Z",
            "2026-11-23T09:37:53.1Z",
            "2026-11-23T09:37:53.012Z",
            "2026-11-23T09:37:53.000001Z",
            "2026-11-23T09:37:53+09:00",
        ] {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok();
            let expected =
                time.and_then(|time| time.to_offset(UtcOffset::UTC).format(&Rfc3339).ok());
            assert_eq!(
                time.map(|time| stamp.of(time).to_owned()),
                expected,
                "{text}"
            );
        }
    }
}

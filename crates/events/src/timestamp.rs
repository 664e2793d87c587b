//! Instants as the contract writes them: RFC 3339, microseconds, UTC.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Microseconds since the Unix epoch.
///
/// The text has four digits for the year, so only [`MIN`](Self::MIN) to [`MAX`](Self::MAX) can be
/// written; an instant beyond them is written as the nearer one, never refused. Binary formats have the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The first instant that can be written: the beginning of the year 0.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// The last instant that can be written: the end of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant so much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The text is not an RFC 3339 instant.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 instant: {0}")]
pub struct InvalidTimestamp(String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|e| InvalidTimestamp(e.to_string()))?;
        i64::try_from(instant.unix_timestamp_nanos().div_euclid(1_000))
            .map(Self)
            .map_err(|e| InvalidTimestamp(e.to_string()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = (*self).clamp(Self::MIN, Self::MAX);
        let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(written.0) * 1_000)
            .map_err(|_out_of_range| fmt::Error)?;
        let (date, clock) = (instant.date(), instant.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second(),
            clock.microsecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            crate::text::deserialize(deserializer)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Timestamp;

    fn parsed(text: &str) -> Option<Timestamp> {
        text.parse().ok()
    }

    #[test]
    fn instants_are_written_in_utc_with_microseconds() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_709_164_800_000_001, "2024-02-29T00:00:00.000001Z"),
            (Timestamp::MIN.0, "0000-01-01T00:00:00.000000Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59.999999Z"),
        ];
        for (micros, text) in cases {
            assert_eq!(Timestamp(micros).to_string(), text);
            assert_eq!(parsed(text), Some(Timestamp(micros)));
        }
        assert_eq!(Timestamp(i64::MIN).to_string(), Timestamp::MIN.to_string());
        assert_eq!(Timestamp(i64::MAX).to_string(), Timestamp::MAX.to_string());
    }

    #[test]
    fn binary_formats_have_the_number_whether_it_can_be_written_or_not() {
        for instant in [Timestamp(-1), Timestamp::MAX, Timestamp(i64::MIN), Timestamp(i64::MAX)] {
            let bytes = postcard::to_allocvec(&instant).unwrap_or_default();
            assert_eq!(postcard::from_bytes(&bytes).ok(), Some(instant.0));
            assert_eq!(postcard::from_bytes(&bytes).ok(), Some(instant));
        }
    }

    #[test]
    fn other_spellings_of_an_instant_are_understood() {
        let noon = Some(Timestamp(1_709_208_000_000_000));
        for text in ["2024-02-29T12:00:00Z", "2024-02-29T14:00:00+02:00", "2024-02-29T12:00:00.000000999Z"] {
            assert_eq!(parsed(text), noon, "{text}");
        }
        assert_eq!(parsed("1969-12-31T23:59:59.9999999Z"), Some(Timestamp(-1)), "rounded down, not to zero");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "now", "1709208000", "2024-02-30T00:00:00Z", "2024-02-29", "2024-02-29T12:00:00"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let (first, last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        assert_eq!(last.after(Duration::from_secs(1)), last);
        assert_eq!(first.after(Duration::MAX), Timestamp(i64::MIN.saturating_add(i64::MAX)));
        assert_eq!(last.since(first), Duration::from_micros(i64::MAX.unsigned_abs()));
        assert_eq!(first.since(last), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn every_instant_can_be_written_and_those_in_range_read_back(micros in any::<i64>()) {
            let instant = Timestamp(micros);
            let read = parsed(&instant.to_string());
            prop_assert_eq!(read, Some(instant.clamp(Timestamp::MIN, Timestamp::MAX)));
        }

        #[test]
        fn instants_in_use_survive_text(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
            prop_assert_eq!(parsed(&Timestamp(micros).to_string()), Some(Timestamp(micros)));
        }
    }
}

//! Figures as people read them.

use std::{borrow::Cow, time::Duration};

use events::{Currency, Money};

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 order`, `2,000 orders`.
pub(super) fn counted(number: u64, things: &str) -> String {
    format!("{} {}", grouped(number), named(number, things))
}

/// What so many of these things are called: `ledger entry` for one of the `ledger entries`.
pub(super) fn named(number: u64, things: &str) -> Cow<'_, str> {
    match (number, things.strip_suffix("ies"), things.strip_suffix('s')) {
        (1, Some(stem), _) => format!("{stem}y").into(),
        (1, None, Some(one)) => one.into(),
        _ => things.into(),
    }
}

/// `44.97 EUR` for 4497 minor units.
pub(super) fn money(money: Money) -> String {
    amount(money.amount, money.currency.code())
}

/// The same with the currency's code.
pub(super) fn amount(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let (minor, digits) = (minor.unsigned_abs(), digits(currency));
    let parts = 10_u64.pow(digits);
    let whole = grouped(minor / parts);
    match usize::try_from(digits) {
        Ok(width @ 1..) => format!("{sign}{whole}.{:0width$} {currency}", minor % parts),
        Ok(_) | Err(_) => format!("{sign}{whole} {currency}"),
    }
}

/// What is no currency is told as if it had hundredths: the figure comes from elsewhere and is shown all the same.
fn digits(currency: &str) -> u32 {
    currency.parse().map_or(2, |currency: Currency| currency.minor_digits())
}

/// `250 ms`, `1.5 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`.
pub(super) fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `   250.0 ms`, for columns.
pub(super) fn millis(took: Duration) -> String {
    format!("{:>8.1} ms", took.as_secs_f64() * 1_000.0)
}

/// `512 B`, `1.5 KiB`, `12.3 GiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mut size = bytes as f64;
    let mut name = "B";
    for unit in units {
        if size < 1_024.0 {
            break;
        }
        (size, name) = (size / 1_024.0, unit);
    }
    if name == "B" { format!("{bytes} B") } else { format!("{size:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_of_them_is_called_otherwise() {
        assert_eq!(counted(1, "orders"), "1 order");
        assert_eq!(counted(0, "orders"), "0 orders");
        assert_eq!(counted(2_000, "dead letters"), "2,000 dead letters");
        assert_eq!(
            (named(1, "ledger entries"), named(2, "ledger entries")),
            ("ledger entry".into(), "ledger entries".into())
        );
    }

    #[test]
    fn money_has_as_many_digits_as_its_currency() {
        assert_eq!(amount(4_497, "EUR"), "44.97 EUR");
        assert_eq!(amount(5, "EUR"), "0.05 EUR");
        assert_eq!(amount(-123_456, "USD"), "-1,234.56 USD");
        assert_eq!(amount(4_497, "JPY"), "4,497 JPY");
        assert_eq!(amount(4_497, "KWD"), "4.497 KWD");
        assert_eq!(amount(4_497, "UYI"), "44.97 UYI", "no currency in circulation");
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (13_207_024_435, "12.3 GiB"),
            (1 << 50, "1024.0 TiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        let cases = [
            (0.25, "250 ms"),
            (1.5, "1.5 s"),
            (125.0, "2 min 5 s"),
            (11_400.0, "3 h 10 min"),
            (187_200.0, "2 d 4 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(lasting(Duration::from_secs_f64(seconds)), text);
        }
    }
}

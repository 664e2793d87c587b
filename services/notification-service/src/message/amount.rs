//! Amounts as people read them. Pure.

use events::{Currency, Money};

/// Currencies without a minor unit (exponent 0 in ISO 4217).
const WHOLE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
/// Currencies whose minor unit is a thousandth (exponent 3).
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// An amount with its decimal point where the currency has it: `44.97 EUR`, `4497 JPY`, `4.497 KWD`.
pub(super) fn in_words(money: Money) -> String {
    let Money { amount, currency } = money;
    let digits = minor_digits(currency);
    let sign = if amount < 0 { "-" } else { "" };
    let unit = 10_u64.pow(digits);
    let (major, minor) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    match usize::try_from(digits) {
        Ok(width @ 1..) => format!("{sign}{major}.{minor:0width$} {currency}"),
        Ok(0) | Err(_) => format!("{sign}{major} {currency}"),
    }
}

/// How many digits of an amount stand after the decimal point.
fn minor_digits(currency: Currency) -> u32 {
    let code = currency.code();
    if WHOLE.contains(&code) {
        0
    } else if THOUSANDTHS.contains(&code) {
        3
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_stands_where_the_currency_has_it() {
        let table = [
            (4_497, "EUR", "44.97 EUR"),
            (4_497, "JPY", "4497 JPY"),
            (4_497, "KWD", "4.497 KWD"),
            (5, "USD", "0.05 USD"),
            (5, "TND", "0.005 TND"),
            (0, "EUR", "0.00 EUR"),
            (0, "XPF", "0 XPF"),
            (100, "GBP", "1.00 GBP"),
            (-5, "EUR", "-0.05 EUR"),
            (-1_050, "BHD", "-1.050 BHD"),
            (i64::MAX, "EUR", "92233720368547758.07 EUR"),
            (i64::MIN, "KRW", "-9223372036854775808 KRW"),
        ];
        for (amount, currency, words) in table {
            assert_eq!(in_words(Money { amount, currency: currency.parse().unwrap() }), words);
        }
    }

    #[test]
    fn every_currency_with_another_unit_than_a_hundredth_is_a_currency() {
        for code in WHOLE.iter().chain(THOUSANDTHS) {
            assert!(code.parse::<Currency>().is_ok(), "{code}");
        }
    }
}

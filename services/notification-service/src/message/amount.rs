//! Amounts as people read them. Pure.

use events::Money;

/// An amount with its decimal point where the currency has it: `44.97 EUR`, `4497 JPY`, `4.497 KWD`.
pub(super) fn in_words(money: Money) -> String {
    let Money { amount, currency } = money;
    let digits = currency.minor_digits();
    let sign = if amount < 0 { "-" } else { "" };
    let unit = 10_u64.pow(digits);
    let (major, minor) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    match usize::try_from(digits) {
        Ok(width @ 1..) => format!("{sign}{major}.{minor:0width$} {currency}"),
        Ok(0) | Err(_) => format!("{sign}{major} {currency}"),
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
}

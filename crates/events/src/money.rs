//! Money: integer minor units of an ISO 4217 currency, never a float.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency in circulation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many digits of an amount in minor units stand after the decimal point: the exponent of ISO 4217.
    #[must_use]
    pub fn minor_digits(&self) -> u32 {
        let code = self.code();
        if WHOLE.contains(&code) {
            0
        } else if THOUSANDTHS.contains(&code) {
            3
        } else {
            2
        }
    }
}

/// The active codes of ISO 4217, without funds, metals and test codes; sorted for binary search.
const CODES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD",
    "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC",
    "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL",
    "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR",
    "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK",
    "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR",
    "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE",
    "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD",
    "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF",
    "XPF", "YER", "ZAR", "ZMW", "ZWG",
];
/// Those of them without a minor unit.
const WHOLE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
/// Those of them whose minor unit is a thousandth.
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// The text is not the code of a currency in circulation.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency code (three capital letters, such as EUR)")]
pub struct UnknownCurrency(String);

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = CODES.binary_search(&text).is_ok();
        match text.as_bytes() {
            &[a, b, c] if known => Ok(Self([a, b, c])),
            _ => Err(UnknownCurrency(text.chars().take(16).collect())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

/// An amount of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents of EUR, whole yen of JPY.
    pub amount: i64,
    /// The currency the units are of.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Currency, Money, THOUSANDTHS, WHOLE};

    #[test]
    fn codes_are_sorted_so_that_the_search_finds_them() {
        assert!(CODES.is_sorted());
        for code in CODES {
            assert_eq!(
                code.parse::<Currency>().map(|currency| currency.to_string()).ok().as_deref(),
                Some(*code)
            );
        }
    }

    #[test]
    fn every_currency_with_another_unit_than_a_hundredth_is_a_currency() {
        let digits = |code: &&str| code.parse::<Currency>().ok().map(|currency| currency.minor_digits());
        assert!(WHOLE.iter().all(|code| CODES.contains(code) && digits(code) == Some(0)));
        assert!(THOUSANDTHS.iter().all(|code| CODES.contains(code) && digits(code) == Some(3)));
        assert_eq!(digits(&"EUR"), Some(2));
    }

    #[test]
    fn what_is_no_currency_is_refused_in_few_words() {
        for text in ["", "eur", "EU", "EURO", "XTS", "€€€", " EUR"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
        let refusal = "A".repeat(1_000_000).parse::<Currency>().err().map(|error| error.to_string());
        assert!(refusal.is_some_and(|text| text.len() < 200));
    }

    #[test]
    fn money_is_whole_minor_units() {
        let read = |text: &str| serde_json::from_str::<Money>(text).ok().map(|money| money.amount);
        for amount in [0, 1, -1, i64::MIN, i64::MAX] {
            assert_eq!(read(&format!(r#"{{"amount":{amount},"currency":"EUR"}}"#)), Some(amount));
        }
        for amount in ["1.0", "1e2", "9223372036854775808", "\"1\"", "null", "NaN"] {
            assert_eq!(read(&format!(r#"{{"amount":{amount},"currency":"EUR"}}"#)), None, "{amount}");
        }
        assert_eq!(read(r#"{"amount":1,"currency":"eur"}"#), None);
        assert_eq!(read(r#"{"amount":1}"#), None);
    }
}

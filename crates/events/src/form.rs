//! The texts that callers choose: what a SKU, a customer's id and so on look like in every event.

use std::fmt;

/// What a text looks like: so many characters of certain kinds. Reads `1 to 64 characters of A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Most characters; at least one is always wanted.
    max: usize,
    allowed: fn(char) -> bool,
    /// The allowed characters in words.
    of: &'static str,
}

/// A SKU: what is stocked and ordered.
pub const SKU: Form = Form {
    max: 64,
    allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
    of: "A-Z a-z 0-9 . _ -",
};

/// The id of a customer.
pub const CUSTOMER_ID: Form = Form {
    max: 64,
    allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-'),
    of: "A-Z a-z 0-9 . _ : @ -",
};

/// The gateway's token for a card.
pub const PAYMENT_METHOD: Form = Form {
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'),
    of: "A-Z a-z 0-9 . _ : -",
};

/// Why something is asked for, in the caller's words.
pub const REASON: Form =
    Form { max: 500, allowed: |c| !c.is_control(), of: "any kind but control characters" };

impl Form {
    /// Whether the text looks like that.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let length = text.chars().take(self.max + 1).count();
        (1..=self.max).contains(&length) && text.chars().all(self.allowed)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 to {} characters of {}", self.max, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::{CUSTOMER_ID, PAYMENT_METHOD, REASON, SKU};

    #[test]
    fn identifiers_are_short_and_of_plain_characters() {
        for form in [SKU, CUSTOMER_ID, PAYMENT_METHOD] {
            for good in ["A", "lamp-blue_2.0", &"x".repeat(64)] {
                assert!(form.fits(good), "{good}");
            }
            for bad in ["", " A", "A B", "A/B", "größe", "A\n", "*", "\u{441}-1", &"x".repeat(129)] {
                assert!(!form.fits(bad), "{bad}");
            }
        }
        let by_form = |text: &str| [SKU, CUSTOMER_ID, PAYMENT_METHOD].map(|form| form.fits(text));
        assert_eq!(by_form("a:b"), [false, true, true]);
        assert_eq!(by_form("a@b"), [false, true, false]);
        assert_eq!(by_form(&"x".repeat(65)), [false, false, true]);
    }

    #[test]
    fn a_reason_is_in_any_words_on_one_line() {
        for good in ["zu blau, schön wär's 🙂", &"ü".repeat(500)] {
            assert!(REASON.fits(good), "{good}");
        }
        for bad in ["", "a\nb", "\u{0}", &"x".repeat(501)] {
            assert!(!REASON.fits(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_form_reads_as_what_to_write() {
        assert_eq!(SKU.to_string(), "1 to 64 characters of A-Z a-z 0-9 . _ -");
        assert_eq!(REASON.to_string(), "1 to 500 characters of any kind but control characters");
    }
}

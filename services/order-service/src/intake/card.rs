//! Recognises card numbers, which must not come here: only the gateway's tokens may.

/// Digits of a card number, by ISO/IEC 7812 and in practice.
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// Whether the text is, or holds as a word of its own, something like a card number: 13 to 19 digits
/// with a valid check digit. Grouping by blanks, dots or hyphens hides one only if it is the whole text.
pub(super) fn looks_like_card_number(text: &str) -> bool {
    let is_separator = |c: char| matches!(c, ' ' | '-' | '.');
    let grouped = text.chars().all(|c| c.is_ascii_digit() || is_separator(c));
    let joined: String = text.chars().filter(|c| !is_separator(*c)).collect();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    (grouped && is_card_number(&joined)) || words.any(is_card_number)
}

fn is_card_number(word: &str) -> bool {
    LENGTHS.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()) && luhn(word)
}

/// The check digit's rule: every second digit from the right counts double, digit by digit.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = digit * 2;
            if place % 2 == 0 { digit } else { doubled / 10 + doubled % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::looks_like_card_number;

    #[test]
    fn card_numbers_are_seen_however_they_are_written() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5500-0000-0000-0004",
            "3400.000000.00009",
            "pm_4111111111111111",
            "card:4111111111111111:12/30",
            "4222222222222",
            "6304000000000000000",
        ] {
            assert!(looks_like_card_number(text), "{text}");
        }
    }

    #[test]
    fn tokens_are_not_taken_for_card_numbers() {
        for text in [
            "",
            "pm_card_visa",
            "tok_1PqXyZ2eZvKYlo2C",
            "4111111111111112",
            "411111111111",
            "41111111111111111111",
            "pm_550e8400-e29b-41d4-a716-446655440000",
            "a4111111111111111",
        ] {
            assert!(!looks_like_card_number(text), "{text}");
        }
    }
}

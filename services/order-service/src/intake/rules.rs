//! The rules for single values.

use super::{card::looks_like_card_number, complaints::Complaints, json::Node};

/// Numbers from here on are not repeated to the caller: they might be card numbers.
const REPEATABLE: u128 = 1_000_000_000_000;

/// What a text must be.
pub(super) struct TextRule {
    /// Most characters; at least one is always wanted.
    max: usize,
    allowed: fn(char) -> bool,
    /// The allowed characters in words.
    of: &'static str,
}

pub(super) const CUSTOMER_ID: TextRule = TextRule {
    max: 64,
    allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-'),
    of: "A-Z a-z 0-9 . _ : @ -",
};

pub(super) const SKU: TextRule = TextRule {
    max: 64,
    allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
    of: "A-Z a-z 0-9 . _ -",
};

pub(super) const PAYMENT_METHOD: TextRule = TextRule {
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-'),
    of: "A-Z a-z 0-9 . _ : -",
};

pub(super) const REASON: TextRule =
    TextRule { max: 500, allowed: |c| !c.is_control(), of: "any kind but control characters" };

impl TextRule {
    fn holds(&self, text: &str) -> bool {
        let length = text.chars().take(self.max + 1).count();
        (1..=self.max).contains(&length) && text.chars().all(self.allowed)
    }
}

/// Whether a text can be the id of a customer.
#[must_use]
pub fn is_customer_id(text: &str) -> bool {
    CUSTOMER_ID.holds(text)
}

/// A text by its rule.
pub(super) fn text(
    node: &Node,
    pointer: &str,
    rule: &TextRule,
    complaints: &mut Complaints,
) -> Option<String> {
    let Node::Text(text) = node else {
        complaints.add(pointer, format!("must be a string, not {}", node.kind()));
        return None;
    };
    if !rule.holds(text) {
        complaints.add(pointer, format!("must be 1 to {} characters of {}", rule.max, rule.of));
        return None;
    }
    Some(text.clone())
}

/// A whole number within bounds.
pub(super) fn whole(
    node: &Node,
    pointer: &str,
    least: i128,
    most: i128,
    complaints: &mut Complaints,
) -> Option<i128> {
    let number = if let Node::Whole(number) = node { Some(*number) } else { None };
    let good = number.filter(|number| (least..=most).contains(number));
    if good.is_none() {
        let repeatable = number.filter(|number| number.unsigned_abs() < REPEATABLE);
        let found = repeatable.map_or(node.kind().to_owned(), |number| number.to_string());
        complaints.add(pointer, format!("must be a whole number from {least} to {most}, not {found}"));
    }
    good
}

/// Refuses a card number, without repeating it, whether it came as text or as a number.
pub(super) fn no_card_number(node: &Node, pointer: &str, complaints: &mut Complaints) -> Option<()> {
    let is_one = match node {
        Node::Text(text) => looks_like_card_number(text),
        Node::Whole(number) => looks_like_card_number(&number.to_string()),
        Node::Null | Node::Bool | Node::Fraction | Node::List(_) | Node::Object(_) => false,
    };
    if is_one {
        let detail = "looks like a card number; send the gateway's token for the card instead";
        complaints.add(pointer, detail.to_owned());
        return None;
    }
    Some(())
}

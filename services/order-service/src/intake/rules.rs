//! The rules for single values.

use events::form::Form;

use super::{card::looks_like_card_number, complaints::Complaints, json::Node};

/// Numbers from here on are not repeated to the caller: they might be card numbers.
const REPEATABLE: u128 = 1_000_000_000_000;

/// A text of a form.
pub(super) fn text(node: &Node, pointer: &str, form: &Form, complaints: &mut Complaints) -> Option<String> {
    let Node::Text(text) = node else {
        complaints.add(pointer, format!("must be a string, not {}", node.kind()));
        return None;
    };
    if !form.fits(text) {
        complaints.add(pointer, format!("must be {form}"));
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

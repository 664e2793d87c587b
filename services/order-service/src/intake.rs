//! What a caller's JSON must be to become an order or a cancellation: every rule about content, pure.
//!
//! All complaints about a body are collected, each with the JSON pointer of the field and what to fix.

mod card;
mod complaints;
mod json;
mod rules;
#[cfg(test)]
mod tests;

use events::{
    Currency, Money,
    form::{CUSTOMER_ID, PAYMENT_METHOD, REASON, SKU},
    orders::Line,
};
use runtime::http::{Refusal, read_json};
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::{
    complaints::{Complaints, Fields},
    json::Node,
};

/// Most lines of an order.
const MAX_LINES: usize = 100;
/// Most pieces of one line.
const MAX_QUANTITY: i128 = 10_000;
/// Highest price of one piece, in minor units.
const MAX_UNIT_PRICE: i128 = 10_000_000_000;

/// The content of an order, found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Who buys.
    pub customer_id: String,
    /// What, at which price; each SKU once.
    pub lines: Vec<Line>,
    /// The sum of the lines, more than nothing.
    pub total: Money,
    /// The gateway's token for the customer's card.
    pub payment_method: String,
}

/// Reads the body of a request to place an order.
///
/// # Errors
/// See [`Refusal`]; of the fields that are wrong it names all.
pub fn read_order(body: &[u8]) -> Result<Content, Refusal> {
    let node = read_json(body)?;
    let mut complaints = Complaints::default();
    let content = order(&node, &mut complaints);
    match content {
        Some(content) if complaints.is_empty() => Ok(content),
        Some(_) | None => Err(Refusal::Invalid(complaints.into_list())),
    }
}

/// Reads the body of a request to cancel an order, which may be empty: the caller's reason.
///
/// # Errors
/// As for [`read_order`].
pub fn read_cancel(body: &[u8]) -> Result<Option<String>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    let node = read_json(body)?;
    let mut complaints = Complaints::default();
    let fields = Fields::of(&node, "", &["reason"], &mut complaints);
    let reason = fields.and_then(|fields| {
        let given = fields.optional("reason")?;
        rules::text(given, &fields.pointer("reason"), &REASON, &mut complaints)
    });
    if complaints.is_empty() { Ok(reason) } else { Err(Refusal::Invalid(complaints.into_list())) }
}

fn order(node: &Node, complaints: &mut Complaints) -> Option<Content> {
    const KNOWN: [&str; 5] = ["customer_id", "currency", "lines", "total", "payment_method"];
    let fields = Fields::of(node, "", &KNOWN, complaints)?;
    let text = |name, rule, complaints: &mut Complaints| {
        rules::text(fields.required(name, complaints)?, &fields.pointer(name), rule, complaints)
    };
    let customer_id = text("customer_id", &CUSTOMER_ID, complaints);
    let currency = fields.required("currency", complaints).and_then(|node| currency(node, complaints));
    let lines = fields.required("lines", complaints).and_then(|node| lines(node, complaints));
    let payment_method = fields.required("payment_method", complaints).and_then(|node| {
        let pointer = fields.pointer("payment_method");
        rules::no_card_number(node, &pointer, complaints)?;
        rules::text(node, &pointer, &PAYMENT_METHOD, complaints)
    });
    // A sum of wrong lines would only raise a second complaint about the same mistake.
    let amount = lines.as_deref().and_then(|lines| sum(lines, complaints));
    if let Some(stated) = fields.optional("total") {
        compare(stated, amount, complaints);
    }
    let total = Money { amount: amount?, currency: currency? };
    Some(Content { customer_id: customer_id?, lines: lines?, total, payment_method: payment_method? })
}

fn currency(node: &Node, complaints: &mut Complaints) -> Option<Currency> {
    let Node::Text(code) = node else {
        complaints.add("/currency", format!("must be a string such as \"EUR\", not {}", node.kind()));
        return None;
    };
    match code.parse() {
        Ok(currency) => Some(currency),
        Err(error) => {
            complaints.add("/currency", error.to_string());
            None
        }
    }
}

/// The lines; `None` as soon as one of them is wrong.
fn lines(node: &Node, complaints: &mut Complaints) -> Option<Vec<Line>> {
    let Node::List(nodes) = node else {
        complaints.add("/lines", format!("must be a list of lines, not {}", node.kind()));
        return None;
    };
    if nodes.is_empty() || nodes.len() > MAX_LINES {
        let count = nodes.len();
        complaints.add("/lines", format!("must hold 1 to {MAX_LINES} lines, not {count}; split the order"));
        return None;
    }
    let read: Vec<Option<Line>> =
        nodes.iter().enumerate().map(|(index, node)| line(index, node, complaints)).collect();
    refuse_repetition(&read, complaints);
    read.into_iter().collect()
}

fn line(index: usize, node: &Node, complaints: &mut Complaints) -> Option<Line> {
    let pointer = format!("/lines/{index}");
    let fields = Fields::of(node, &pointer, &["sku", "quantity", "unit_price"], complaints)?;
    let sku = fields
        .required("sku", complaints)
        .and_then(|node| rules::text(node, &fields.pointer("sku"), &SKU, complaints));
    let mut number = |name, least, most| {
        let node = fields.required(name, complaints)?;
        rules::whole(node, &fields.pointer(name), least, most, complaints)
    };
    let quantity = number("quantity", 1, MAX_QUANTITY);
    let unit_price = number("unit_price", 0, MAX_UNIT_PRICE);
    let quantity = u32::try_from(quantity?).ok()?;
    Some(Line { sku: sku?, quantity, unit_price: i64::try_from(unit_price?).ok()? })
}

fn refuse_repetition(lines: &[Option<Line>], complaints: &mut Complaints) {
    let mut seen = std::collections::HashMap::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(line) = line else { continue };
        if let Some(first) = seen.insert(line.sku.as_str(), index) {
            let sku = &line.sku;
            complaints.add(
                &format!("/lines/{index}/sku"),
                format!("repeats {sku} of /lines/{first}; order each SKU once, with the whole quantity"),
            );
        }
    }
}

/// What the lines cost together, which must be something and must fit.
fn sum(lines: &[Line], complaints: &mut Complaints) -> Option<i64> {
    let costs = lines.iter().map(|line| line.unit_price.checked_mul(i64::from(line.quantity)));
    let total = costs.sum::<Option<i64>>();
    match total {
        Some(1..) => {}
        Some(_) => {
            complaints.add("/lines", "cost nothing together; an order must cost at least 1".to_owned())
        }
        None => complaints.add("/lines", "cost more together than an order can; split it".to_owned()),
    }
    total.filter(|total| *total > 0)
}

fn compare(stated: &Node, amount: Option<i64>, complaints: &mut Complaints) {
    let Some(stated) = rules::whole(stated, "/total", 1, i128::from(i64::MAX), complaints) else { return };
    match amount {
        Some(amount) if stated != i128::from(amount) => {
            complaints.add("/total", format!("is not what the lines add up to: {amount}"));
        }
        Some(_) | None => {}
    }
}

impl Content {
    /// SHA-256 in hex over what the content means, however its JSON was laid out: equal for the same
    /// lines in another order, different when anything a customer would notice differs.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        #[derive(Serialize)]
        struct Canonical<'a> {
            form: &'static str,
            customer_id: &'a str,
            total: Money,
            payment_method: &'a str,
            lines: Vec<(&'a str, u32, i64)>,
        }
        let mut lines: Vec<_> =
            self.lines.iter().map(|line| (line.sku.as_str(), line.quantity, line.unit_price)).collect();
        lines.sort_unstable();
        let canonical = Canonical {
            form: "order/1",
            customer_id: &self.customer_id,
            total: self.total,
            payment_method: &self.payment_method,
            lines,
        };
        #[expect(clippy::expect_used, reason = "a plain struct of strings and numbers always serialises")]
        let text = serde_json::to_vec(&canonical).expect("the canonical form serialises");
        hex::encode(Sha256::digest(text))
    }
}

//! An order and its events in words.

use std::fmt::Display;

use console::{StyledObject, style};
use events::{
    EventData, Timestamp,
    dead_letters::{LetterDiscarded, LetterRedriven},
};
use serde_json::Value;

use super::super::figures::{amount, lasting, money};
use crate::client::{Order, OrderLine, OrderStatus, Payment, TimelineEvent};

/// The order, line by line.
pub(super) fn order(order: &Order) -> Vec<String> {
    let Order { order_id, customer_id, total, created_at, updated_at, trace_id, .. } = order;
    let because = order.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let detail = order.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let mut lines = vec![format!("{} {}{because}{detail}", style(order_id).bold(), status(order.status))];
    lines.push(row("customer", customer_id));
    for OrderLine { sku, quantity, unit_price } in &order.lines {
        let price = amount(*unit_price, total.currency.code());
        lines.push(row("", format_args!("{quantity} × {sku} at {price}")));
    }
    lines.push(row("total", money(*total)));
    if let Some(Payment { charge_id, refund }) = &order.payment {
        lines.extend(charge_id.as_ref().map(|charge| row("charge", charge)));
        lines.extend(refund.as_ref().map(|refund| {
            let id = refund.refund_id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
            row("refund", format_args!("{} {}{id}", money(refund.amount), refund.status))
        }));
    }
    lines.push(row(
        "created",
        format_args!("{created_at}, last change {} later", lasting(updated_at.since(*created_at))),
    ));
    lines.push(row("trace", trace_id));
    lines
}

fn row(name: &str, text: impl Display) -> String {
    format!("  {} {text}", style(format!("{name:<9}")).dim())
}

/// How far an order has come, in its colour.
pub(super) fn status(status: OrderStatus) -> StyledObject<&'static str> {
    let text = style(status.as_str());
    match status {
        OrderStatus::Confirmed => text.green().bold(),
        OrderStatus::Cancelled => text.red().bold(),
        OrderStatus::Accepted | OrderStatus::AwaitingStock | OrderStatus::AwaitingPayment => text.yellow(),
    }
}

/// One event: how long after the first, where, what.
pub(super) fn event(event: &TimelineEvent, begun: Timestamp) -> String {
    let TimelineEvent { stream, sequence, subject, stored_at, data, .. } = event;
    let after = format!("+{}", lasting(stored_at.since(begun)));
    let place = format!("{stream}:{sequence}");
    let kind = style(format!("{subject:<26}"));
    let kind = match subject.as_str() {
        "orders.confirmed" => kind.green().bold(),
        "orders.cancelled" => kind.red().bold(),
        LetterRedriven::TYPE | LetterDiscarded::TYPE => kind.yellow(),
        other if other.starts_with("dead_letters.") => kind.red(),
        _ => kind.bold(),
    };
    let said = gist(data);
    format!("  {} {kind} {}{said}", style(format!("{after:>9}")).dim(), style(format!("{place:<20} ")).dim())
        .trim_end()
        .to_owned()
}

/// What of a payload tells most, whichever event it is of.
fn gist(data: &Value) -> String {
    let mut parts = Vec::new();
    let lines = data.get("lines").or_else(|| data.get("returned")).and_then(Value::as_array);
    let pieces = lines.into_iter().flatten().filter_map(|line| {
        Some(format!("{} × {}", line.get("quantity")?.as_u64()?, line.get("sku")?.as_str()?))
    });
    parts.extend(pieces);
    let sum = ["total", "amount"].iter().find_map(|name| data.get(name));
    parts.extend(
        sum.and_then(|sum| Some(amount(sum.get("amount")?.as_i64()?, sum.get("currency")?.as_str()?))),
    );
    let short = data.get("shortages").and_then(Value::as_array).into_iter().flatten();
    parts.extend(short.filter_map(|short| Some(format!("{} is short", short.get("sku")?.as_str()?))));
    for name in ["charge_id", "refund_id", "code", "reason", "detail", "template", "channel", "error"] {
        parts.extend(data.get(name).and_then(Value::as_str).map(str::to_owned));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> String {
        console::strip_ansi_codes(text).into_owned()
    }

    fn sample() -> Order {
        let body = json!({
            "order_id": "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70", "customer_id": "c-1001", "status": "cancelled",
            "reason": "customer", "detail": "ordered by mistake",
            "lines": [{"sku": "LAMP-BLUE", "quantity": 2, "unit_price": 1999}],
            "total": {"amount": 3998, "currency": "EUR"},
            "payment": {"charge_id": "ch_7", "refund": {"status": "pending", "amount": {"amount": 3998, "currency": "EUR"}}},
            "created_at": "2026-01-01T00:00:05.000000Z", "updated_at": "2026-01-01T00:00:05.250000Z",
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "version": 7, "links": {"self": "/orders/…"}
        });
        serde_json::from_value(body).expect("an order as the service shows it")
    }

    #[test]
    fn an_order_is_told_with_its_money() {
        let order = sample();
        assert!(order.refund_is_pending());
        let text = plain(&super::order(&order).join("\n"));
        assert_eq!(
            text,
            "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70 cancelled: customer (ordered by mistake)\n  \
             customer  c-1001\n            2 × LAMP-BLUE at 19.99 EUR\n  total     39.98 EUR\n  \
             charge    ch_7\n  refund    39.98 EUR pending\n  \
             created   2026-01-01T00:00:05.000000Z, last change 250 ms later\n  \
             trace     0af7651916cd43dd8448eb211c80319c"
        );
    }

    #[test]
    fn an_event_is_one_line() {
        let captured = json!({"stream": "PAYMENTS", "sequence": 7, "subject": "payments.captured",
            "stored_at": "2026-01-01T00:00:05.012000Z", "id": null,
            "data": {"order_id": "…", "charge_id": "ch_7", "amount": {"amount": 3998, "currency": "EUR"}}});
        let captured: TimelineEvent =
            serde_json::from_value(captured).expect("an event as the service shows it");
        let begun = captured.stored_at.0 - 12_000;
        let text = plain(&event(&captured, Timestamp(begun)));
        assert_eq!(text, "     +12 ms payments.captured          PAYMENTS:7           39.98 EUR, ch_7");
    }

    #[test]
    fn whatever_a_payload_is_it_can_be_told() {
        let rejected = json!({"shortages": [{"sku": "A", "requested": 2, "available": null}]});
        assert_eq!(gist(&rejected), "A is short");
        for odd in [Value::Null, json!([1]), json!({"lines": 7, "total": {"amount": "x"}, "code": 1})] {
            assert_eq!(gist(&odd), "");
        }
    }
}

//! How long the fleet takes to be itself again, read from the streams afterwards.

use std::{collections::BTreeMap, time::Duration};

use anyhow::ensure;
use events::{RawEnvelope, Timestamp, orders::OrderEvent};
use messaging::log::Stored;
use runtime::Clock;
use tests::shop::{Shop, stored};

/// The time now, as the broker on the same machine sees it.
pub(crate) fn now() -> Timestamp {
    Timestamp(i64::try_from(Clock::system().unix_micros()).unwrap_or(i64::MAX))
}

/// From `healed`, when the fault was over, until every order accepted before was decided and its customer told.
pub(crate) async fn since(shop: &Shop, healed: Timestamp) -> anyhow::Result<Duration> {
    let accepted = first_of_each(&stored(shop, "REQUESTS").await?, |kind| kind == "requests.order.place");
    let decided = first_of_each(&stored(shop, "ORDERS").await?, is_decision);
    let told = first_of_each(&stored(shop, "NOTIFICATIONS").await?, |_| true);
    let before = accepted.iter().filter(|(_, at)| **at <= healed).map(|(order, _)| order);
    // A request that was refused leads to no decision.
    let last = before.flat_map(|order| [decided.get(order), told.get(order)]).flatten().max();
    ensure!(last.is_some(), "no order was accepted before the fault was over, so nothing was measured");
    Ok(last.map_or(Duration::ZERO, |last| last.since(healed)))
}

fn is_decision(kind: &str) -> bool {
    OrderEvent::TYPES.iter().any(|(known, _)| *known == kind)
        && matches!(kind, "orders.confirmed" | "orders.cancelled")
}

/// When each aggregate first met such a message.
fn first_of_each(messages: &[Stored], wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Timestamp> {
    let mut first = BTreeMap::new();
    for message in messages.iter().filter(|message| wanted(&message.subject)) {
        if let Ok(envelope) = RawEnvelope::parse(&message.payload) {
            first.entry(envelope.aggregate_id.into_owned()).or_insert(message.timestamp);
        }
    }
    first
}

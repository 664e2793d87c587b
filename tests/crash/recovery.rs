//! How long the fleet takes to be itself again, read from the streams afterwards.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use events::{
    EventData, RawEnvelope, Timestamp,
    orders::{OrderCancelled, OrderConfirmed},
    requests::PlaceOrder,
};
use messaging::log::Stored;
use runtime::Clock;
use tests::shop::{Shop, stored};

/// The time now, as the broker on the same machine sees it.
pub(crate) fn now() -> Timestamp {
    Timestamp(i64::try_from(Clock::system().unix_micros()).unwrap_or(i64::MAX))
}

/// How long the orders took that were accepted before a fault was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// From the end of the fault until the last of them was decided and its customer told.
    pub(crate) took: Duration,
    /// Which one that was, and what was late about it.
    pub(crate) last: String,
}

/// From `healed`, when the fault was over, until every order accepted before was decided and its customer told.
pub(crate) async fn since(shop: &Shop, healed: Timestamp) -> anyhow::Result<Recovery> {
    let accepted = first_of_each(&stored(shop, "REQUESTS").await?, |kind| kind == PlaceOrder::TYPE);
    let decided = first_of_each(&stored(shop, "ORDERS").await?, is_decision);
    let told = first_of_each(&stored(shop, "NOTIFICATIONS").await?, |_| true);
    let before = accepted.iter().filter(|(_, at)| **at <= healed).map(|(order, _)| order);
    // A request that was refused leads to no decision.
    let ends =
        before.flat_map(|order| [(decided.get(order), "decided", order), (told.get(order), "told", order)]);
    let last = ends.filter_map(|(at, what, order)| Some((at?, what, order))).max();
    let (at, what, order) = last.context("no order was accepted before the fault was over")?;
    Ok(Recovery { took: at.since(healed), last: format!("{order} was the last to be {what}") })
}

fn is_decision(kind: &str) -> bool {
    [OrderConfirmed::TYPE, OrderCancelled::TYPE].contains(&kind)
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

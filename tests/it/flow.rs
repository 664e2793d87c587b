//! An order from the call to the customer's message: what callers, subscribers and auditors see of it.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, ensure};
use events::RawEnvelope;
use orderfleet::{client::OrderStatus, fleet::FleetOptions};
use testkit::eventually;

use crate::shop::{SOON, Shop, busy_day, by_subject, http, lamps, stored};

const STREAMS: [&str; 5] = ["REQUESTS", "ORDERS", "INVENTORY", "PAYMENTS", "NOTIFICATIONS"];

#[tokio::test]
async fn an_order_is_confirmed_and_its_whole_life_is_one_trace() -> anyhow::Result<()> {
    let shop = Shop::open(FleetOptions::temporary()).await?;
    shop.stock.set("LAMP", 5, None).await?;
    let placed = shop.orders.place(&lamps("ada", 2), Some("first"), None).await?;
    assert_eq!((placed.code, placed.status), (202, OrderStatus::Accepted));
    let order = shop.orders.get_settled(placed.order_id, SOON).await?;
    assert_eq!(order.status, OrderStatus::Confirmed);

    let expected = [
        "requests.order.place",
        "orders.created",
        "inventory.reserved",
        "payments.captured",
        "orders.confirmed",
        "inventory.committed",
        "notifications.sent",
    ];
    let timeline = eventually(SOON, "the whole life in the audit trail", async || {
        let timeline = shop.audit.timeline(placed.order_id).await.ok()?;
        (timeline.len() == expected.len()).then_some(timeline)
    })
    .await;
    let subjects: BTreeSet<_> = timeline.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, expected.into());
    let place = |subject| timeline.iter().position(|event| event.subject == subject);
    // The last two follow from the one before them side by side.
    assert_eq!(timeline[..5].iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), expected[..5]);
    assert!(place("orders.confirmed") < place("inventory.committed"));

    let mut traces = BTreeSet::new();
    for stream in STREAMS {
        for message in stored(&shop, stream).await? {
            // One event as JSON per message, under the subject that is its type, whatever batch it came in.
            let event: serde_json::Value = serde_json::from_slice(&message.payload)?;
            ensure!(event["type"] == message.subject.as_str(), "{event} on {}", message.subject);
            let raw = RawEnvelope::parse(&message.payload)?;
            let data: serde_json::Value = serde_json::from_str(raw.data.get())?;
            if data["order_id"] == placed.order_id.to_string() {
                traces.insert(raw.trace_id.to_string());
            }
        }
    }
    assert_eq!(traces, [order.trace_id.to_string()].into(), "one order, one trace");
    shop.verify(vec![placed.order_id]).await?;
    shop.close().await
}

#[tokio::test]
async fn every_way_an_order_can_end_is_compensated() -> anyhow::Result<()> {
    let shop = Shop::open(FleetOptions::temporary()).await?;
    shop.stock.set("LAMP", 3, None).await?;
    let settle = async |body| {
        let placed = shop.orders.place(&body, None, Some(Duration::from_secs(25))).await?;
        placed.order.context("it was not settled in time")
    };
    let declined = settle(orderfleet::client::OrderBody {
        payment_method: "tok_charge_declined".to_owned(),
        ..lamps("bob", 3)
    })
    .await?;
    assert_eq!(declined.reason.as_deref(), Some("payment_declined"));
    let mut unknown = lamps("bob", 1);
    unknown.lines[0].sku = "NO-SUCH-LAMP".to_owned();
    assert_eq!(settle(unknown).await?.reason.as_deref(), Some("unknown_sku"));
    // The three that were set aside for the declined card are back.
    let confirmed = eventually(SOON, "the stock set aside for the declined card", async || {
        let order = settle(lamps("bob", 3)).await.ok()?;
        (order.status == OrderStatus::Confirmed).then_some(order)
    })
    .await;
    assert_eq!(settle(lamps("eve", 1)).await?.reason.as_deref(), Some("out_of_stock"));

    let cancelled = shop.orders.cancel(confirmed.order_id, Some("wrong colour"), Some(SOON)).await?;
    assert_eq!(cancelled.status, OrderStatus::Cancelled);
    eventually(SOON, "the money back, and the lamps", async || {
        let order = shop.orders.get(confirmed.order_id).await.ok()?;
        let level = shop.stock.get("LAMP").await.ok()??;
        let refunded = order.payment?.refund?.status == "refunded";
        (refunded && level.available == 3).then_some(())
    })
    .await;
    let subjects = stored(&shop, "PAYMENTS").await?;
    assert_eq!(by_subject(&subjects)["payments.refunded"], 1);
    shop.verify(Vec::new()).await?;
    shop.close().await
}

#[tokio::test]
async fn an_order_that_expires_costs_nothing_though_its_card_is_charged_later() -> anyhow::Result<()> {
    let options = FleetOptions::temporary()
        .env("order-service", "ORDER_DEADLINE", "2")
        .env("payment-service", "BREAKER_OPEN", "1")
        .env("payment-service", "BREAKER_OPEN_MAX", "1");
    let shop = Shop::open(options).await?;
    shop.stock.set("LAMP", 5, None).await?;
    outage(&shop, true).await?;
    let placed = shop.orders.place(&lamps("ada", 2), None, Some(SOON)).await?;
    let expired = placed.order.context("it was not settled in time")?;
    assert_eq!((expired.status, expired.reason.as_deref()), (OrderStatus::Cancelled, Some("expired")));
    outage(&shop, false).await?;
    eventually(SOON, "the late charge given back, and the lamps", async || {
        let order = shop.orders.get(placed.order_id).await.ok()?;
        let level = shop.stock.get("LAMP").await.ok()??;
        let refunded = order.payment?.refund?.status == "refunded";
        (refunded && level.available == 5).then_some(())
    })
    .await;
    let payments = stored(&shop, "PAYMENTS").await?;
    assert_eq!(by_subject(&payments), [("payments.captured", 1), ("payments.refunded", 1)].into());
    shop.verify(vec![placed.order_id]).await?;
    shop.close().await
}

/// Has the card gateway answer nothing but 503, or everything again.
async fn outage(shop: &Shop, on: bool) -> anyhow::Result<()> {
    let url = format!("{}/admin/faults", shop.fleet.url("gateway-sim")?);
    let change = serde_json::json!({ "outage": on });
    http()?.patch(url).json(&change).send().await?.error_for_status()?;
    Ok(())
}

#[tokio::test]
async fn a_busy_day_ends_as_promised() -> anyhow::Result<()> {
    let shop = Shop::open(FleetOptions::temporary()).await?;
    let load = shop.load(busy_day("busy", 500, 100.0)).await?;
    let (results, report) = shop.verify_load(load).await?;
    assert_eq!((results.accepted.len(), results.decided()), (500, 500));
    for reason in ["customer", "out_of_stock", "payment_declined", "unknown_sku"] {
        assert!(
            report.summary.cancelled.contains_key(reason),
            "none was cancelled for {reason}: {report:#?}"
        );
    }
    shop.close().await
}

//! What orders do to the stock.

use events::orders::{CancelReason, OrderCancelled, OrderConfirmed};
use serde_json::json;
use service::testing::{SOON, euros, order};
use testkit::eventually;

use crate::rig::{Fleet, Replica, created};

async fn level(replica: &Replica, sku: &str, expected: (u64, u64, u64)) {
    eventually(SOON, "the level", async || {
        let level = replica.get(&format!("/stock/{sku}")).await.level();
        if level == expected { Ok(()) } else { Err(level) }
    })
    .await;
}

#[tokio::test]
async fn orders_reserve_commit_and_release() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    replica.adjust("LAMP", json!({ "to": 10 })).await;

    fleet.streams.publish(&created(1, "LAMP", 4)).await;
    fleet.streams.publish(&created(2, "LAMP", 3)).await;
    level(&replica, "LAMP", (10, 7, 3)).await;
    replica.measures("inventory_reservations_open", "2").await;
    let reserved = fleet.inventory("inventory.reserved").await;
    assert_eq!(reserved[0]["data"]["total"], json!({ "amount": 400, "currency": "EUR" }));
    assert_eq!(reserved[0]["trace_id"], "05".repeat(16));

    let refused = replica.adjust("LAMP", json!({ "to": 6 })).await;
    assert_eq!(
        (refused.status, refused.body["reserved"].as_u64()),
        (409, Some(7)),
        "what is set aside stays"
    );

    let (customer_id, total) = ("c-1".to_owned(), euros(400));
    fleet
        .streams
        .publish(&OrderConfirmed { order_id: order(1), customer_id, total, charge_id: "ch_1".to_owned() })
        .await;
    level(&replica, "LAMP", (6, 3, 3)).await;
    fleet
        .streams
        .publish(&OrderCancelled {
            order_id: order(2),
            customer_id: "c-1".to_owned(),
            reason: CancelReason::Customer,
            detail: None,
            total,
            returned: Vec::new(),
        })
        .await;
    level(&replica, "LAMP", (6, 0, 6)).await;
    replica.measures("inventory_reservations_open", "0").await;
    replica.stop().await;
}

#[tokio::test]
async fn orders_beyond_the_stock_are_rejected() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    replica.adjust("LAMP", json!({ "to": 3 })).await;
    fleet.streams.publish(&created(1, "LAMP", 4)).await;
    fleet.streams.publish(&created(2, "UNKNOWN", 1)).await;
    let rejected = eventually(SOON, "two rejections", async || {
        let rejected = fleet.inventory("inventory.rejected").await;
        if rejected.len() == 2 { Ok(rejected) } else { Err(rejected) }
    })
    .await;
    let shortages: Vec<_> = rejected.iter().map(|event| event["data"]["shortages"].clone()).collect();
    assert_eq!(shortages[0], json!([{ "sku": "LAMP", "requested": 4, "available": 3 }]));
    assert_eq!(shortages[1], json!([{ "sku": "UNKNOWN", "requested": 1, "available": null }]));
    assert_eq!(replica.get("/stock/LAMP").await.level(), (3, 0, 3));
    replica.measures("inventory_rejected_total", "2").await;
    replica.stop().await;
}

//! The life of an order, and that what was accepted is seen at once.

use events::{
    orders::OrderCreated,
    requests::{AdjustStock, PlaceOrder, StockChange},
};
use projection::testing;
use serde_json::json;

use crate::{
    client::lamps,
    rig::{Rig, data},
};

#[tokio::test]
async fn an_order_is_shown_as_its_events_tell() {
    for database in testing::databases().await {
        let rig = Rig::start_on(database).await;
        let placed = rig.client().place(&lamps("c-1", 2), &[]).await.expect(202);
        let id = placed.id();
        assert_eq!(
            (placed.text("/status"), placed.header("location")),
            ("accepted", &*format!("/orders/{id}"))
        );

        let order = rig.client().order(&id).await.expect(200).body;
        assert_eq!(order["status"], "awaiting_stock");
        assert_eq!(order["customer_id"], "c-1");
        assert_eq!(order["lines"], json!([{ "sku": "LAMP-BLUE", "quantity": 2, "unit_price": 1999 }]));
        assert_eq!(order["total"], json!({ "amount": 3998, "currency": "EUR" }));
        assert_eq!(order["links"]["cancel"], format!("/orders/{id}/cancel"));
        assert!(order.get("payment").is_none() && order.get("reason").is_none(), "{order}");

        rig.reserve(&id).await;
        rig.until(&id, "awaiting_payment").await;
        rig.capture(&id, 3998).await;
        let order = rig.until(&id, "confirmed").await;
        assert_eq!(order["payment"], json!({ "charge_id": format!("ch_{id}") }));
        assert_eq!(order["version"], 3);

        let order = rig.client().cancel(&id, &[("Prefer", "wait=20")]).await.expect(200).body;
        assert_eq!((&order["status"], &order["reason"]), (&json!("cancelled"), &json!("customer")));
        let pending = json!({ "status": "pending", "amount": { "amount": 3998, "currency": "EUR" } });
        assert_eq!(order["payment"]["refund"], pending);
        assert!(order["links"].get("cancel").is_none(), "{order}");

        rig.refund(&id, 3998).await;
        testkit::eventually(service::testing::SOON, "the refund", async || {
            let order = rig.client().order(&id).await;
            order.text("/payment/refund/status") == "refunded"
                && order.text("/payment/refund/refund_id") == "re_1"
        })
        .await;
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_order_without_stock_is_cancelled_and_says_why() {
    let rig = Rig::start().await;
    let id = rig.client().place(&lamps("c-1", 2), &[]).await.expect(202).id();
    rig.reject(&id).await;
    let order = rig.until(&id, "cancelled").await;
    assert_eq!(order["reason"], "out_of_stock");
    assert_eq!(order["detail"], "LAMP-BLUE: 2 wanted, 1 free");
    rig.stop().await;
}

#[tokio::test]
async fn what_was_accepted_is_found_at_once_and_a_404_is_final() {
    let rig = Rig::start().await;
    for round in 0..20 {
        let customer = format!("c-{round}");
        let id = rig.client().place(&lamps(&customer, 1), &[]).await.expect(202).id();
        rig.client().order(&id).await.expect(200);
        let listed = rig.client().get(&format!("/orders?customer_id={customer}")).await.expect(200);
        assert_eq!(listed.text("/orders/0/order_id"), id);
    }
    // Inventory's requests stand in the same stream, but no order will ever reflect them.
    let adjustment_id = uuid::Uuid::nil();
    let adjust = AdjustStock { adjustment_id, sku: "A".to_owned(), change: StockChange::By(1), reason: None };
    rig.streams.publish(&adjust).await;
    let unknown = rig.client().order("0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70").await.problem(404);
    assert!(unknown.text("/detail").contains("0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70"));
    rig.stop().await;
}

#[tokio::test]
async fn an_order_placed_again_past_all_memory_of_the_broker_is_created_once() {
    let rig = Rig::start().await;
    let id = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    rig.client().order(&id).await.expect(200);
    let wish: PlaceOrder = data(&rig.streams.of("REQUESTS", "requests.order.place").await[0]);
    rig.streams.publish(&wish).await;
    // An order placed after it is there, so it was decided on before.
    let next = rig.client().place(&lamps("c-1", 2), &[]).await.expect(202).id();
    rig.client().order(&next).await.expect(200);
    let created = rig.streams.of("ORDERS", "orders.created").await;
    let ids: Vec<_> =
        created.iter().map(|message| data::<OrderCreated>(message).order_id.to_string()).collect();
    assert_eq!(ids, [id, next]);
    rig.stop().await;
}

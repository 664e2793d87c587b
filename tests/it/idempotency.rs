//! One key, one order, one charge, however often and wherever it is asked for.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gateway_sim::{Entry, LedgerPage};
use orderfleet::{
    client::{OrderClient, OrderStatus},
    fleet::FleetOptions,
};

use crate::shop::{SOON, Shop, by_subject, http, lamps, stored};

#[tokio::test]
async fn fifty_at_once_under_one_key_are_one_order_and_one_charge() -> anyhow::Result<()> {
    let shop = Shop::open(FleetOptions::temporary().replicas("order-service", 2)).await?;
    shop.stock.set("LAMP", 100, None).await?;
    let replicas = shop.replicas("order-service");
    let clients: Vec<_> =
        replicas.iter().map(|proc| OrderClient::new(&proc.url())).collect::<Result<_, _>>()?;
    let body = lamps("ada", 1);
    let calls = (0..50).map(|call| clients[call % clients.len()].place(&body, Some("once"), None));
    let mut ids = BTreeSet::new();
    for answer in join_all(calls).await {
        ids.insert(answer?.order_id);
    }
    assert_eq!(ids.len(), 1, "one key, one order");
    let order_id = *ids.iter().next().expect("there is one");
    assert_eq!(shop.orders.get_settled(order_id, SOON).await?.status, OrderStatus::Confirmed);

    let other = lamps("ada", 2);
    for client in &clients {
        let refusal =
            client.place(&other, Some("once"), None).await.expect_err("another order under the key");
        assert_eq!(refusal.code(), Some(422), "{refusal}");
    }
    // Keys belong to their customer.
    let stranger = shop.orders.place(&lamps("bob", 1), Some("once"), Some(SOON)).await?;
    assert_ne!(stranger.order_id, order_id);

    assert_eq!(by_subject(&stored(&shop, "ORDERS").await?)["orders.created"], 2);
    let url = format!("{}/admin/ledger", shop.fleet.url("gateway-sim")?);
    let ledger: LedgerPage<Entry> = serde_json::from_str(&http()?.get(url).send().await?.text().await?)?;
    let charges = ledger.entries.iter().filter(|entry| entry.order_id == order_id.to_string());
    assert_eq!(charges.count(), 1, "one order, one charge: {ledger:?}");
    shop.verify(vec![order_id, stranger.order_id]).await?;
    shop.close().await
}

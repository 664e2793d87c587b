//! Two replicas on one PostgreSQL: either may be asked anything.

use projection::testing;
use service::testing::SOON;
use testkit::eventually;

use crate::{client::lamps, rig::Rig};

#[tokio::test]
async fn either_of_two_replicas_places_shows_and_waits() {
    let Some(database) = testing::postgres().await else { return };
    let rig = Rig::start_on(database).await;
    let other = rig.another("order-2").await;
    other.ready().await;

    for (one, two) in [(rig.client(), &other.client), (&other.client, rig.client())] {
        let id = one.place(&lamps("c-1", 1), &[]).await.expect(202).id();
        two.order(&id).await.expect(200);
        let settle = async {
            rig.reserve(&id).await;
            rig.capture(&id, 1999).await;
            rig.until(&id, "confirmed").await;
            // Cancelled by the one, awaited by the other: neither leads nor projects for both.
            two.cancel(&id, &[("Prefer", "wait=20")]).await.expect(200)
        };
        assert_eq!(settle.await.text("/reason"), "customer");
    }
    let key = [("Idempotency-Key", "k")];
    let placed = rig.client().place(&lamps("c-1", 1), &key).await.expect(202);
    let again = other.client.place(&lamps("c-1", 1), &key).await.expect(202);
    assert_eq!((again.id(), again.header("idempotent-replayed")), (placed.id(), "true"));

    // The first one goes: the other one leads and projects, and knows every key.
    assert!(rig.replica.process.stop().await);
    other.client.place(&lamps("c-1", 2), &key).await.problem(422);
    let id = eventually(SOON, "an order", async || {
        let placed = other.client.place(&lamps("c-2", 1), &key).await;
        if placed.code == 202 { Ok(placed.id()) } else { Err(placed.body) }
    })
    .await;
    eventually(SOON, "the order", async || other.client.order(&id).await.code == 200).await;
    let settled = async {
        rig.reserve(&id).await;
        rig.capture(&id, 1999).await;
    };
    let (body, waiting) = (lamps("c-2", 1), [("Idempotency-Key", "k"), ("Prefer", "wait=20")]);
    let (answer, ()) = tokio::join!(other.client.place(&body, &waiting), settled);
    assert_eq!(answer.expect(201).text("/status"), "confirmed");
    assert!(other.process.stop().await);
}

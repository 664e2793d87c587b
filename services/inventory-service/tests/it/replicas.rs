//! Two replicas on one broker: one leads, both answer, and one takes over from the other.

use serde_json::json;
use service::testing::SOON;
use testkit::eventually;

use crate::rig::{Fleet, Replica};

const LEADER: &str = r#"journal_leader{journal="INVENTORY"}"#;

async fn leads(replica: &Replica) -> bool {
    replica.metric(LEADER).await.as_deref() == Some("1")
}

#[tokio::test]
async fn one_leads_and_both_answer_what_either_was_asked() {
    let fleet = Fleet::start().await;
    let (a, b) = (fleet.ready_replica("a").await, fleet.ready_replica("b").await);
    assert!(leads(&a).await && !leads(&b).await);
    for round in 1..=20_u64 {
        let (asked, other) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let made = asked.adjust("LAMP", json!({ "by": 1 })).await;
        assert_eq!((made.status, made.level()), (200, (round, 0, round)), "{made:?}");
        let (here, there) = (asked.get("/stock/LAMP").await, other.get("/stock/LAMP").await);
        assert_eq!((here.level(), there.level()), ((round, 0, round), (round, 0, round)), "read your writes");
        assert!(there.sequence() >= made.sequence());
    }
    let again = [
        a.adjust_as("k", "LAMP", json!({ "by": 5 })).await,
        b.adjust_as("k", "LAMP", json!({ "by": 5 })).await,
    ];
    assert_eq!(
        again.map(|made| (made.status, made.replayed(), made.level())),
        [(200, false, (25, 0, 25)), (200, true, (25, 0, 25))]
    );
    assert_eq!(b.get("/stock/NOTHING").await.status, 404, "a standby can say that there is none");
    assert!(leads(&a).await && !leads(&b).await, "nobody changed places");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn the_standby_takes_over_with_the_stock_as_it_was() {
    let fleet = Fleet::start().await;
    let (a, b) = (fleet.ready_replica("a").await, fleet.ready_replica("b").await);
    a.adjust_as("k", "LAMP", json!({ "by": 5 })).await;
    a.stop().await;
    eventually(SOON, "the standby to lead", async || leads(&b).await).await;
    let again = b.adjust_as("k", "LAMP", json!({ "by": 5 })).await;
    assert_eq!((again.status, again.replayed(), again.level()), (200, true, (5, 0, 5)), "{again:?}");
    assert_eq!(b.adjust("LAMP", json!({ "by": -2 })).await.level(), (3, 0, 3));
    b.measures(r#"inventory_adjustments_total{outcome="made"}"#, "1").await;
    b.stop().await;
}

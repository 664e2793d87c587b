//! Snapshots that must not be believed.

use messaging::{journal::JournalConfig, log::Log};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::eventually;

use crate::support::{Replica, SOON, add, fleet};

/// A snapshot with its right checksum.
pub(crate) fn sealed(snapshot: &Value) -> Vec<u8> {
    let body = snapshot.to_string();
    format!("{}\n{body}", hex::encode(Sha256::digest(&body))).into_bytes()
}

fn often(config: &mut JournalConfig) {
    config.snapshot_messages = 5;
}

#[tokio::test]
async fn a_snapshot_is_believed_only_if_it_is_whole_and_of_this_version() {
    let (_broker, js) = fleet().await;
    let first = Replica::start_with(js.clone(), "a", often);
    first.leads().await;
    for number in 100..110 {
        js.publish(&add(number), None).await.unwrap();
    }
    let total = (100..110).sum::<u64>();
    first.reaches(total).await;
    let taken = async || js.snapshots("ORDERS").await.unwrap().first().copied();
    let sequence = eventually(SOON, "a snapshot", taken).await;
    first.retire().await;

    let body = js.load_snapshot("ORDERS", sequence).await.unwrap().unwrap();
    let good: Value = serde_json::from_slice(&body[65..]).unwrap();
    let mut forged = good.clone();
    forged["state"]["total"] = json!(1_000_000);
    let mut stale = sealed(&forged);
    stale[..64].copy_from_slice(&body[..64]);
    let (mut newer_format, mut newer_state) = (forged.clone(), forged.clone());
    newer_format["format"] = json!(99);
    newer_state["state_version"] = json!(99);
    for (nth, bad) in (1..).zip([stale, sealed(&newer_format), sealed(&newer_state)]) {
        js.save_snapshot("ORDERS", sequence + nth, bad).await.unwrap();
        let replica = Replica::start(js.clone(), "a");
        replica.leads().await;
        assert_eq!(replica.sum().await.total, total, "the {nth}. snapshot was believed");
        replica.retire().await;
    }
    // That they could have been: this one is all right but for what it says.
    js.save_snapshot("ORDERS", sequence + 9, sealed(&forged)).await.unwrap();
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    assert!(replica.sum().await.total >= 1_000_000);
}

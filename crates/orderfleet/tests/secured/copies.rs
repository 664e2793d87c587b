//! Copies: the server sends what somebody may read to any subject they name, also where they may not write. What gets
//! into a journal in that way is no part of it, whatever its author has written into it.

use std::time::Duration;

use events::{EventData, RawEnvelope, inventory::StockAdjusted};
use messaging::{
    headers::{EPOCH, Headers, POSITIONS},
    jetstream::JetStream,
    log::{Log, Message, Stored},
    permissions::OPERATOR,
};
use orderfleet::{
    client::StockClient,
    fleet::{Fleet, FleetOptions},
};
use serde_json::{Value, json};
use testkit::eventually;
use tokio::task::JoinSet;

use crate::{
    fleet::options,
    raw::Raw,
    rig::{SERVICES, connect},
};

const SOON: Duration = Duration::from_secs(60);
/// Who writes nothing but dead letters, and reads everything.
const THIEF: &str = "audit-service";

/// Only what keeps the stock.
fn stock_alone() -> FleetOptions {
    let others = SERVICES.into_iter().filter(|service| *service != "inventory-service");
    others.fold(options(), |options, service| options.replicas(service, 0)).replicas("inventory-service", 1)
}

/// The last message of the journal of a type.
async fn newest(operator: &JetStream, kind: &str) -> Stored {
    let mut at = operator.extent("INVENTORY").await.unwrap().last;
    loop {
        let message = operator.get("INVENTORY", at).await.unwrap().unwrap();
        if message.subject == kind {
            return message;
        }
        at -= 1;
    }
}

/// The same event with a hundred times as many pieces, as the journal's writer would have told of it; perhaps with how
/// far it had read its inputs.
fn forged(adjusted: &Stored, positions: Option<&str>) -> Message {
    let mut body: Value = serde_json::from_slice(&adjusted.payload).unwrap();
    body["id"] = json!("11111111-1111-5111-8111-111111111111");
    body["data"]["adjustment_id"] = json!("22222222-2222-5222-8222-222222222222");
    body["data"]["delta"] = json!(990);
    body["data"]["on_hand"] = json!(1_000);
    let body = body.to_string();
    assert!(RawEnvelope::parse(body.as_bytes()).unwrap().decode_as::<StockAdjusted>().is_ok());
    let mut headers = Headers::new();
    headers.append(EPOCH, adjusted.headers.get(EPOCH).unwrap());
    positions.into_iter().for_each(|positions| headers.append(POSITIONS, positions));
    Message { subject: format!("dead_letters.{THIEF}"), headers, payload: body.into() }
}

/// Has the server send what stands at a place to a subject.
async fn copy(raw: &mut Raw, stream: &str, sequence: u64, to: &str) {
    let config = json!({
        "ack_policy": "none", "deliver_policy": "by_start_sequence", "opt_start_seq": sequence,
        "inactive_threshold": 30_000_000_000_u64,
    });
    let request = json!({ "stream_name": stream, "config": config });
    let made = raw.ask(&format!("$JS.API.CONSUMER.CREATE.{stream}"), &request).await;
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", made["name"].as_str().unwrap());
    assert_eq!(raw.publish_for(&next, to, &json!({ "batch": 1 })).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_journal_takes_no_copy_of_what_somebody_else_has_written() {
    let fleet = Fleet::start(stock_alone()).await.unwrap();
    let url = fleet.broker().url();
    let stock = StockClient::new(&fleet.url("inventory-service").unwrap()).unwrap();
    stock.set("LAMP", 10, None).await.unwrap();
    let operator = connect(&url, OPERATOR).await;
    let adjusted = newest(&operator, StockAdjusted::TYPE).await;
    let thief = connect(&url, THIEF).await;
    let mut raw = Raw::connect(fleet.broker().port(), THIEF).await;
    let mut pieces = 10;
    for positions in [None, Some("REQUESTS=1000000")] {
        let last = operator.extent("INVENTORY").await.unwrap().last;
        let letter = thief.publish(&forged(&adjusted, positions), None).await.unwrap().sequence;
        copy(&mut raw, "DEAD_LETTERS", letter, StockAdjusted::TYPE).await;
        eventually(SOON, "the copy in the journal", async || {
            operator.get("INVENTORY", last + 1).await.unwrap()
        })
        .await;
        // The copy has no part in what is decided from now on: not for its writer, nor for who reads it anew.
        for restarted in [false, true] {
            if restarted {
                fleet.get("inventory-service", 1).unwrap().restart().await.unwrap();
            }
            pieces += 1;
            stock.adjust("LAMP", 1, None).await.unwrap();
            let level = stock.get("LAMP").await.unwrap().unwrap();
            assert_eq!((level.on_hand, level.available), (pieces, pieces), "{positions:?} {restarted}");
        }
    }
    fleet.shutdown().await.unwrap();
}

/// What the writer of a journal has written stands where it stands: told once more, it would happen once more.
#[tokio::test]
async fn a_journal_takes_no_copy_of_itself() {
    let fleet = Fleet::start(stock_alone()).await.unwrap();
    let url = fleet.broker().url();
    let stock = StockClient::new(&fleet.url("inventory-service").unwrap()).unwrap();
    // Together, so that some are committed in batches.
    let mut together = JoinSet::new();
    for number in 0..20 {
        let stock = stock.clone();
        together.spawn(async move { stock.adjust(&format!("LAMP-{number}"), 10, None).await });
    }
    while let Some(each) = together.join_next().await {
        each.unwrap().unwrap();
    }
    let operator = connect(&url, OPERATOR).await;
    let last = operator.extent("INVENTORY").await.unwrap().last;
    let mut raw = Raw::connect(fleet.broker().port(), THIEF).await;
    for sequence in 1..=last {
        copy(&mut raw, "INVENTORY", sequence, StockAdjusted::TYPE).await;
    }
    for number in 0..20 {
        stock.adjust(&format!("LAMP-{number}"), 1, None).await.unwrap();
        let level = stock.get(&format!("LAMP-{number}")).await.unwrap().unwrap();
        assert_eq!(level.on_hand, 11, "{number}");
    }
    fleet.shutdown().await.unwrap();
}

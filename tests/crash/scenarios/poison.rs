//! Messages that nobody can read, in every stream that somebody acts on.
//!
//! Who must act on a message parks it: the consumers of its subject and, in a journal's stream, the journal, whose
//! writer has not written it. So every one of them ends in the dead letters, and nothing else does. NOTIFICATIONS is
//! read by the audit trail alone, which stores what it cannot read: there a poisoned message is parked by nobody, and
//! it is `verify` that names it.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use messaging::{
    headers::Headers,
    log::{Log, Message},
};
use orderfleet::{
    fleet::FleetOptions,
    load::Load,
    verify::{self, Expectations, ExpectedDeadLetters, Target, report::CheckId},
};
use serde_json::json;
use tests::shop::{Shop, log};

use crate::{
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, RATE, Stage},
};

/// The streams that somebody acts on, with the subjects for which somebody does.
const ACTED_ON: [(&str, &[&str]); 4] = [
    ("REQUESTS", &["requests.order.place", "requests.order.cancel", "requests.stock.adjust"]),
    ("ORDERS", &["orders.created", "orders.confirmed", "orders.cancelled", "orders.refund_requested"]),
    ("INVENTORY", &["inventory.reserved", "inventory.rejected"]),
    ("PAYMENTS", &["payments.captured", "payments.declined", "payments.refunded"]),
];
/// A stream that nobody acts on.
const STORED_ONLY: (&str, &[&str]) = ("NOTIFICATIONS", &["notifications.sent", "notifications.failed"]);
/// Of each kind into each stream: 10 kinds into 4 streams make 200.
const EACH: usize = 5;
/// Longer than any message that the fleet writes, and within what the broker takes.
const HUGE: usize = 900 << 10;
/// Deeper than a reader may descend.
const DEEP: usize = 10_000;

type Place = (String, u64);

/// The dead letters are exactly what was poisoned, and everything else completes.
pub(crate) async fn messages(scale: Scale) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(FleetOptions::temporary()).await?;
    // The verdict needs to know them, and knows them only when they are published: the round is judged afterwards.
    let mut poisoned = Vec::new();
    let crowd = Crowd::for_seconds(scale.seconds(15));
    stage
        .round_with(crowd, async |shop, load| {
            poisoned = poison_under_load(shop, load).await?;
            Ok((now(), ExpectedDeadLetters::Of(poisoned.clone())))
        })
        .await?;
    stage.figures.notes.push(format!(
        "{} messages poisoned, {} dead letters",
        poisoned.len(),
        poisoned.len()
    ));
    stored_only(&stage).await?;
    stage.close().await
}

async fn poison_under_load(shop: &Shop, load: &Load) -> anyhow::Result<Vec<Place>> {
    let mut poisoned = Vec::new();
    for turn in 0..EACH {
        for (stream, subjects) in ACTED_ON {
            poisoned.extend(poison(shop, stream, subjects, turn).await?);
        }
        load.accepted((RATE * (3.0 + turn as f64)) as u64).await;
    }
    Ok(poisoned)
}

/// One message of each kind; gives where they stand.
async fn poison(shop: &Shop, stream: &str, subjects: &[&str], turn: usize) -> anyhow::Result<Vec<Place>> {
    let log = log(shop).await?;
    let mut places = Vec::new();
    for kind in 0..KINDS.len() {
        let subject = subjects[(kind + turn) % subjects.len()];
        let payload = KINDS[kind](subject).into();
        let message = Message { subject: subject.to_owned(), headers: Headers::default(), payload };
        let ack = log.publish(&message, None).await.with_context(|| format!("kind {kind} into {stream}"))?;
        places.push((stream.to_owned(), ack.sequence));
    }
    Ok(places)
}

/// What nobody acts on nobody parks, and `verify` says so.
async fn stored_only(stage: &Stage) -> anyhow::Result<()> {
    let (stream, subjects) = STORED_ONLY;
    let places = poison(&stage.shop, stream, subjects, 0).await?;
    let expected =
        Expectations { complete: true, dead_letters: stage.dead_letters.clone(), accepted: Vec::new() };
    let options = verify::Options { wait: tests::shop::SOON };
    let report = verify::run(&Target::of(&stage.shop.fleet)?, &expected, &options, |_| {}).await?;
    let broken: Vec<_> = report.checks.iter().filter(|check| !check.violations.is_empty()).collect();
    ensure!(broken.iter().all(|check| check.id == CheckId::LOG), "more than the log is wrong: {broken:#?}");
    let named: BTreeSet<String> = broken
        .iter()
        .flat_map(|check| &check.violations)
        .filter_map(|violation| violation.ids.first().cloned())
        .collect();
    let wanted: BTreeSet<String> =
        places.iter().map(|(stream, sequence)| format!("{stream}:{sequence}")).collect();
    ensure!(named == wanted, "verify names {named:?}, but poisoned were {wanted:?}");
    Ok(())
}

/// The kinds of poison, each for a subject.
const KINDS: [fn(&str) -> Vec<u8>; 10] = [
    |_not_json| b"an order, please".to_vec(),
    |_not_text| vec![0xff, 0xfe, 0x00, 0xc3, 0x28],
    |_empty| Vec::new(),
    |_huge| vec![b'x'; HUGE],
    |_deep| [vec![b'['; DEEP], vec![b']'; DEEP]].concat(),
    |_other_type| envelope("audit.looked_at", 1, &json!({ "order_id": "0" })),
    |subject| envelope(&format!("{subject}_again"), 1, &json!({})),
    |subject| envelope(subject, 99, &json!({})),
    |_missing_fields| br#"{"type":"orders.created","version":1,"data":{}}"#.to_vec(),
    |subject| envelope(subject, 1, &json!({ "total": { "amount": 1e40, "currency": "EUR" } })),
];

fn envelope(kind: &str, version: u32, data: &serde_json::Value) -> Vec<u8> {
    let envelope = json!({
        "id": "0192f0c1-2222-7000-8000-00000000dead",
        "type": kind,
        "version": version,
        "aggregate_id": "poison",
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "causation_id": "0192f0c1-2222-7000-8000-00000000beef",
        "data": data,
    });
    envelope.to_string().into_bytes()
}

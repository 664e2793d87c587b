//! What the databases hold in the end: the audit trail as evidence, and the orders as callers would be shown them.
//!
//! Read on a thread of its own, in real time: nothing is simulated about it any more.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::Context;
use audit_service::{
    integrity::{Auditor, Pace, Scope},
    projection::STREAMS,
    trail::{self, Trail},
};
use events::{OrderId, catalogue};
use gateway_sim::Operation;
use messaging::log::{Extent, Log, Unavailable};
use order_service::{
    projection::change::Stage,
    read_model::{Filter, ReadModel},
};
use orderfleet::verify::{AuditEvidence, AuditRow, Evidence, Fact, Recorded, TrailFlaw};
use projection::{Source, Store};
use testkit::simulated::SimLog;

use crate::{
    role::{Role, Seat},
    world::World,
};

/// Orders per process, more than are ever placed.
const ALL: i64 = 1_000;

/// What was read.
pub(crate) struct Databases {
    pub(crate) audit: AuditEvidence,
    /// How far each order has come and what went back of its money, by the process whose database says so.
    shown: BTreeMap<String, BTreeMap<OrderId, Shown>>,
}

/// How far an order has come, and how much of its money went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown(Stage, i64);

/// What the broker holds, as it is now.
#[derive(Clone)]
struct Still(BTreeMap<&'static str, Extent>);

impl Source for Still {
    type Reader = <SimLog as Log>::Reader;

    fn read(&self, _stream: &str, _after: u64) -> Self::Reader {
        unreachable!("an auditor only asks how far the streams go")
    }

    async fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        self.0.get(stream).copied().ok_or_else(|| Unavailable(format!("no stream {stream}")))
    }

    async fn holds(&self, _stream: &str, _sequence: u64) -> Result<bool, Unavailable> {
        Ok(true)
    }
}

/// Reads them.
pub(crate) fn read(world: &World) -> anyhow::Result<Databases> {
    let extents = STREAMS.iter().map(|stream| (*stream, Extent { first: 1, last: world.last(stream) }));
    let still = Still(extents.collect());
    let audit = world.database(Seat { role: Role::Audit, replica: 1 });
    let orders = Seat::ALL.into_iter().filter(|seat| seat.role == Role::Order);
    let orders: Vec<_> = orders.map(|seat| (seat.name(), world.database(seat))).collect();
    let reading = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let read = runtime.block_on(async {
            let audit = read_trail(&audit, still).await?;
            let mut shown = BTreeMap::new();
            for (name, url) in orders {
                shown.insert(name, read_orders(&url).await?);
            }
            anyhow::Ok(Databases { audit, shown })
        });
        runtime.shutdown_timeout(Duration::ZERO);
        read
    });
    reading
        .join()
        .map_err(|_panic| anyhow::anyhow!("reading the databases panicked"))?
        .context("the databases")
}

async fn read_trail(url: &str, source: Still) -> anyhow::Result<AuditEvidence> {
    let trail = Trail::new(Store::open(url).await?);
    let mut evidence = AuditEvidence::default();
    for stream in STREAMS {
        let rows = trail.stretch(stream, 0, u64::MAX >> 1, usize::MAX >> 1).await?;
        let row =
            |row: &trail::Recorded| AuditRow { sequence: row.sequence, body: Recorded::hash_of(&row.body) };
        evidence.streams.insert((*stream).to_owned(), rows.iter().map(row).collect());
    }
    let auditor = Auditor::new(trail, source, Pace::DEFAULT);
    let mut scope = Some(Scope::VERIFY);
    while let Some(wanted) = scope {
        let report = auditor.examine(wanted).await?;
        if !report.complete {
            let what = serde_json::to_string(&report)?;
            evidence.flaws.push(TrailFlaw { place: "audit".to_owned(), what });
        }
        scope = report.next.map(|next| wanted.going_on(next));
    }
    Ok(evidence)
}

async fn read_orders(url: &str) -> anyhow::Result<BTreeMap<OrderId, Shown>> {
    let orders = ReadModel::new(Store::open(url).await?).list(&Filter::default(), ALL).await?;
    Ok(orders.into_iter().map(|order| (order.order_id, Shown(order.stage, order.refunded))).collect())
}

impl Databases {
    /// Where what callers are shown is not what the streams say.
    pub(crate) fn differences(&self, evidence: &Evidence) -> Vec<String> {
        let expected = expected(evidence);
        let mut found = Vec::new();
        for (process, shown) in &self.shown {
            let missing = expected.iter().filter(|(order, state)| shown.get(*order) != Some(*state));
            found.extend(missing.map(|(order, state)| {
                format!(
                    "READ: {process} shows {:?} where streams and gateway say {state:?} [{order}]",
                    shown.get(order)
                )
            }));
            let invented = shown.keys().filter(|order| !expected.contains_key(*order));
            found.extend(
                invented.map(|order| format!("READ: {process} shows an order nobody placed [{order}]")),
            );
        }
        found
    }
}

/// How far each order has come by what the streams say, and what went back by what the gateway has booked.
fn expected(evidence: &Evidence) -> BTreeMap<OrderId, Shown> {
    let mut expected = BTreeMap::new();
    let mut reached = |order: OrderId, stage: Stage| {
        let Shown(known, _) = expected.entry(order).or_insert(Shown(stage, 0));
        *known = (*known).max(stage);
    };
    for message in evidence.messages(catalogue::ORDERS.name) {
        if let Fact::Created(created) = &message.fact {
            reached(created.order, Stage::AwaitingStock);
        } else if let Fact::Confirmed(confirmed) = &message.fact {
            reached(confirmed.order, Stage::Confirmed);
        } else if let Fact::Cancelled(cancelled) = &message.fact {
            reached(cancelled.order, Stage::Cancelled);
        }
    }
    for message in evidence.messages(catalogue::INVENTORY.name) {
        if let Fact::Reserved(reserved) = &message.fact {
            reached(reserved.order, Stage::AwaitingPayment);
        }
    }
    for entry in evidence.ledger.iter().filter(|entry| matches!(entry.operation, Operation::Refund { .. })) {
        if let Some(Shown(_, refunded)) = entry.order_id.parse().ok().and_then(|id| expected.get_mut(&id)) {
            *refunded += entry.amount;
        }
    }
    expected
}

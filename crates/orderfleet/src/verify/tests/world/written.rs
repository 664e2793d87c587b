//! What a fleet to which all this has happened would have written down.

use std::{collections::BTreeMap, time::Duration};

use events::{
    catalogue::{CONSUMERS, INVENTORY, ORDERS, PAYMENTS, REQUESTS, STREAMS, StreamDef},
    orders::Quantity,
};
use messaging::journal::Control;
use uuid::Uuid;

use super::World;
use crate::verify::evidence::{
    AuditEvidence, AuditRow, BESIDE, Beside, Evidence, Fact, Level, Reached, Recorded, StockEvidence,
    StreamEvidence,
};

/// Time between two messages.
const STEP: Duration = Duration::from_secs(1);

impl World {
    /// What the fleet has written down, all inputs consumed.
    pub(in crate::verify::tests) fn evidence(&self) -> Evidence {
        let mut world = self.clone();
        for journal in [&ORDERS, &INVENTORY] {
            let last = world.drafts.iter().rev().find_map(|draft| match (&draft.fact, draft.stream) {
                (Fact::Control(Control::Fence { epoch, .. }), stream) if stream == journal.name => {
                    Some(*epoch)
                }
                _ => None,
            });
            let Some(epoch) = last else { continue };
            world.push(journal, Uuid::nil(), Fact::Control(Control::Checkpoint { epoch }));
        }
        world.rendered()
    }

    fn rendered(self) -> Evidence {
        let mut evidence =
            Evidence { ledger: self.ledger, dead_letters: self.letters, ..Evidence::default() };
        evidence.redriven = self.redriven;
        let handled = CONSUMERS.iter().map(|def| (def.durable.to_owned(), self.redriven_up_to));
        evidence.handled = handled.collect();
        let mut epochs = BTreeMap::<&str, u64>::new();
        for stream in &STREAMS {
            let empty = StreamEvidence { first: 1, ..StreamEvidence::default() };
            evidence.streams.insert(stream.name.to_owned(), empty);
        }
        for draft in self.drafts {
            evidence.as_of = evidence.as_of.after(STEP);
            let last = |stream: &StreamDef| evidence.streams.get(stream.name).map_or(0, |stream| stream.last);
            let reached = Reached {
                requests: last(&REQUESTS),
                orders: last(&ORDERS),
                inventory: last(&INVENTORY),
                payments: last(&PAYMENTS),
                redrive: self.redriven_up_to,
            };
            if let Fact::Control(Control::Fence { epoch, .. }) = &draft.fact {
                epochs.insert(draft.stream, *epoch);
            }
            let journal = [ORDERS.name, INVENTORY.name].contains(&draft.stream);
            let stream = evidence.streams.entry(draft.stream.to_owned()).or_default();
            stream.last += 1;
            stream.messages.push(Recorded {
                sequence: stream.last,
                at: evidence.as_of,
                id: draft.id,
                cause: draft.cause,
                epoch: journal.then(|| epochs.get(draft.stream).copied().unwrap_or(0)),
                reached: journal.then(|| Box::new(reached)),
                body: Recorded::hash_of(draft.id.as_bytes()),
                fact: draft.fact,
            });
        }
        evidence.as_of = evidence.as_of.after(STEP);
        for name in BESIDE {
            let rows: Vec<_> = (1..=3).map(|sequence| AuditRow { sequence, body: sequence * 7 }).collect();
            evidence.beside.insert(name.to_owned(), Beside { last: 3, rows });
        }
        evidence.audit = audited(&evidence);
        evidence.stock = Some(counted(&evidence));
        evidence
    }
}

/// The trail of a projector that has copied everything.
pub(in crate::verify::tests) fn audited(evidence: &Evidence) -> AuditEvidence {
    let rows = |stream: &StreamEvidence| {
        stream
            .messages
            .iter()
            .map(|message| AuditRow { sequence: message.sequence, body: message.body })
            .collect()
    };
    let streams = evidence.streams.iter().map(|(name, stream)| (name.clone(), rows(stream)));
    let beside = evidence.beside.iter().map(|(name, stream)| (name.clone(), stream.rows.clone()));
    AuditEvidence { streams: streams.chain(beside).collect(), flaws: Vec::new() }
}

/// The levels that an inventory service would have that believes its own journal.
fn counted(evidence: &Evidence) -> StockEvidence {
    let mut levels = BTreeMap::<String, Level>::new();
    for message in evidence.messages(INVENTORY.name) {
        if let Fact::Adjusted(adjusted) = &message.fact {
            levels.entry(adjusted.sku.clone()).or_default().on_hand += adjusted.delta;
        }
        let (lines, on_hand, reserved) = moved(&message.fact);
        for line in lines {
            let level = levels.entry(line.sku.clone()).or_default();
            level.on_hand += on_hand * i64::from(line.quantity);
            level.reserved += reserved * i64::from(line.quantity);
        }
    }
    StockEvidence { at: evidence.streams[INVENTORY.name].last, levels }
}

/// The pieces of an order that a message is about, and what becomes of each: on hand, set aside.
fn moved(fact: &Fact) -> (&[Quantity], i64, i64) {
    if let Fact::Reserved(reserved) = fact {
        (&reserved.lines, 0, 1)
    } else if let Fact::Committed(committed) = fact {
        (&committed.lines, -1, -1)
    } else if let Fact::Released(released) = fact {
        if released.returned { (&released.lines, 1, 0) } else { (&released.lines, 0, -1) }
    } else {
        (&[], 0, 0)
    }
}

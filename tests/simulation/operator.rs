//! An operator who puts dead letters back, as `orderfleet dlq redrive` does: each once, however often that is sent.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use messaging::{
    dead_letter::{
        self, Body, Cause, Contents, Letter,
        redrive::{self, Order},
    },
    headers::MSG_ID,
    log::{Log, PublishError, Stored},
};

use testkit::simulated::NetFaults;

use crate::{chance::pass, sabotage::Guard, world::World};

/// How often a message without an answer is sent again.
const PATIENCE: usize = 40;

/// What was put back so far.
#[derive(Default)]
pub(crate) struct Operator {
    seen_to: Mutex<BTreeSet<u64>>,
}

impl Operator {
    /// Puts a letter's message back, as it is; it will fail again, which is nobody's fault.
    pub(crate) async fn put_back(&self, world: &World) {
        let Some(stored) = self.choose(world) else { return };
        let Some(letter) = Letter::of(&stored) else { return };
        let contents = Contents::of(&stored);
        let Body::Kept(body) = contents.body.clone() else { return };
        let order = Order { number: 1, operator: "ops", reason: None, run: "simulated", edited: false };
        let mut message = redrive::message(&letter, &contents, body, &order);
        let log = world.broker.client("operator");
        // Operators work from far away.
        log.set_faults(Some(NetFaults { unknown_after: 0.4, latency_ms: (5, 60), ..NetFaults::none() }));
        for attempt in 0..PATIENCE {
            if world.off == Some(Guard::RedriveId) {
                message.headers.set(MSG_ID, format!("attempt {attempt} at {}", letter.id));
            }
            let sent = log.publish(&message, None).await;
            world
                .trace
                .note("operator", "puts back", letter.sequence, || format!("{} -> {sent:?}", letter.id));
            match sent {
                Ok(_) => return world.trace.sometimes("a dead letter is put back"),
                Err(PublishError::Unknown(_) | PublishError::Full) => pass(Duration::from_millis(250)).await,
                Err(_) => return,
            }
        }
    }

    /// A letter that nobody has seen to, and whose message can be put back.
    fn choose(&self, world: &World) -> Option<Stored> {
        let mut seen_to = self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
        let letters = world.broker.messages(dead_letter::STREAM);
        let open: Vec<&Stored> = letters
            .iter()
            .filter(|letter| letter.headers.get(dead_letter::CAUSE) != Some(Cause::Foreign.as_str()))
            .filter(|letter| !seen_to.contains(&letter.sequence))
            .collect();
        if open.is_empty() {
            return None;
        }
        let chosen = world.chance.pick(&open).clone();
        seen_to.insert(chosen.sequence);
        Some(chosen)
    }
}

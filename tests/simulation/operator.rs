//! An operator who sees to dead letters as `orderfleet dlq` does: puts them back, mended or not, each once however often
//! that is sent, or writes them off.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use events::{
    Envelope, EventData, TraceId, catalogue::ORDERS, dead_letters::LetterDiscarded, ids::derive,
    requests::PlaceOrder,
};
use messaging::{
    dead_letter::{
        self, Body, Cause, Contents, Letter,
        redrive::{self, Order},
    },
    headers::MSG_ID,
    log::{Log, Message, PublishError, Stored},
    trace::TraceContext,
};
use testkit::simulated::NetFaults;

use crate::{chance::pass, sabotage::Guard, shopper, world::World};

/// How often a message without an answer is sent again.
const PATIENCE: usize = 40;

/// What was seen to so far.
#[derive(Default)]
pub(crate) struct Operator {
    seen_to: Mutex<BTreeSet<u64>>,
}

impl Operator {
    /// Sees to some letter.
    pub(crate) async fn see_to_one(&self, world: &World) {
        let Some((stored, letter)) = self.choose(world, |_| true) else { return };
        if letter.cause == Cause::Foreign.as_str() || world.chance.hits(0.2) {
            return discard(world, &letter).await;
        }
        let is_order = letter.consumer == ORDERS.name && letter.original.subject == PlaceOrder::TYPE;
        let mended = if is_order && world.chance.hits(0.5) { mended(world, letter.sequence) } else { None };
        put_back(world, &stored, &letter, mended).await;
    }

    /// Puts back what was given up although nothing was wrong with it, for as long as there is any.
    pub(crate) async fn put_back_exhausted(&self, world: &World) {
        while let Some((stored, letter)) = self.choose(world, |letter| is_exhausted(&letter.cause)) {
            world.trace.sometimes("a message that was given up is put back");
            put_back(world, &stored, &letter, None).await;
        }
    }

    /// A letter that nobody has seen to.
    fn choose(&self, world: &World, wanted: impl Fn(&Letter) -> bool) -> Option<(Stored, Letter)> {
        let mut seen_to = self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
        let letters = world.broker.messages(dead_letter::STREAM);
        let open: Vec<(&Stored, Letter)> = letters
            .iter()
            .filter_map(|stored| Some((stored, Letter::of(stored)?)))
            .filter(|(_, letter)| wanted(letter) && !seen_to.contains(&letter.sequence))
            .collect();
        if open.is_empty() {
            return None;
        }
        let places: Vec<usize> = (0..open.len()).collect();
        let (stored, letter) = open.into_iter().nth(world.chance.pick(&places))?;
        seen_to.insert(letter.sequence);
        Some((stored.clone(), letter))
    }
}

/// Whether the cause says that the message only had bad luck.
pub(crate) fn is_exhausted(cause: &str) -> bool {
    [Cause::Exhausted, Cause::Crashed].iter().any(|one| one.as_str() == cause)
}

/// An order that can be placed, instead of one that nobody can read.
fn mended(world: &World, letter: u64) -> Option<Message> {
    let wish = shopper::wish(&world.chance, shopper::MENDED + letter)?;
    let id = derive(&[PlaceOrder::TYPE, &wish.order_id.to_string()]);
    Some(shopper::request(id, &wish, world.broker.now()))
}

/// Puts a letter's message back; as it is, it will fail again, which is nobody's fault.
async fn put_back(world: &World, stored: &Stored, letter: &Letter, mended: Option<Message>) {
    let contents = Contents::of(stored);
    let edited = mended.is_some();
    let body = match (mended, contents.body.clone()) {
        (Some(mended), _) => mended.payload,
        (None, Body::Kept(body)) => body,
        (None, _) => return,
    };
    let order = Order { number: 1, operator: "ops", reason: None, run: "simulated", edited };
    let message = redrive::message(letter, &contents, body, &order);
    if insist(world, message, "puts back", letter).await {
        world.trace.sometimes(if edited { "a dead letter is mended" } else { "a dead letter is put back" });
    }
}

/// Writes a letter off.
async fn discard(world: &World, letter: &Letter) {
    let data = LetterDiscarded {
        letter: letter.sequence,
        consumer: letter.consumer.clone(),
        cause: letter.cause.clone(),
        about: letter.original.to_string(),
        order_id: None,
        operator: "ops".to_owned(),
        reason: "nobody can read it".to_owned(),
    };
    let id = derive(&[LetterDiscarded::TYPE, &letter.id, "1"]);
    let trace_id = TraceId(*id.as_bytes());
    let envelope = Envelope {
        id,
        kind: Cow::Borrowed(LetterDiscarded::TYPE),
        version: LetterDiscarded::VERSION,
        aggregate_id: Cow::Owned(data.aggregate_id()),
        timestamp: world.broker.now(),
        trace_id,
        causation_id: id,
        data: &data,
    };
    let message = Message::event(&envelope, &TraceContext::unsampled(trace_id));
    if insist(world, message, "writes off", letter).await {
        world.trace.sometimes("a dead letter is written off");
    }
}

/// Sends a message until the broker says something definite; whether it has it.
async fn insist(world: &World, mut message: Message, what: &str, letter: &Letter) -> bool {
    let log = world.broker.client("operator");
    // Operators work from far away.
    log.set_faults(Some(NetFaults { unknown_after: 0.6, latency_ms: (5, 60), ..NetFaults::none() }));
    for attempt in 0..PATIENCE {
        if world.off == Some(Guard::RedriveId) {
            message.headers.set(MSG_ID, format!("attempt {attempt} at {}", letter.id));
        }
        let sent = log.publish(&message, None).await;
        world.trace.note("operator", what, letter.sequence, || format!("{} -> {sent:?}", letter.id));
        match sent {
            Ok(_) => return true,
            Err(PublishError::Unknown(_) | PublishError::Full) => pass(Duration::from_millis(250)).await,
            Err(_) => return false,
        }
    }
    false
}

//! The verdict: that of `orderfleet verify` over what the simulated fleet has written down, and a few more.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use events::catalogue::{CONSUMERS, ConsumerDef, NOTIFICATIONS, PAYMENTS, REDRIVES, STREAMS};
use inventory_service::domain::{self, Stock};
use messaging::{
    dead_letter::{self, LetterBook, redrive::Redrive},
    topology::REDRIVE,
};
use orderfleet::verify::{
    self, AuditRow, BESIDE, Beside, DeadLetter, Evidence, Expectations, ExpectedDeadLetters, Level, Recorded,
    Redriven, Standing, StockEvidence, StreamEvidence,
};

use crate::{
    chance::pass,
    databases,
    operator::{Operator, is_exhausted},
    poison::Poison,
    role::Role,
    shopper::Shoppers,
    world::World,
};

/// How much virtual time everything may take to settle once nothing goes wrong any more.
const SETTLE: Duration = Duration::from_secs(240);

/// Waits until everything has settled and judges; each violation is one line.
pub(crate) async fn judge(
    world: &Arc<World>,
    shoppers: &Shoppers,
    poison: &Poison,
    operator: &Operator,
) -> anyhow::Result<Vec<String>> {
    let healed = world.trace.elapsed();
    let waiting = loop {
        pass(Duration::from_secs(1)).await;
        if world.plan.gives_up {
            operator.put_back_exhausted(world).await;
        }
        let waiting = waiting(world, poison);
        if waiting.is_empty() || world.trace.elapsed() >= healed + SETTLE {
            break waiting;
        }
    };
    let mut evidence = written(world);
    let redrives = world.broker.messages(REDRIVE);
    let edited = redrives.iter().filter_map(Redrive::of).filter(|redrive| redrive.edited);
    let mended: BTreeSet<_> = edited.map(|redrive| redrive.sequence).collect();
    evidence.ledger = world.bank.ledger();
    evidence.stock = stock(world).await;
    let databases = databases::read(world)?;
    evidence.audit = databases.audit.clone();
    for stream in BESIDE {
        let rows: Vec<_> = world.broker.messages(stream).iter().map(AuditRow::of).collect();
        evidence.beside.insert(stream.to_owned(), Beside { last: world.last(stream), rows });
    }
    let expected = Expectations {
        complete: true,
        dead_letters: ExpectedDeadLetters::Of(expected(&evidence, poison, &mended)),
        accepted: shoppers.accepted(),
    };
    let report = verify::judge(&evidence, &expected);
    let mut violations = Vec::new();
    for check in &report.checks {
        for violation in &check.violations {
            violations.push(format!("{:?}: {} [{}]", check.id, violation.message, violation.ids.join(", ")));
        }
    }
    violations.extend(databases.differences(&evidence));
    violations.extend(world.breaches());
    violations.extend(
        waiting.into_iter().map(|what| format!("LIVE: {what}, {SETTLE:?} after all trouble is over")),
    );
    violations.extend(repeated(&evidence));
    violations.extend(uncompared(&evidence));
    if tells_again(&evidence) {
        world.trace.sometimes("an outcome is told again after its id is forgotten");
    }
    Ok(violations)
}

/// Streams that the audit trail holds, and that nothing is compared with it of.
fn uncompared(evidence: &Evidence) -> Vec<String> {
    let Evidence { audit, streams, beside, .. } = evidence;
    let held = audit.streams.keys();
    let uncompared = held.filter(|stream| !streams.contains_key(*stream) && !beside.contains_key(*stream));
    uncompared.map(|stream| format!("V5: the audit trail holds {stream}, which is not compared")).collect()
}

/// What the streams hold, and what became of dead letters, as evidence.
fn written(world: &World) -> Evidence {
    let mut evidence = streams(world);
    let mut book = LetterBook::default();
    for message in world.broker.messages(dead_letter::STREAM) {
        book.read(&message, DeadLetter::of);
    }
    for message in world.broker.messages(REDRIVE) {
        book.read_redrive(&message);
        evidence.redriven.extend(Redriven::of(&message));
    }
    evidence.dead_letters = DeadLetter::all(&book);
    for consumer in CONSUMERS {
        evidence.handled.insert(consumer.durable.to_owned(), world.last(REDRIVE));
    }
    evidence
}

fn streams(world: &World) -> Evidence {
    let mut evidence = Evidence { as_of: world.broker.now(), ..Evidence::default() };
    for stream in STREAMS {
        let messages: Vec<Recorded> =
            world.broker.messages(stream.name).iter().map(|message| Recorded::of(&stream, message)).collect();
        let last = messages.last().map_or(0, |message| message.sequence);
        evidence.streams.insert(stream.name.to_owned(), StreamEvidence { first: 1, last, messages });
    }
    evidence
}

/// What is not at rest yet, in words.
fn waiting(world: &World, poison: &Poison) -> Vec<String> {
    let mut waiting = behind(world);
    waiting.extend(unsettled(world));
    if !poison.is_noticed(world) {
        waiting.push("a journal has not noticed what is not part of it".to_owned());
    }
    let open = verify::open(&written(world));
    if open > 0 {
        waiting.push(format!("{open} things are owed to somebody"));
    }
    waiting
}

/// The consumers with messages that are not settled.
fn unsettled(world: &World) -> impl Iterator<Item = String> {
    CONSUMERS.iter().chain(&REDRIVES).filter_map(|consumer: &ConsumerDef| {
        let state = world.broker.consumer_state(consumer.durable);
        let settled = state.pending == 0 && state.unacked.is_empty();
        (!settled).then(|| format!("{} has messages that are not settled", consumer.durable))
    })
}

/// What the inventory's leader has in stock.
async fn stock(world: &World) -> Option<StockEvidence> {
    let leader = world.leader(Role::Inventory)?;
    let handles = world.look(|process| process.stock.clone().filter(|_| process.seat == leader));
    let look = |stock: &Stock, at: u64| {
        let pieces = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let level = |(sku, level): (&str, domain::Level)| {
            (sku.to_owned(), Level { on_hand: pieces(level.on_hand), reserved: pieces(level.reserved) })
        };
        StockEvidence { at, levels: stock.levels(None).map(level).collect() }
    };
    handles.first()?.read_at(look).await.ok()
}

/// The read models that do not hold what the streams hold.
fn behind(world: &World) -> Vec<String> {
    world.look(|process| {
        let status = process.projector.as_ref()?.status();
        let lags = |(stream, applied): (&&'static str, &u64)| *applied < world.last(stream);
        let is_behind = status.applied.is_empty() || status.applied.iter().any(lags);
        is_behind.then(|| format!("the read model of {} is behind: {status:?}", process.seat.name()))
    })
}

/// The letters there should be: each poisonous message, unless somebody has seen to all that was parked of it, and
/// whatever was put back as poisonous as before.
fn expected(evidence: &Evidence, poison: &Poison, mended: &BTreeSet<u64>) -> Vec<(String, u64)> {
    let of = |(stream, sequence): &(String, u64), letter: &&DeadLetter| {
        letter.stream == *stream && letter.sequence == *sequence
    };
    let seen_to = |message: &(String, u64)| {
        let mut letters = evidence.dead_letters.iter().filter(|letter| of(message, letter)).peekable();
        letters.peek().is_some() && letters.all(|letter| letter.standing != Standing::Open)
    };
    let had_bad_luck = |number: u64| {
        evidence.dead_letters.iter().any(|letter| letter.letter == number && is_exhausted(&letter.cause))
    };
    let poisonous = |put: &&Redriven| !mended.contains(&put.message.sequence) && !had_bad_luck(put.letter);
    let put_back = evidence.redriven.iter().filter(poisonous);
    let put_back = put_back.map(|put| (REDRIVE.to_owned(), put.message.sequence));
    poison.all().into_iter().chain(put_back).filter(|message| !seen_to(message)).collect()
}

/// Letters that were put back once and stand in REDRIVE more often.
fn repeated(evidence: &Evidence) -> Vec<String> {
    let mut letters: Vec<u64> = evidence.redriven.iter().map(|put| put.letter).collect();
    letters.sort_unstable();
    let twice = letters.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| format!("REDRIVE: letter {} was put back once and is there twice", pair[0])).collect()
}

/// Whether a worker's outcome is stored twice.
fn tells_again(evidence: &Evidence) -> bool {
    let mut told = BTreeSet::new();
    let outcomes = [PAYMENTS, NOTIFICATIONS].map(|stream| evidence.messages(stream.name));
    outcomes.into_iter().flatten().any(|outcome| !told.insert(outcome.id))
}

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
    let (healed, mut quiet) = (world.trace.elapsed(), false);
    while !quiet && world.trace.elapsed() < healed + SETTLE {
        pass(Duration::from_secs(1)).await;
        if world.plan.gives_up {
            operator.put_back_exhausted(world).await;
        }
        let settled = projected(world) && settled(world) && poison.is_noticed(world);
        quiet = settled && verify::open(&streams(world)) == 0;
    }
    let mut evidence = streams(world);
    let mut book = LetterBook::default();
    for message in world.broker.messages(dead_letter::STREAM) {
        book.read(&message, DeadLetter::of);
    }
    let mut mended = BTreeSet::new();
    for message in world.broker.messages(REDRIVE) {
        book.read_redrive(&message);
        evidence.redriven.extend(Redriven::of(&message));
        mended.extend(Redrive::of(&message).filter(|redrive| redrive.edited).map(|redrive| redrive.sequence));
    }
    evidence.dead_letters = DeadLetter::all(&book);
    for consumer in CONSUMERS {
        evidence.handled.insert(consumer.durable.to_owned(), world.last(REDRIVE));
    }
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
    if !quiet {
        violations.push(format!("LIVE: something still waits {SETTLE:?} after all trouble is over"));
    }
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

/// What the streams hold, as evidence.
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

/// Whether every message that was ever handed out is settled.
fn settled(world: &World) -> bool {
    let settled = |consumer: &ConsumerDef| {
        let state = world.broker.consumer_state(consumer.durable);
        state.pending == 0 && state.unacked.is_empty()
    };
    CONSUMERS.iter().chain(&REDRIVES).all(settled)
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

/// Whether every read model holds what the streams hold.
fn projected(world: &World) -> bool {
    let behind = world.look(|process| {
        let status = process.projector.as_ref()?.status();
        let lags = |(stream, applied): (&&'static str, &u64)| *applied < world.last(stream);
        (status.applied.is_empty() || status.applied.iter().any(lags)).then_some(())
    });
    behind.is_empty()
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

//! LOG: one writer at a time, no holes in the log.

use events::catalogue::{ORDERS, PAYMENTS};
use messaging::journal::Control;
use uuid::Uuid;

use super::{
    Expectations, assert_green, assert_red, judge,
    orders::{letter, next_in},
    strict,
    world::{World, audited},
};
use crate::verify::{
    ExpectedDeadLetters, Report,
    evidence::{Fact, Reached, Recorded, Unreadable},
    report::CheckId::LOG,
};

/// The verdict after something was done to the messages of ORDERS, of which the trail has a true copy.
fn tampered(tamper: impl Fn(&mut Vec<Recorded>)) -> Report {
    let mut evidence = World::busy().0.evidence();
    tamper(&mut evidence.streams.get_mut("ORDERS").expect("there are orders").messages);
    evidence.audit = audited(&evidence);
    strict(&evidence)
}

#[test]
fn a_hole_is_named_by_its_first_message() {
    // The checkpoint at the end: nothing follows from it.
    let last = World::busy().0.evidence().streams["ORDERS"].last;
    assert_red(&tampered(|messages| drop(messages.pop())), LOG, &format!("ORDERS:{last}"), "are missing");
    let mut evidence = World::busy().0.evidence();
    let payments = evidence.streams.get_mut("PAYMENTS").expect("there are payments");
    payments.messages.iter_mut().for_each(|message| message.sequence += 2);
    payments.last += 2;
    evidence.audit = audited(&evidence);
    let report = strict(&evidence);
    assert!(report.broken().contains(&LOG), "{:?}", report.broken());
    let log = report.checks.last().expect("there are checks");
    assert_eq!(log.violations[0].message, "messages 1 to 2 are missing");
    assert_eq!(log.violations[0].ids, ["PAYMENTS:1"]);
}

#[test]
fn a_stale_writer_is_caught() {
    let last = World::busy().0.evidence().streams["ORDERS"].last;
    let report = tampered(|messages| messages[usize::try_from(last).unwrap_or(0) - 1].epoch = Some(1));
    assert_red(&report, LOG, &format!("ORDERS:{last}"), "stale writer: epoch 1 after the fence of 2");
}

#[test]
fn a_writer_without_a_fence_is_caught() {
    assert_red(&tampered(|messages| messages[1].epoch = Some(7)), LOG, "ORDERS:2", "epoch 7 without a fence");
}

#[test]
fn a_fence_has_a_new_epoch() {
    let (mut world, _) = World::busy();
    let sequence = next_in(&world, "ORDERS");
    world.fence(&ORDERS, 2);
    assert_red(
        &strict(&world.evidence()),
        LOG,
        &format!("ORDERS:{sequence}"),
        "took over with epoch 2, but 2 was reached",
    );
}

#[test]
fn what_the_writer_did_not_write_is_caught_unless_it_was_parked() {
    let mut world = World::new();
    let sequence = next_in(&world, "ORDERS");
    let unreadable = Unreadable { subject: "orders.created".to_owned(), error: "not JSON".to_owned() };
    world.push(&ORDERS, Uuid::nil(), unreadable);
    let evidence = |world: &World| {
        let mut evidence = world.evidence();
        let orders = evidence.streams.get_mut("ORDERS").expect("there are orders");
        let stranger = orders.messages.iter_mut().find(|message| message.sequence == sequence);
        stranger.expect("it was stored").epoch = None;
        evidence
    };
    let place = format!("ORDERS:{sequence}");
    let report = strict(&evidence(&world));
    assert_red(&report, LOG, &place, "no writer of the journal has written");
    assert_red(&report, LOG, &place, "no event of this stream (published to orders.created): not JSON");
    world.letters.push(letter("ORDERS", "ORDERS", sequence));
    let dead_letters = ExpectedDeadLetters::Count(1);
    assert_green(&judge(&evidence(&world), &Expectations { dead_letters, ..Expectations::default() }));
}

#[test]
fn rubbish_in_a_stream_is_caught() {
    let mut world = World::new();
    let sequence = next_in(&world, "PAYMENTS");
    let unreadable =
        Unreadable { subject: "payments.gift".to_owned(), error: "unknown event type".to_owned() };
    world.push(&PAYMENTS, Uuid::nil(), unreadable);
    assert_red(
        &strict(&world.evidence()),
        LOG,
        &format!("PAYMENTS:{sequence}"),
        "published to payments.gift",
    );
}

#[test]
fn positions_never_go_back() {
    let report = tampered(|messages| messages[6].reached = Some(Box::new(Reached::default())));
    assert_red(&report, LOG, "ORDERS:7", "the input positions went back");
}

#[test]
fn an_event_is_decided_once() {
    let (mut world, _) = World::busy();
    let sequence = next_in(&world, "ORDERS");
    let mut refusals = world.drafts.iter().filter(|draft| matches!(draft.fact, Fact::CancelRefused(_)));
    let again = refusals.next_back().expect("one was refused").clone();
    world.drafts.push(again);
    assert_red(
        &strict(&world.evidence()),
        LOG,
        &format!("ORDERS:{sequence}"),
        "the same event a second time",
    );
}

#[test]
fn handing_over_is_part_of_a_healthy_log() {
    let mut world = World::new();
    let bye = Control::HandOver { instance: "writer-1".to_owned(), epoch: 1 };
    world.push(&ORDERS, Uuid::nil(), Fact::Control(bye));
    world.fence(&ORDERS, 2);
    world.paid();
    assert_green(&strict(&world.evidence()));
}

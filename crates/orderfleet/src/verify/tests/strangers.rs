//! What is no part of a stream is given time until it is noticed, and no longer than somebody can still notice it.

use events::catalogue::{NOTIFICATIONS, ORDERS, PAYMENTS, REQUESTS, StreamDef};
use uuid::Uuid;

use super::{
    Evidence,
    orders::{letter, next_in},
    world::World,
};
use crate::verify::{
    evidence::{Reached, Unreadable},
    strangers::unnoticed,
};

/// A fleet in whose stream somebody has put rubbish, and where it stands.
fn with_rubbish(stream: &StreamDef, subject: &str) -> (World, u64) {
    let mut world = World::new();
    let sequence = next_in(&world, stream.name);
    let rubbish = Unreadable { subject: subject.to_owned(), error: "not JSON".to_owned() };
    world.push(stream, Uuid::nil(), rubbish);
    (world, sequence)
}

/// What it has written down when its journals have read so far.
fn evidence(world: &World, strangers: &[(&str, u64)], reached: Reached) -> Evidence {
    let mut evidence = world.evidence();
    for (name, stream) in &mut evidence.streams {
        for message in &mut stream.messages {
            if strangers.contains(&(name.as_str(), message.sequence)) {
                (message.epoch, message.reached) = (None, None);
            } else if message.reached.is_some() {
                message.reached = Some(Box::new(reached));
            }
        }
    }
    evidence
}

#[test]
fn a_journal_has_time_to_come_across_what_it_did_not_write() {
    let (mut world, sequence) = with_rubbish(&ORDERS, "orders.created");
    let at = |world: &World, orders| {
        let reached = Reached { orders, ..Reached::default() };
        unnoticed(&evidence(world, &[("ORDERS", sequence)], reached))
    };
    assert_eq!((at(&world, 0), at(&world, sequence - 1)), (1, 1));
    assert_eq!(at(&world, sequence), 0, "it was passed over, so nobody will park it any more");
    // Whoever else cannot read it is not the journal.
    world.letters.push(letter("notification-orders", "ORDERS", sequence));
    assert_eq!(at(&world, 0), 1);
    world.letters.push(letter("ORDERS", "ORDERS", sequence));
    assert_eq!(at(&world, 0), 0);
}

#[test]
fn what_its_readers_will_come_to_is_waited_for() {
    let open = |subject: &str, payments: u64| {
        let (world, sequence) = with_rubbish(&PAYMENTS, subject);
        let reached = Reached { payments: payments * sequence, ..Reached::default() };
        unnoticed(&evidence(&world, &[], reached))
    };
    assert_eq!((open("payments.captured", 0), open("payments.captured", 1)), (1, 0));
    assert_eq!((open("payments.refunded", 0), open("payments.refunded", 1)), (1, 1));
    let (mut world, sequence) = with_rubbish(&PAYMENTS, "payments.refunded");
    world.letters.push(letter("notification-refunds", "PAYMENTS", sequence));
    assert_eq!(unnoticed(&world.evidence()), 0);
}

#[test]
fn what_nobody_reads_is_not_waited_for() {
    for (stream, subject) in [
        (PAYMENTS, "payments.gift"),
        (NOTIFICATIONS, "notifications.sent"),
        // The check for lost orders knows whether it was passed over.
        (REQUESTS, "requests.order.place"),
    ] {
        let (world, _) = with_rubbish(&stream, subject);
        assert_eq!(unnoticed(&evidence(&world, &[], Reached::default())), 0, "{subject}");
    }
}

#[test]
fn a_healthy_fleet_has_no_strangers() {
    assert_eq!(unnoticed(&World::busy().0.evidence()), 0);
}

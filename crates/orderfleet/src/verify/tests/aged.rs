//! Streams that have lost their beginning to age: no false alarms, and what can still be judged is.

use events::Timestamp;

use super::{assert_green, assert_red, strict, world::World};
use crate::verify::{Evidence, report::CheckId};

/// Everything before a moment is gone, in each stream a little later than in the one before.
fn aged(mut evidence: Evidence, before: usize) -> Evidence {
    for (number, name) in ["REQUESTS", "ORDERS", "INVENTORY", "PAYMENTS", "NOTIFICATIONS"].iter().enumerate()
    {
        let stream = evidence.streams.get_mut(*name).expect("the stream is part of the evidence");
        let moment = Timestamp(i64::try_from(before + number).unwrap_or(i64::MAX) * 1_000_000);
        stream.messages.retain(|message| message.at > moment);
        stream.first = stream.messages.first().map_or(stream.last + 1, |message| message.sequence);
    }
    evidence
}

#[test]
fn wherever_the_streams_begin_a_healthy_fleet_stays_healthy() {
    let (mut world, _) = World::busy();
    world.paid();
    let whole = world.evidence();
    let messages = world.drafts.len();
    for before in 1..messages {
        let evidence = aged(whole.clone(), before);
        let report = strict(&evidence);
        assert!(report.holds(), "everything before message {before} is gone: {:#?}", report.checks);
        assert!(report.checks[0].partial[0].contains("begins at"), "{:?}", report.checks[0].partial);
    }
}

#[test]
fn a_new_order_is_judged_all_the_same() {
    let (mut world, old) = World::busy();
    let cut = world.drafts.len();
    world.paid();
    let broken = world.paid();
    world.commit(broken);
    let report = strict(&aged(world.evidence(), cut - 5));
    assert_red(&report, CheckId::V3, &broken.to_string(), "booked out more than once");
    assert!(report.checks[0].partial[0].contains("older orders are not judged"), "{} old ones", old.len());
}

#[test]
fn levels_are_judged_from_todays_backwards() {
    let (mut world, _) = World::busy();
    let cut = world.drafts.len();
    world.adjust("C", 1, 1);
    world.adjust("C", -2, 0);
    world.adjust("C", 1, 0);
    let mut evidence = aged(world.evidence(), cut);
    assert_red(&strict(&evidence), CheckId::V3, "C", "-1 on hand");
    evidence.stock = None;
    let report = strict(&evidence);
    assert_green(&report);
    assert!(report.checks[2].partial.iter().any(|why| why.contains("levels are not judged")));
}

#[test]
fn the_audit_trail_outlives_the_streams() {
    let (world, _) = World::busy();
    let mut evidence = aged(world.evidence(), 12);
    let first = evidence.streams["ORDERS"].first;
    let rows = evidence.audit.streams.get_mut("ORDERS").expect("it is in the trail");
    assert!(rows.len() as u64 > evidence.streams["ORDERS"].messages.len() as u64);
    rows.retain(|row| row.sequence != first);
    assert_red(&strict(&evidence), CheckId::V5, &format!("ORDERS:{first}"), "missing");
}

//! V6: no message was given up unexpectedly.

use super::{Expectations, assert_green, assert_red, judge, orders::letter, strict, world::World};
use crate::verify::{ExpectedDeadLetters, Report, report::CheckId::V6};

fn with(letters: &[(&str, u64)], expected: ExpectedDeadLetters) -> Report {
    let (mut world, _) = World::busy();
    world.letters =
        letters.iter().map(|(stream, sequence)| letter("payment-charge", stream, *sequence)).collect();
    judge(
        &world.evidence(),
        &Expectations { complete: true, dead_letters: expected, ..Expectations::default() },
    )
}

#[test]
fn an_unexpected_dead_letter_is_named_with_its_cause() {
    let report = with(&[("INVENTORY", 4)], ExpectedDeadLetters::Count(0));
    assert_red(&report, V6, "INVENTORY:4", "given up by payment-charge (rejected): no good");
}

#[test]
fn as_many_as_expected_are_no_violation() {
    assert_green(&with(&[("INVENTORY", 4), ("INVENTORY", 5)], ExpectedDeadLetters::Count(2)));
    // Parked once more after the broker had forgotten the first time.
    assert_green(&with(&[("INVENTORY", 4), ("INVENTORY", 4)], ExpectedDeadLetters::Count(1)));
}

#[test]
fn too_few_are_one() {
    let report = with(&[("INVENTORY", 4)], ExpectedDeadLetters::Count(2));
    assert_eq!(report.broken(), [V6]);
    assert_eq!(report.checks[5].violations[0].message, "1 dead letters, expected 2");
}

#[test]
fn the_very_messages_can_be_expected() {
    let expected = || ExpectedDeadLetters::Of(vec![("INVENTORY".to_owned(), 4)]);
    assert_green(&with(&[("INVENTORY", 4)], expected()));
    assert_red(&with(&[], expected()), V6, "INVENTORY:4", "expected among the dead letters, but not there");
    assert_red(&with(&[("INVENTORY", 4), ("INVENTORY", 5)], expected()), V6, "INVENTORY:5", "given up by");
}

#[test]
fn what_a_dead_letter_keeps_from_happening_is_not_told_twice() {
    let mut world = World::new();
    world.awaiting_payment();
    let reserved = world.evidence().streams["INVENTORY"].last - 1;
    world.letters.push(letter("payment-charge", "INVENTORY", reserved));
    assert_red(&strict(&world.evidence()), V6, &format!("INVENTORY:{reserved}"), "given up");
}

//! V3: no stock is sold twice.

use events::{
    OrderId, catalogue::INVENTORY, notifications::Template, orders::CancelReason, requests::StockChange,
};
use uuid::Uuid;

use super::{
    CheckId, assert_red, lenient, strict,
    world::{World, pieces},
};
use crate::verify::{
    Report,
    evidence::{Adjusted, Committed, Evidence, Fact, Level, Released, Reserved},
    report::CheckId::V3,
};

/// The verdict after `more` was done to an order that had come so far.
fn after(order: impl Fn(&mut World) -> OrderId, more: impl Fn(&mut World, OrderId)) -> (Report, String) {
    let (mut world, _) = World::busy();
    let order = order(&mut world);
    more(&mut world, order);
    (lenient(&world.evidence()), order.to_string())
}

#[test]
fn each_step_is_taken_once() {
    let reserve = |world: &mut World, order| {
        world.reserve(order);
    };
    let rejected = |world: &mut World| {
        let order = world.placed();
        world.create(order);
        world.reject(order);
        world.end(order, Uuid::nil(), CancelReason::OutOfStock);
        order
    };
    for ((report, order), what) in [
        (after(World::paid, reserve), "set aside more than once"),
        (after(rejected, World::reject), "refused its stock more than once"),
        (after(World::paid, World::reject), "both set aside and refused"),
        (after(World::paid, World::commit), "booked out more than once"),
        (after(World::declined, |world, order| world.release(order, false)), "freed more than once"),
        (after(World::returned, |world, order| world.release(order, true)), "came back more than once"),
        (after(World::returned, |world, order| world.release(order, false)), "both booked out and freed"),
        (after(World::declined, |world, order| world.release(order, true)), "had not been booked out"),
        (after(rejected, |world, order| world.release(order, false)), "freed that had not been set aside"),
    ] {
        assert_red(&report, V3, &order, what);
    }
}

#[test]
fn stock_is_booked_out_only_if_it_was_set_aside() {
    let (mut world, _) = World::busy();
    let order = world.placed();
    world.create(order);
    let confirmed = world.confirm(order);
    world.commit(order);
    world.notify(order, confirmed, Template::OrderConfirmed);
    let report = lenient(&world.evidence());
    // Unpaid as well, as there was nothing to charge for.
    assert_eq!(report.broken(), [CheckId::V2, V3]);
    let said: Vec<&str> =
        report.checks[2].violations.iter().map(|violation| violation.message.as_str()).collect();
    assert!(said.contains(&"stock was booked out that had not been set aside"), "{said:?}");
    assert!(said.contains(&"the order is confirmed without stock set aside"), "{said:?}");
}

#[test]
fn the_pieces_are_those_that_were_ordered() {
    type Kind = fn(&Fact) -> bool;
    let cases: [(Kind, &str); 3] = [
        (|fact| matches!(fact, Fact::Reserved(_)), "set aside"),
        (|fact| matches!(fact, Fact::Committed(_)), "booked out"),
        (|fact| matches!(fact, Fact::Released(_)), "given back"),
    ];
    for (is, what) in cases {
        let mut world = World::new();
        // Somebody else's pieces, so that there are enough set aside for one too many.
        world.awaiting_payment();
        let order = world.returned();
        let of_order = |fact: &Fact| format!("{fact:?}").contains(&order.to_string());
        let moved = world.find(|draft| is(&draft.fact) && of_order(&draft.fact));
        if let Fact::Reserved(Reserved { lines, .. })
        | Fact::Committed(Committed { lines, .. })
        | Fact::Released(Released { lines, .. }) = &mut moved.fact
        {
            *lines = pieces(&[("A", 2), ("B", 2)]);
        }
        let report = lenient(&world.evidence());
        assert_red(&report, V3, &order.to_string(), &format!("other pieces were {what} than ordered"));
    }
}

#[test]
fn a_split_line_is_the_same_pieces() {
    let mut world = World::new();
    world.paid();
    let reserved = world.find(|draft| matches!(draft.fact, Fact::Reserved(_)));
    if let Fact::Reserved(reserved) = &mut reserved.fact {
        reserved.lines = pieces(&[("A", 1), ("B", 1), ("A", 1)]);
    }
    super::assert_green(&strict(&world.evidence()));
}

#[test]
fn stock_moves_for_a_reason() {
    let mut world = World::new();
    let nobody = world.next_order();
    world.reject(nobody);
    assert_red(&lenient(&world.evidence()), V3, &nobody.to_string(), "for an order that does not exist");

    let mut world = World::new();
    let open = world.awaiting_payment();
    world.commit(open);
    assert_red(
        &lenient(&world.evidence()),
        V3,
        &open.to_string(),
        "booked out for an order that is not confirmed",
    );

    let mut world = World::new();
    let open = world.awaiting_payment();
    world.release(open, false);
    assert_red(
        &lenient(&world.evidence()),
        V3,
        &open.to_string(),
        "given back for an order that is not cancelled",
    );
}

#[test]
fn an_adjustment_is_made_as_often_as_it_was_asked_for() {
    let mut world = World::new();
    let adjustment = Uuid::from_u128(9);
    world.push(&INVENTORY, Uuid::nil(), Adjusted { sku: "A".to_owned(), adjustment, delta: 1, on_hand: 101 });
    assert_red(
        &strict(&world.evidence()),
        V3,
        &adjustment.to_string(),
        "adjusted 1 times, but asked for 0 times",
    );
}

#[test]
fn no_level_is_ever_negative_even_if_it_recovers() {
    let mut world = World::new();
    world.adjust("C", 1, 1);
    world.adjust("C", -2, 0);
    world.adjust("C", 1, 0);
    let report = strict(&world.evidence());
    assert_red(&report, V3, "C", "-1 on hand with 0 set aside");
}

#[test]
fn no_more_is_set_aside_than_there_is() {
    let mut world = World::new();
    world.adjust("B", -99, 1);
    world.awaiting_payment();
    super::assert_green(&lenient(&world.evidence()));
    world.awaiting_payment();
    assert_red(&lenient(&world.evidence()), V3, "B", "1 on hand with 2 set aside");
}

#[test]
fn a_level_is_told_as_it_is() {
    let mut world = World::new();
    world.adjust("A", 10, 111);
    assert_red(&strict(&world.evidence()), V3, "A", "told as 111 on hand, but the movements add up to 110");
}

#[test]
fn the_service_has_what_its_journal_says() {
    let (world, _) = World::busy();
    let broken = |tamper: fn(&mut Evidence)| {
        let mut evidence = world.evidence();
        tamper(&mut evidence);
        strict(&evidence)
    };
    let fewer = broken(|evidence| {
        let stock = evidence.stock.as_mut().expect("it was asked");
        stock.levels.get_mut("A").expect("it is in stock").on_hand -= 1;
    });
    assert_red(&fewer, V3, "A", "its journal adds up to");
    let unknown = broken(|evidence| {
        let stock = evidence.stock.as_mut().expect("it was asked");
        stock.levels.insert("Z".to_owned(), Level { on_hand: 1, reserved: 0 });
    });
    assert_red(&unknown, V3, "Z", "its journal adds up to nothing");
    let forgotten = broken(|evidence| {
        evidence.stock.as_mut().expect("it was asked").levels.remove("B");
    });
    assert_red(&forgotten, V3, "B", "the service says nothing");
}

#[test]
fn levels_are_compared_as_of_the_moment_they_were_asked_for() {
    let (mut world, _) = World::busy();
    let earlier = world.evidence().stock.expect("it was asked");
    world.adjust("A", 5, world_on_hand(&world) + 5);
    let mut evidence = world.evidence();
    // The checkpoint at the end of the first look has become a later message in the second.
    evidence.stock =
        Some(crate::verify::StockEvidence { at: earlier.at - 1, levels: earlier.levels.clone() });
    super::assert_green(&strict(&evidence));
    evidence.stock = Some(crate::verify::StockEvidence { at: earlier.at + 1, levels: earlier.levels });
    assert_red(&strict(&evidence), V3, "A", "its journal adds up to");
}

fn world_on_hand(world: &World) -> u64 {
    let stock = world.evidence().stock.expect("it was asked");
    u64::try_from(stock.levels["A"].on_hand).expect("a healthy level")
}

#[test]
fn stock_that_was_not_listed_is_told() {
    let (world, _) = World::busy();
    let mut evidence = world.evidence();
    evidence.stock = None;
    let report = strict(&evidence);
    super::assert_green(&report);
    assert_eq!(report.checks[2].partial.len(), 1);
}

#[test]
fn what_inventory_passed_over_is_lost() {
    let created = |world: &mut World| {
        let order = world.placed();
        world.create(order);
        order
    };
    let confirmed = |world: &mut World| {
        let order = world.awaiting_payment();
        world.capture(order);
        let confirmed = world.confirm(order);
        world.notify(order, confirmed, Template::OrderConfirmed);
        order
    };
    let cancelled = |world: &mut World| {
        let order = world.awaiting_payment();
        world.end(order, Uuid::nil(), CancelReason::Expired);
        order
    };
    let returned = |world: &mut World| {
        let order = world.paid();
        let wish = world.wish_cancel(order);
        world.end(order, wish, CancelReason::Customer);
        world.refund(order);
        order
    };
    let nothing = |_: &mut World, _| {};
    for ((report, order), what) in [
        (after(created, nothing), "its stock, which can no longer come"),
        (after(confirmed, nothing), "its stock to be booked out"),
        (after(cancelled, nothing), "its reserved stock to be freed"),
        (after(returned, nothing), "its sold stock to come back"),
    ] {
        assert_red(&report, V3, &order, what);
    }
    let mut world = World::new();
    let adjustment = world.wish_adjustment("A", StockChange::By(1));
    assert_red(&lenient(&world.evidence()), V3, &adjustment.to_string(), "the adjustment's outcome");
}

#[test]
fn an_adjustment_is_made_where_it_was_asked_for() {
    let mut world = World::new();
    let adjustment = world.wish_adjustment("A", StockChange::By(1));
    world.push(&INVENTORY, adjustment, Adjusted { sku: "B".to_owned(), adjustment, delta: 1, on_hand: 101 });
    assert_red(&strict(&world.evidence()), V3, &adjustment.to_string(), "asked for A, made for B");
}

#[test]
fn an_adjustment_is_made_as_it_was_asked_for() {
    for (change, right) in [
        (StockChange::By(1), true),
        (StockChange::To(101), true),
        (StockChange::By(2), false),
        (StockChange::To(1), false),
    ] {
        let mut world = World::new();
        let adjustment = world.wish_adjustment("A", change);
        world.push(
            &INVENTORY,
            adjustment,
            Adjusted { sku: "A".to_owned(), adjustment, delta: 1, on_hand: 101 },
        );
        let report = strict(&world.evidence());
        if right {
            super::assert_green(&report);
        } else {
            assert_red(
                &report,
                V3,
                &adjustment.to_string(),
                "nobody had asked for a change by 1 to 101 pieces",
            );
        }
    }
}

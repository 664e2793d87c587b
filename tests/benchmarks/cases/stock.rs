//! The inventory service: setting pieces aside, and the fold of its journal.

use std::hint::black_box;

use events::{
    inventory::{InventoryEvent, StockAdjusted, StockCommitted},
    orders::Quantity,
};
use inventory_service::{
    decider::{Input, InventoryDecider},
    domain::{Stock, Windows},
};
use messaging::journal::Decider;
use uuid::Uuid;

use super::{Work, samples};

const SKUS: usize = 1_000;
/// Between two orders that are folded: few are remembered at once, so that as many are soon forgotten as are added.
const SECONDS_APART: u64 = 5;

fn stocked() -> (InventoryDecider, Stock) {
    let (decider, mut stock) = (InventoryDecider::new(Windows::DEFAULT), Stock::default());
    for number in 0..SKUS {
        let adjusted = StockAdjusted {
            sku: samples::sku(number),
            adjustment_id: Uuid::from_u128(number as u128),
            delta: 1_000_000_000,
            on_hand: 1_000_000_000,
            reason: None,
        };
        decider.evolve(&mut stock, &adjusted.into(), &samples::meta(0));
    }
    (decider, stock)
}

pub(super) fn reserve() -> Work {
    let (decider, stock) = stocked();
    let (input, meta) = (Input::Created(samples::created(1)), samples::meta(1));
    Box::new(move || {
        let events = decider.decide(black_box(&stock), black_box(&input), &meta);
        assert!(matches!(black_box(events).as_slice(), [InventoryEvent::Reserved(_)]));
    })
}

/// The claim of one order, then of the next.
pub(super) fn fold() -> Work {
    let (decider, mut stock) = stocked();
    let created = Input::Created(samples::created(0));
    let mut reserved = decider.decide(&stock, &created, &samples::meta(0));
    let lines = samples::created(0).lines.iter().map(Quantity::from).collect();
    let mut committed = StockCommitted { order_id: samples::order_id(0), lines };
    let mut number = 0;
    Box::new(move || {
        number += 1;
        let meta = samples::meta(number * SECONDS_APART);
        for event in &mut reserved {
            if let InventoryEvent::Reserved(reserved) = event {
                reserved.order_id = samples::order_id(number);
            }
            decider.evolve(&mut stock, black_box(event), &meta);
        }
        committed.order_id = samples::order_id(number);
        decider.evolve(&mut stock, black_box(&committed.clone().into()), &meta);
        assert_eq!(stock.counts().reservations, 0);
    })
}

//! Random stories of orders, and a decider that lives through them.

use std::{collections::BTreeMap, time::Duration};

use events::{
    Money, OrderId, StreamEvent, Timestamp, TraceId,
    inventory::{Shortage, StockRejected},
    orders::{Line, OrderEvent},
    payments::{PaymentCaptured, PaymentDeclined},
    requests::{CancelOrder, PlaceOrder},
};
use messaging::journal::{Decider, Meta};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    decider::{Input, OrderDecider},
    domain::{Orders, Windows},
};

pub(super) const TOTAL: i64 = 700;
const START: Timestamp = Timestamp(1_700_000_000_000_000);
/// Orders expire, and become too old to cancel, within a history; what is settled is remembered
/// beyond its end.
pub(super) const WINDOWS: Windows = Windows {
    deadline: Duration::from_secs(60),
    cancel: Duration::from_secs(20),
    repeat: Duration::from_secs(600),
    late_payment: Duration::from_secs(24 * 3_600),
};

/// What the two parties beside the order service say of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Rejected,
    Declined,
    /// A charge by its number, of this amount.
    Captured(u8, i64),
}

const OUTCOMES: [&[Outcome]; 7] = [
    &[],
    &[Outcome::Rejected, Outcome::Rejected],
    &[Outcome::Declined, Outcome::Declined],
    &[Outcome::Captured(1, TOTAL)],
    &[Outcome::Captured(1, TOTAL), Outcome::Captured(1, TOTAL), Outcome::Captured(1, TOTAL)],
    &[
        Outcome::Captured(1, TOTAL),
        Outcome::Captured(2, TOTAL),
        Outcome::Captured(1, TOTAL),
        Outcome::Captured(2, TOTAL),
    ],
    &[Outcome::Captured(1, TOTAL - 1), Outcome::Captured(1, TOTAL - 1)],
];

#[derive(Debug, Clone)]
pub(super) struct Story {
    /// After the order was placed: a wish to cancel, or the placing once more.
    pub(super) cancels: Vec<bool>,
    pub(super) outcomes: &'static [Outcome],
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The next request about an order.
    Request(usize),
    /// The next outcome of an order, if it was placed.
    Outcome(usize),
    Tick,
}

pub(super) fn stories() -> impl Strategy<Value = Vec<Story>> {
    let story = (prop::collection::vec(any::<bool>(), 0..4), prop::sample::select(OUTCOMES.to_vec()))
        .prop_map(|(cancels, outcomes)| Story { cancels, outcomes });
    prop::collection::vec(story, 1..8)
}

pub(super) fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let step = prop_oneof![
        3 => (0_usize..8).prop_map(Step::Request),
        3 => (0_usize..8).prop_map(Step::Outcome),
        1 => Just(Step::Tick),
    ];
    prop::collection::vec((step, 0_u64..5_000_000), 1..80)
}

pub(super) fn id(number: usize) -> OrderId {
    OrderId(Uuid::from_u128(number as u128))
}

fn money(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().expect("EUR is a currency") }
}

pub(super) fn place(order_id: OrderId) -> Input {
    Input::Place(PlaceOrder {
        order_id,
        customer_id: "c".into(),
        lines: vec![Line { sku: "A".into(), quantity: 2, unit_price: TOTAL / 2 }],
        total: money(TOTAL),
        payment_method: "pm".into(),
        fingerprint: "f".into(),
    })
}

pub(super) fn outcome(order_id: OrderId, outcome: Outcome) -> Input {
    match outcome {
        Outcome::Rejected => {
            let shortages = vec![Shortage { sku: "A".into(), requested: 2, available: Some(1) }];
            Input::Rejected(StockRejected { order_id, shortages })
        }
        Outcome::Declined => {
            Input::Declined(PaymentDeclined { order_id, code: "expired_card".into(), amount: money(TOTAL) })
        }
        Outcome::Captured(charge, amount) => {
            let charge_id = format!("ch_{order_id}_{charge}");
            Input::Captured(PaymentCaptured { order_id, charge_id, amount: money(amount) })
        }
    }
}

/// A decider at work, and all that it was told and said.
pub(super) struct World {
    pub(super) decider: OrderDecider,
    pub(super) orders: Orders,
    pub(super) now: Timestamp,
    /// What it is told was put back.
    pub(super) put_back: bool,
    pub(super) history: Vec<(OrderEvent, Meta)>,
    /// Requests and outcomes told so far, by order.
    told: BTreeMap<usize, (usize, usize)>,
}

impl World {
    fn new() -> Self {
        let (orders, history, told) = (Orders::default(), Vec::new(), BTreeMap::new());
        let (decider, put_back) = (OrderDecider::new(WINDOWS), false);
        Self { decider, orders, now: START, put_back, history, told }
    }

    fn meta(&self, trace_id: TraceId) -> Meta {
        let id = Uuid::from_u128(self.history.len() as u128);
        Meta { id, at: self.now, trace_id, put_back: self.put_back }
    }

    pub(super) fn tell(&mut self, input: &Input) -> Vec<OrderEvent> {
        let meta = self.meta(TraceId::default());
        let events = self.decider.decide(&self.orders, input, &meta);
        assert_eq!(events, self.decider.decide(&self.orders, input, &meta), "deciding is a function");
        for event in &events {
            self.decider.evolve(&mut self.orders, event, &meta);
            self.history.push((event.clone(), meta));
        }
        self.tell_again(input);
        events
    }

    /// What was decided on may come once more, from another stream and later: nothing follows but an answer.
    fn tell_again(&self, input: &Input) {
        for later in [Duration::ZERO, WINDOWS.cancel, WINDOWS.deadline, WINDOWS.late_payment] {
            let (at, trace_id) = (self.now.after(later), TraceId([9; 16]));
            let meta = Meta { id: Uuid::max(), at, trace_id, put_back: true };
            let mut events = self.decider.decide(&self.orders, input, &meta);
            events.retain(|event| !matches!(event, OrderEvent::CancelRefused(_)));
            assert_eq!(events, [], "a repetition of {input:?} changes nothing");
        }
    }

    fn tick(&mut self) -> usize {
        let events = self.decider.tick(&self.orders, self.now);
        for (event, trace_id) in &events {
            let meta = self.meta(*trace_id);
            self.decider.evolve(&mut self.orders, event, &meta);
            self.history.push((event.clone(), meta));
        }
        events.len()
    }

    /// The next request about an order; `false` when there is none left.
    fn request(&mut self, number: usize, story: &Story) -> bool {
        let (requests, _) = self.told.entry(number).or_default();
        let input = match requests.checked_sub(1).map(|past| story.cancels.get(past)) {
            None | Some(Some(false)) => place(id(number)),
            Some(Some(true)) => Input::Cancel(CancelOrder { order_id: id(number), reason: None }),
            Some(None) => return false,
        };
        *requests += 1;
        self.tell(&input);
        true
    }

    /// The next outcome of an order; `false` when there is none left. Outcomes follow from placing.
    fn outcome(&mut self, number: usize, story: &Story) -> bool {
        let Some((1.., outcomes)) = self.told.get_mut(&number) else { return false };
        let Some(next) = story.outcomes.get(*outcomes) else { return false };
        *outcomes += 1;
        self.tell(&outcome(id(number), *next));
        true
    }

    pub(super) fn run(stories: &[Story], steps: &[(Step, u64)]) -> Self {
        let mut world = Self::new();
        for (step, pause) in steps {
            world.now = world.now.after(Duration::from_micros(*pause));
            match *step {
                Step::Request(number) => {
                    stories.get(number).map(|story| world.request(number, story));
                }
                Step::Outcome(number) => {
                    stories.get(number).map(|story| world.outcome(number, story));
                }
                Step::Tick => {
                    world.tick();
                }
            }
        }
        world.finish(stories);
        world
    }

    /// Everything that is still to be told is told, and what is then open expires.
    fn finish(&mut self, stories: &[Story]) {
        for (number, story) in stories.iter().enumerate() {
            while self.request(number, story) {}
            while self.outcome(number, story) {}
        }
        self.now = self.now.after(WINDOWS.deadline);
        while self.tick() > 0 {}
    }

    pub(super) fn about(&self, number: usize) -> Vec<&OrderEvent> {
        let id = id(number).to_string();
        self.history.iter().map(|(event, _)| event).filter(|event| event.aggregate_id() == id).collect()
    }
}

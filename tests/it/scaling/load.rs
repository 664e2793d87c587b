//! A random load of orders as the leader of ORDERS is told of it, the same for the same seed.

use std::time::Duration;

use events::{
    Money, OrderId, Timestamp, TraceId, ids,
    inventory::{Shortage, StockRejected},
    orders::Line,
    payments::{PaymentCaptured, PaymentDeclined},
    requests::{CancelOrder, PlaceOrder},
};
use fastrand::Rng;
use messaging::journal::Meta;
use order_service::{decider::Input, domain::Windows};
use uuid::{Builder, Uuid};

use super::shards::Step;

/// When the first order may be placed, in milliseconds since 1970.
pub(super) const START: u64 = 1_787_565_600_000;
/// For how long orders are placed, in milliseconds.
const PLACING: u64 = 1_200_000;
/// The longest that a stream is read later than another, in milliseconds.
const LAG: u64 = 2_000;
/// Within these everything that is repeated is still remembered, and the early orders are forgotten before the last ones
/// are placed.
pub(super) const WINDOWS: Windows = Windows {
    deadline: Duration::from_secs(60),
    cancel: Duration::from_secs(20),
    repeat: Duration::from_secs(600),
    late_payment: Duration::from_secs(24 * 3_600),
};

/// The order that an input is about.
pub(super) fn order_of(input: &Input) -> OrderId {
    match input {
        Input::Place(wish) => wish.order_id,
        Input::Cancel(wish) => wish.order_id,
        Input::Rejected(rejected) => rejected.order_id,
        Input::Captured(captured) => captured.order_id,
        Input::Declined(declined) => declined.order_id,
    }
}

/// So many cents.
pub(super) fn euros(amount: i64) -> Money {
    #[expect(clippy::expect_used, reason = "the euro is in circulation")]
    let currency = "EUR".parse().expect("a currency");
    Money { amount, currency }
}

/// The id of an order: of a key of its customer's, or with the time in it, as the service makes them.
pub(super) fn order_id(number: u64, placed: u64, rng: &mut Rng) -> OrderId {
    if rng.bool() {
        return OrderId::from_key("customer", &number.to_string());
    }
    let mut random = [0; 10];
    rng.fill(&mut random);
    OrderId(Builder::from_unix_timestamp_millis(placed, &random).into_uuid())
}

/// What is to be told, and when it is read.
struct Told {
    read: u64,
    at: u64,
    put_back: bool,
    input: Input,
}

/// The story of one order after another.
struct Author {
    rng: Rng,
    told: Vec<Told>,
}

/// Everything that happens to so many orders, with a tick every second.
pub(super) fn load(seed: u64, orders: u64) -> Vec<Step<Input>> {
    let mut author = Author { rng: Rng::with_seed(seed), told: Vec::new() };
    (0..orders).for_each(|number| author.write(number));
    author.told.sort_by_key(|told| told.read);
    let end = author.told.last().map_or(START, |told| told.read) + 2 * 60_000;
    let mut ticks = (START..end).step_by(1_000).peekable();
    let mut steps = Vec::new();
    for (number, told) in author.told.into_iter().enumerate() {
        while let Some(tick) = ticks.next_if(|tick| *tick <= told.read) {
            steps.push(Step::Tick(time(tick)));
        }
        let id = Uuid::from_u128(number as u128);
        let trace_id = TraceId(*ids::derive(&["trace", &order_of(&told.input).to_string()]).as_bytes());
        steps
            .push(Step::Input(told.input, Meta { id, at: time(told.at), trace_id, put_back: told.put_back }));
    }
    steps.extend(ticks.map(|tick| Step::Tick(time(tick))));
    steps
}

/// So many milliseconds after 1970.
pub(super) fn time(milliseconds: u64) -> Timestamp {
    Timestamp(i64::try_from(milliseconds * 1_000).unwrap_or(i64::MAX))
}

impl Author {
    fn tell(&mut self, at: u64, input: &Input) {
        let read = at + self.rng.u64(..LAG);
        self.told.push(Told { read, at, put_back: false, input: input.clone() });
    }

    /// Tells once more what was told, a good while later, perhaps by an operator who put it back.
    fn perhaps_again(&mut self, percent: u8, at: u64, input: &Input) {
        while self.rng.u8(..100) < percent {
            let at = at + self.rng.u64(..200_000);
            let (read, put_back) = (at + self.rng.u64(..LAG), self.rng.bool());
            self.told.push(Told { read, at, put_back, input: input.clone() });
        }
    }

    fn write(&mut self, number: u64) {
        let placed = START + self.rng.u64(..PLACING);
        let order_id = order_id(number, placed, &mut self.rng);
        let (quantity, unit_price) = (self.rng.u32(1..4), self.rng.i64(100..10_000));
        let total = euros(unit_price * i64::from(quantity));
        let place = Input::Place(PlaceOrder {
            order_id,
            customer_id: format!("customer-{}", self.rng.u16(..500)),
            lines: vec![Line { sku: format!("SKU-{}", self.rng.u8(..)), quantity, unit_price }],
            total,
            payment_method: "tok_visa".to_owned(),
            fingerprint: format!("{number:064}"),
        });
        self.tell(placed, &place);
        self.perhaps_again(15, placed, &place);
        if self.rng.u8(..100) < 15 {
            let cancel = Input::Cancel(CancelOrder { order_id, reason: None });
            let at = placed + self.rng.u64(1..60_000);
            self.tell(at, &cancel);
            self.perhaps_again(30, at, &cancel);
        }
        for (after, outcome) in self.outcomes(order_id, total) {
            self.tell(placed + after, &outcome);
            self.perhaps_again(20, placed + after, &outcome);
        }
    }

    /// What stock and cards come to, and how long after the order was placed.
    fn outcomes(&mut self, order_id: OrderId, total: Money) -> Vec<(u64, Input)> {
        let soon = LAG + self.rng.u64(..10_000);
        let captured = |charge: u8, amount: i64| {
            let charge_id = format!("ch_{order_id}_{charge}");
            Input::Captured(PaymentCaptured { order_id, charge_id, amount: euros(amount) })
        };
        match self.rng.u8(..100) {
            ..60 => vec![(soon, captured(1, total.amount))],
            60..68 => {
                let available = self.rng.bool().then_some(0);
                let shortages = vec![Shortage { sku: "SKU-0".to_owned(), requested: 1, available }];
                vec![(soon, Input::Rejected(StockRejected { order_id, shortages }))]
            }
            68..76 => {
                let code = "expired_card".to_owned();
                vec![(soon, Input::Declined(PaymentDeclined { order_id, code, amount: total }))]
            }
            76..80 => vec![(soon, captured(1, total.amount - 1))],
            80..86 => vec![(soon, captured(1, total.amount)), (2 * soon, captured(2, total.amount))],
            // Too late, or never.
            86..93 => vec![(70_000 + soon, captured(1, total.amount))],
            _ => Vec::new(),
        }
    }
}

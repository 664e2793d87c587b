//! What a load consists of, decided beforehand and without chance: the same plan, the same orders. Pure.

use std::{collections::BTreeMap, time::Duration};

use crate::client::{OrderBody, OrderLine};

/// Sold by everybody's cart; there is always enough of it. SKU and price of one piece in minor units.
const PRODUCTS: [(&str, i64); 8] = [
    ("TSHIRT-BLACK-M", 1_999),
    ("TSHIRT-WHITE-L", 1_999),
    ("HOODIE-GREY-S", 4_950),
    ("MUG-ENAMEL", 1_250),
    ("POSTER-A2", 990),
    ("LAMP-BLUE", 3_900),
    ("NOTEBOOK-DOTS", 650),
    ("BACKPACK-20L", 8_900),
];
/// Wanted by more people than there are pieces.
const SCARCE: (&str, i64) = ("VINYL-LIMITED", 3_499);
/// In nobody's warehouse.
const UNKNOWN: (&str, i64) = ("DISCONTINUED-LAMP", 2_900);
/// More than any cart takes of one product.
const MOST_PIECES: u32 = 3;
/// Tokens whose cards the gateway declines, each for another reason.
const DECLINED: [&str; 3] = ["tok_charge_declined", "tok_insufficient_funds", "tok_expired_card"];

/// How many of a thousand orders are special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Want the scarce product, of which there is half of what they want together.
    pub scarce: u64,
    /// Want what nobody has.
    pub unknown: u64,
    /// Pay with a card that is declined.
    pub declined: u64,
    /// Are cancelled at once, in a race with stock and payment.
    pub cancelled_early: u64,
    /// Are cancelled when they are confirmed.
    pub cancelled_late: u64,
    /// Are placed several times at once under one idempotency key.
    pub repeated: u64,
    /// Are followed by another order under the same idempotency key.
    pub key_reused: u64,
    /// Have the product of the day in the cart, whatever else is special about them.
    pub hot: u64,
}

impl Mix {
    /// A shop on a busy day.
    pub const SHOP: Self = Self {
        scarce: 60,
        unknown: 5,
        declined: 30,
        cancelled_early: 15,
        cancelled_late: 15,
        repeated: 30,
        key_reused: 10,
        hot: 0,
    };
    /// A shop on a day like any other: nearly everybody buys what there is, and pays.
    pub const EVERYDAY: Self = Self {
        scarce: 5,
        unknown: 1,
        declined: 20,
        cancelled_early: 4,
        cancelled_late: 4,
        repeated: 4,
        key_reused: 2,
        hot: 0,
    };
    /// A flash sale: most carts hold the one product, and a tenth of the customers are after the scarce one.
    pub const FLASH_SALE: Self = Self { scarce: 100, hot: 700, ..Self::EVERYDAY };
}

/// What is done about an order beside placing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// Nothing.
    None,
    /// It is placed so many times at once.
    Repeat(usize),
    /// Another order is placed under its idempotency key.
    ReuseKey,
    /// It is cancelled as soon as it is accepted.
    CancelEarly,
    /// It is cancelled as soon as it is confirmed.
    CancelLate,
}

impl Twist {
    /// How often the order is placed at once.
    pub(crate) fn copies(self) -> usize {
        match self {
            Self::Repeat(copies) => copies,
            Self::None | Self::ReuseKey | Self::CancelEarly | Self::CancelLate => 1,
        }
    }
}

/// An order to place.
#[derive(Debug, Clone)]
pub struct PlannedOrder {
    /// When, counted from the start of the load.
    pub due: Duration,
    /// Its idempotency key.
    pub key: String,
    /// What is ordered.
    pub body: OrderBody,
    /// What else is done about it.
    pub twist: Twist,
}

impl PlannedOrder {
    /// Another order, which must be refused under the same idempotency key.
    pub(crate) fn altered(&self) -> OrderBody {
        let mut other = self.body.clone();
        other.lines.iter_mut().for_each(|line| line.quantity += 1);
        other
    }
}

/// A load: how many orders, how fast, of which kinds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many orders.
    pub orders: u64,
    /// How many per second.
    pub rate: f64,
    /// Of which kinds.
    pub mix: Mix,
    /// Makes the idempotency keys of this load different from those of any other.
    pub run: String,
}

impl Plan {
    /// The pieces that have to be in stock, by SKU.
    #[must_use]
    pub fn stock(&self) -> BTreeMap<&'static str, u64> {
        let ample = self.orders * u64::from(MOST_PIECES);
        let mut stock: BTreeMap<_, _> = PRODUCTS.iter().map(|(sku, _)| (*sku, ample)).collect();
        let wanting = (0..self.orders).filter(|number| self.kind(*number) == Kind::Scarce).count();
        stock.insert(SCARCE.0, (wanting as u64).div_ceil(2));
        stock
    }

    /// All orders in the order in which they are due.
    pub fn orders(&self) -> impl Iterator<Item = PlannedOrder> + '_ {
        (0..self.orders).map(|number| self.order(number))
    }

    /// One of them; the first is 0.
    pub(crate) fn order(&self, number: u64) -> PlannedOrder {
        let kind = self.kind(number);
        let twist = match kind {
            Kind::Repeated => Twist::Repeat(3),
            Kind::KeyReused => Twist::ReuseKey,
            Kind::CancelledEarly => Twist::CancelEarly,
            Kind::CancelledLate => Twist::CancelLate,
            Kind::Plain | Kind::Scarce | Kind::Unknown | Kind::Declined => Twist::None,
        };
        PlannedOrder {
            due: Duration::from_secs_f64(number as f64 / self.rate),
            key: format!("{}-{number}", self.run),
            body: body(number, kind, self.is_hot(number)),
            twist,
        }
    }

    fn is_hot(&self, number: u64) -> bool {
        dice(number, 9) % 1_000 < self.mix.hot
    }

    fn kind(&self, number: u64) -> Kind {
        let mut left = dice(number, 0) % 1_000;
        let mix = &self.mix;
        for (share, kind) in [
            (mix.scarce, Kind::Scarce),
            (mix.unknown, Kind::Unknown),
            (mix.declined, Kind::Declined),
            (mix.cancelled_early, Kind::CancelledEarly),
            (mix.cancelled_late, Kind::CancelledLate),
            (mix.repeated, Kind::Repeated),
            (mix.key_reused, Kind::KeyReused),
        ] {
            if left < share {
                return kind;
            }
            left -= share;
        }
        Kind::Plain
    }
}

/// What is special about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Scarce,
    Unknown,
    Declined,
    CancelledEarly,
    CancelledLate,
    Repeated,
    KeyReused,
}

fn body(number: u64, kind: Kind, hot: bool) -> OrderBody {
    let mut lines = cart(number, hot);
    match kind {
        Kind::Scarce => lines.push(line(SCARCE, 1)),
        Kind::Unknown => lines.push(line(UNKNOWN, 1)),
        Kind::Plain
        | Kind::Declined
        | Kind::CancelledEarly
        | Kind::CancelledLate
        | Kind::Repeated
        | Kind::KeyReused => {}
    }
    let card = if kind == Kind::Declined { pick(&DECLINED, dice(number, 1)) } else { "tok_visa" };
    OrderBody {
        customer_id: format!("customer-{}", dice(number, 2) % 500),
        currency: "EUR".to_owned(),
        payment_method: card.to_owned(),
        lines,
    }
}

/// One to three different products, the first of all among them if it is the product of the day.
fn cart(number: u64, hot: bool) -> Vec<OrderLine> {
    let count = 1 + dice(number, 3) % 3;
    let first = if hot { 0 } else { dice(number, 4) };
    (0..count)
        .map(|place| {
            let pieces = 1 + dice(number, 5 + place) % u64::from(MOST_PIECES);
            line(pick(&PRODUCTS, first + place), u32::try_from(pieces).unwrap_or(1))
        })
        .collect()
}

fn line((sku, unit_price): (&str, i64), quantity: u32) -> OrderLine {
    OrderLine { sku: sku.to_owned(), quantity, unit_price }
}

fn pick<T: Copy, const N: usize>(list: &[T; N], number: u64) -> T {
    // The remainder is below the list's length, which is never 0 here.
    list[usize::try_from(number % N as u64).unwrap_or(0)]
}

/// A number that looks like chance: the `which`th throw for an order (the finaliser of `SplitMix64`).
fn dice(number: u64, which: u64) -> u64 {
    let mut bits = (number << 8 | which).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn plan(orders: u64) -> Plan {
        Plan { orders, rate: 100.0, mix: Mix::SHOP, run: "test".to_owned() }
    }

    #[test]
    fn every_kind_of_order_occurs_about_as_often_as_planned() {
        let plan = plan(10_000);
        let count = |kind| (0..plan.orders).filter(|number| plan.kind(*number) == kind).count() as u64;
        for (kind, share) in [
            (Kind::Scarce, Mix::SHOP.scarce),
            (Kind::Unknown, Mix::SHOP.unknown),
            (Kind::Declined, Mix::SHOP.declined),
            (Kind::CancelledEarly, Mix::SHOP.cancelled_early),
            (Kind::CancelledLate, Mix::SHOP.cancelled_late),
            (Kind::Repeated, Mix::SHOP.repeated),
            (Kind::KeyReused, Mix::SHOP.key_reused),
        ] {
            let (planned, got) = (share * 10, count(kind));
            assert!(got.abs_diff(planned) <= planned / 3 + 5, "{kind:?}: {got} instead of {planned}");
        }
    }

    #[test]
    fn in_a_flash_sale_most_carts_hold_the_one_product() {
        let share = |mix| {
            let plan = Plan { mix, ..plan(1_000) };
            let holds = |order: &PlannedOrder| order.body.lines.iter().any(|line| line.sku == PRODUCTS[0].0);
            plan.orders().filter(holds).count()
        };
        assert!(share(Mix::FLASH_SALE) > 700 && share(Mix::EVERYDAY) < 400);
    }

    #[test]
    fn there_is_enough_of_everything_but_the_scarce_product() {
        let plan = plan(1_000);
        let mut wanted = BTreeMap::<String, u64>::new();
        for line in plan.orders().flat_map(|order| order.body.lines) {
            *wanted.entry(line.sku).or_default() += u64::from(line.quantity);
        }
        let stock = plan.stock();
        for (sku, pieces) in &wanted {
            match stock.get(sku.as_str()) {
                Some(there) if sku == SCARCE.0 => assert!(there < pieces && *there > 0),
                Some(there) => assert!(there >= pieces, "{sku}: {pieces} wanted, {there} there"),
                None => assert_eq!(sku, UNKNOWN.0),
            }
        }
    }

    #[test]
    fn orders_are_due_in_step_and_have_keys_and_lines_of_their_own() {
        let orders: Vec<_> = plan(500).orders().collect();
        assert_eq!(orders[100].due, Duration::from_secs(1));
        assert!(orders.is_sorted_by_key(|order| order.due));
        let keys: BTreeSet<_> = orders.iter().map(|order| &order.key).collect();
        assert_eq!(keys.len(), orders.len());
        for order in &orders {
            let skus: BTreeSet<_> = order.body.lines.iter().map(|line| &line.sku).collect();
            assert_eq!(skus.len(), order.body.lines.len(), "a product twice in {:?}", order.body);
        }
    }
}

//! Snapshots of ORDERS, of this release and of those before.

use std::path::Path;

use events::{
    catalogue::{INVENTORY, ORDERS, PAYMENTS, REQUESTS},
    inventory::{Shortage, StockRejected},
    orders::Line,
    payments::{PaymentCaptured, PaymentDeclined},
    requests::{CancelOrder, PlaceOrder},
};
use order_service::{
    decider::{Input, OrderDecider},
    domain::Windows,
};
use service::testing::{
    euros,
    golden::{Step, check},
    order,
};

fn place(number: u128) -> Step<Input> {
    let wish = PlaceOrder {
        order_id: order(number),
        customer_id: format!("c-{number}"),
        lines: vec![Line { sku: "LAMP".to_owned(), quantity: 2, unit_price: 3_900 }],
        total: euros(7_800),
        payment_method: "tok_visa".to_owned(),
        fingerprint: "f".repeat(64),
    };
    Step::Decide(REQUESTS.name, Input::Place(wish))
}

fn cancel(number: u128) -> Step<Input> {
    let wish = CancelOrder { order_id: order(number), reason: Some("changed my mind".to_owned()) };
    Step::Decide(REQUESTS.name, Input::Cancel(wish))
}

fn captured(number: u128) -> Step<Input> {
    let (order_id, charge_id) = (order(number), format!("ch_{number}"));
    let captured = PaymentCaptured { order_id, charge_id, amount: euros(7_800) };
    Step::Decide(PAYMENTS.name, Input::Captured(captured))
}

fn declined(number: u128) -> Step<Input> {
    let declined =
        PaymentDeclined { order_id: order(number), code: "expired_card".to_owned(), amount: euros(7_800) };
    Step::Decide(PAYMENTS.name, Input::Declined(declined))
}

fn rejected(number: u128) -> Step<Input> {
    let shortages = vec![Shortage { sku: "LAMP".to_owned(), requested: 2, available: Some(1) }];
    Step::Decide(INVENTORY.name, Input::Rejected(StockRejected { order_id: order(number), shortages }))
}

/// In the middle, orders are awaiting, confirmed, cancelled and refunded, and an input is parked.
#[test]
fn what_earlier_releases_have_stored_leads_to_the_same_orders() {
    let story = [
        place(1),
        place(2),
        place(3),
        place(4),
        captured(1),
        rejected(2),
        declined(3),
        Step::Park(PAYMENTS.name),
        place(5),
        cancel(5),
        captured(5),
        cancel(2),
        captured(4),
        cancel(4),
        place(6),
        cancel(1),
        captured(6),
        place(7),
        rejected(7),
        place(8),
        captured(3),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    check(&OrderDecider::new(Windows::DEFAULT), ORDERS, &folder, &story);
}

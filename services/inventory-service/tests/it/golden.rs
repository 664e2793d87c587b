//! Snapshots of INVENTORY, of this release and of those before.

use std::path::Path;

use events::{
    catalogue::{INVENTORY, ORDERS, REQUESTS},
    ids,
    orders::{CancelReason, Line, OrderCancelled, OrderConfirmed, OrderCreated, Quantity},
    requests::{AdjustStock, StockChange},
};
use inventory_service::{
    decider::{Input, InventoryDecider},
    domain::Windows,
};
use service::testing::{
    euros,
    golden::{Step, check},
    order,
};

fn adjust(number: u64, sku: &str, change: StockChange) -> Step<Input> {
    let adjustment_id = ids::derive(&["golden", "adjustment", &number.to_string()]);
    let reason = Some("stocktaking".to_owned());
    let wish = AdjustStock { adjustment_id, sku: sku.to_owned(), change, reason };
    Step::Decide(REQUESTS.name, Input::Adjust(wish))
}

fn created(number: u128, quantity: u32) -> Step<Input> {
    let created = OrderCreated {
        order_id: order(number),
        customer_id: format!("c-{number}"),
        lines: vec![Line { sku: "LAMP".to_owned(), quantity, unit_price: 3_900 }],
        total: euros(i64::from(quantity) * 3_900),
        payment_method: "tok_visa".to_owned(),
        fingerprint: "f".repeat(64),
    };
    Step::Decide(ORDERS.name, Input::Created(created))
}

fn confirmed(number: u128) -> Step<Input> {
    let confirmed = OrderConfirmed {
        order_id: order(number),
        customer_id: format!("c-{number}"),
        total: euros(3_900),
        charge_id: format!("ch_{number}"),
    };
    Step::Decide(ORDERS.name, Input::Confirmed(confirmed))
}

fn cancelled(number: u128, returned: Option<u32>) -> Step<Input> {
    let returned = returned.map(|quantity| Quantity { sku: "LAMP".to_owned(), quantity });
    let cancelled = OrderCancelled {
        order_id: order(number),
        customer_id: format!("c-{number}"),
        reason: CancelReason::Expired,
        detail: None,
        total: euros(3_900),
        returned: returned.into_iter().collect(),
    };
    Step::Decide(ORDERS.name, Input::Cancelled(cancelled))
}

/// In the middle, stock is on hand, set aside, sold and given back, and an input is parked.
#[test]
fn what_earlier_releases_have_stored_leads_to_the_same_stock() {
    let story = [
        adjust(1, "LAMP", StockChange::To(10)),
        adjust(2, "MUG", StockChange::By(3)),
        created(1, 2),
        created(2, 3),
        created(3, 100),
        created(4, 1),
        Step::Park(ORDERS.name),
        confirmed(1),
        cancelled(2, None),
        adjust(3, "LAMP", StockChange::By(-50)),
        created(5, 4),
        cancelled(1, Some(2)),
        confirmed(4),
        adjust(1, "LAMP", StockChange::To(10)),
        cancelled(5, None),
        created(6, 2),
        created(3, 100),
        adjust(4, "MUG", StockChange::By(1)),
        adjust(5, "LAMP", StockChange::By(-1)),
        created(7, 1),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    check(&InventoryDecider::new(Windows::DEFAULT), INVENTORY, &folder, &story);
}

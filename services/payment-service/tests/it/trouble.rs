//! A gateway in trouble: outages delay, nothing is parked that is not at fault, and no card is charged twice, not even
//! by a gateway that ignores idempotency keys.

use events::{
    orders::RefundRequested,
    payments::{PaymentCaptured, PaymentEvent},
};
use gateway_sim::Faults;
use messaging::dead_letter;
use service::testing::SOON;
use testkit::eventually;

use crate::rig::{Rig, decode, reserved};

/// Keys are not honoured, and nothing else is wrong.
const FORGETFUL: Faults = Faults {
    latency_ms: 0,
    latency_jitter_ms: 0,
    decline_rate: 0.0,
    error_rate: 0.0,
    error_after_rate: 0.0,
    hang_rate: 0.0,
    late_rate: 0.0,
    hang_ms: 0,
    reset_rate: 0.0,
    outage: false,
    ignore_idempotency: true,
};

impl Rig {
    async fn reserve(&self, orders: std::ops::RangeInclusive<u128>) {
        for order in orders {
            self.publish(&reserved(order, "tok_visa"), 1).await;
        }
    }

    /// Waits until the gateway is done with everything: what is under way there may yet be booked.
    async fn at_rest(&self) {
        eventually(SOON, "the gateway to be done", async || self.gateway.sim().traffic().in_flight == 0)
            .await;
    }

    async fn assert_charged_once(&self, orders: usize) {
        self.at_rest().await;
        let captures = self.captures();
        assert_eq!(captures.len(), orders);
        assert!(captures.values().all(|captures| *captures == 1), "{captures:?}");
    }
}

#[tokio::test]
async fn an_outage_delays_payments_and_parks_none() {
    // An outage that cost attempts would use two of them up at once.
    let rig = Rig { max_attempts: 2, ..Rig::idle().await };
    rig.start().await;
    rig.gateway.sim().set_faults(Faults { outage: true, ..Faults::default() });
    rig.reserve(1..=20).await;
    // Enough for the breaker to open, and for probes in vain after that.
    eventually(SOON, "probes", async || rig.gateway.sim().traffic().requests > 22).await;
    rig.gateway.sim().set_faults(Faults::default());
    assert_eq!(rig.payments(20).await.len(), 20);
    rig.assert_charged_once(20).await;
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn a_gateway_that_fails_hangs_and_ignores_keys_charges_every_order_once() {
    let rig = Rig { timeout: 1, settle: 3, ..Rig::idle().await };
    rig.start().await;
    rig.gateway.sim().set_faults(Faults {
        error_rate: 0.1,
        error_after_rate: 0.1,
        reset_rate: 0.05,
        hang_rate: 0.05,
        late_rate: 0.1,
        hang_ms: 2_500,
        ..FORGETFUL
    });
    rig.reserve(1..=60).await;
    rig.payments(40).await;
    rig.gateway.sim().set_faults(FORGETFUL);
    rig.payments(60).await;
    rig.assert_charged_once(60).await;
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn what_a_process_leaves_at_the_gateway_is_not_charged_again_by_the_next() {
    let mut rig = Rig { timeout: 30, settle: 6, ..Rig::idle().await };
    rig.start().await;
    rig.gateway.sim().set_faults(Faults { late_rate: 1.0, hang_ms: 4_000, ..FORGETFUL });
    rig.reserve(1..=8).await;
    eventually(SOON, "charges under way", async || rig.gateway.sim().traffic().in_flight == 8).await;
    rig.gateway.sim().set_faults(FORGETFUL);
    rig.replace().await;
    rig.payments(8).await;
    rig.assert_charged_once(8).await;
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn a_refund_left_at_the_gateway_is_not_made_again() {
    let mut rig = Rig { timeout: 30, settle: 6, ..Rig::idle().await };
    rig.start().await;
    rig.reserve(1..=1).await;
    let PaymentEvent::Captured(PaymentCaptured { order_id, charge_id, amount }) =
        decode(&rig.payments(1).await[0])
    else {
        panic!()
    };
    rig.gateway.sim().set_faults(Faults { late_rate: 1.0, hang_ms: 4_000, ..FORGETFUL });
    // Half of what was captured: a second refund of it would be possible.
    let half = events::Money { amount: amount.amount / 2, ..amount };
    let customer_id = "c-1".to_owned();
    rig.publish(&RefundRequested { order_id, customer_id, charge_id, amount: half }, 1).await;
    eventually(SOON, "the refund under way", async || rig.gateway.sim().traffic().in_flight == 1).await;
    rig.gateway.sim().set_faults(FORGETFUL);
    rig.replace().await;
    rig.payments(2).await;
    rig.at_rest().await;
    assert_eq!(rig.gateway.sim().summary().refunds, 1);
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn one_payment_that_always_fails_is_parked_and_holds_up_no_other() {
    let rig = Rig { max_attempts: 3, ..Rig::idle().await };
    rig.start().await;
    rig.publish(&reserved(1_000, "tok_internal_error"), 1).await;
    let mut order = 0;
    eventually(SOON, "the letter", async || {
        order += 1;
        rig.reserve(order..=order).await;
        rig.streams.last("DEAD_LETTERS").await == 1
    })
    .await;
    let paid = usize::try_from(order).unwrap();
    assert_eq!(rig.payments(paid).await.len(), paid);
    rig.assert_charged_once(paid).await;
    let letter = &rig.streams.all("DEAD_LETTERS").await[0];
    assert_eq!(letter.headers.get(dead_letter::CAUSE), Some("exhausted"));
    assert_eq!(rig.stop().await, 1);
}

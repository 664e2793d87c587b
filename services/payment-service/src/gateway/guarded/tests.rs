//! The policy against a gateway that fails as told, in virtual time: who is to blame, what retries may cost, and what
//! is not asked before it can be known.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus::TextEncoder;
use uuid::Uuid;

use super::*;

const AGAIN: Attempt = Attempt::Again { settled: true, overdue: false };
const OVERDUE: Attempt = Attempt::Again { settled: true, overdue: true };
const UNSETTLED: Attempt = Attempt::Again { settled: false, overdue: false };

/// Fails every `charges`th charge and every `look_ups`th look-up, none if that is 0; knows of no earlier one.
#[derive(Default)]
struct Failing {
    charges: u64,
    look_ups: u64,
    charged: Arc<AtomicU64>,
    looked_up: Arc<AtomicU64>,
}

fn answer<T>(count: &AtomicU64, every: u64, value: T) -> Result<T, GatewayError> {
    let count = count.fetch_add(1, Ordering::Relaxed) + 1;
    if every > 0 && count.is_multiple_of(every) {
        Err(GatewayError::Unknown("500".to_owned()))
    } else {
        Ok(value)
    }
}

impl Gateway for Failing {
    async fn charge(&self, _request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        answer(&self.charged, self.charges, ChargeOutcome::Captured { charge_id: "ch_1".to_owned() })
    }

    async fn refund(&self, _request: &RefundRequest) -> Result<Refund, GatewayError> {
        Ok(Refund { refund_id: "re_1".to_owned() })
    }

    async fn find_charge(&self, _request: &ChargeRequest) -> Result<Option<ChargeOutcome>, GatewayError> {
        answer(&self.looked_up, self.look_ups, None)
    }

    async fn find_refund(&self, _request: &RefundRequest) -> Result<Option<Refund>, GatewayError> {
        Ok(None)
    }
}

struct Rig {
    client: Guarded<Failing>,
    registry: Registry,
    charged: Arc<AtomicU64>,
    looked_up: Arc<AtomicU64>,
}

impl Rig {
    /// A breaker that opens after so many failures.
    fn new(gateway: Failing, failures: u32) -> Self {
        let (charged, looked_up) = (Arc::clone(&gateway.charged), Arc::clone(&gateway.looked_up));
        let registry = Registry::new();
        let settings = BreakerSettings { failures, ..BreakerSettings::default() };
        let client = Guarded::new(gateway, settings, &registry).unwrap();
        Self { client, registry, charged, looked_up }
    }

    async fn charge(&self, attempt: Attempt) -> Result<ChargeOutcome, Setback> {
        let request = ChargeRequest {
            order_id: Uuid::from_u128(1),
            amount: 1250,
            currency: "EUR".to_owned(),
            payment_method: "tok_visa".to_owned(),
            customer_id: "c-1".to_owned(),
        };
        self.client.charge_safely(&request, attempt).await
    }

    /// Refunds, which always go through.
    async fn others(&self, count: usize) {
        let request = RefundRequest {
            order_id: Uuid::from_u128(2),
            charge_id: "ch_1".to_owned(),
            amount: 1250,
            currency: "EUR".to_owned(),
        };
        for _other in 0..count {
            self.client.refund_safely(&request, Attempt::First).await.unwrap();
        }
    }

    /// How often charges were asked for, and looked up.
    fn asked(&self) -> (u64, u64) {
        (self.charged.load(Ordering::Relaxed), self.looked_up.load(Ordering::Relaxed))
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_is_at_fault_where_ten_others_go_through() {
    let rig = Rig::new(Failing { charges: 1, ..Failing::default() }, 5);
    for (others, own_fault) in [(0, false), (9, false), (10, true), (0, false), (10, true)] {
        rig.others(others).await;
        let setback = rig.charge(AGAIN).await.unwrap_err();
        assert_eq!((setback.own_fault, setback.error.may_be_done()), (own_fault, true), "after {others}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_overdue_payment_is_at_fault_if_the_gateway_answers_about_it() {
    for (look_ups, attempt, own_fault) in [(0, OVERDUE, true), (0, AGAIN, false), (1, OVERDUE, false)] {
        let rig = Rig::new(Failing { charges: 1, look_ups, ..Failing::default() }, 5);
        assert_eq!(rig.charge(attempt).await.unwrap_err().own_fault, own_fault, "{attempt:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_settled_is_looked_up_and_not_made() {
    let rig = Rig::new(Failing { charges: 1, ..Failing::default() }, 1);
    assert_eq!(rig.charge(UNSETTLED).await.unwrap_err().error, GatewayError::Unsettled);
    assert_eq!(rig.asked(), (0, 1));
    rig.charge(AGAIN).await.unwrap_err();
    assert_eq!(*rig.client.opened().borrow(), BreakerState::Open);
    rig.client.available().await;
    assert_eq!(rig.charge(UNSETTLED).await.unwrap_err().error, GatewayError::Unsettled);
    assert_eq!(rig.asked(), (1, 2), "the place of the probe is kept for one that can find out");
}

#[tokio::test(start_paused = true)]
async fn retries_stay_a_fifth_of_the_load_when_every_third_call_fails() {
    const PAYMENTS: u64 = 2_000;
    let rig = Rig::new(Failing { charges: 3, ..Failing::default() }, 99);
    let (start, mut retries, mut failed) = (Instant::now(), 0, 0_u64);
    for _payment in 0..PAYMENTS {
        failed += u64::from(rig.charge(Attempt::First).await.is_err());
        // Whoever has failed tries again as soon as it may, but takes no time of its own.
        while failed > 0 {
            match rig.charge(AGAIN).await {
                Ok(_) => (retries, failed) = (retries + 1, failed - 1),
                Err(Setback { error: GatewayError::Throttled { .. }, .. }) => break,
                Err(_) => retries += 1,
            }
        }
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    let (calls, _) = rig.asked();
    assert_eq!(calls, PAYMENTS + retries);
    assert!(retries <= 100 + calls / 5, "{retries} retries in {calls} calls");
    assert!(failed > 0 && retries > 300, "{failed} wait, {retries} did not have to");
    let text = TextEncoder::new().encode_to_string(&rig.registry.gather()).unwrap();
    assert!(text.contains("payment_retries_postponed_total ") && !text.contains("postponed_total 0"));

    let mut pauses = Duration::ZERO;
    while failed > 0 {
        match rig.charge(AGAIN).await {
            Ok(_) => failed -= 1,
            Err(Setback { error: GatewayError::Throttled { retry_in }, .. }) => {
                pauses += retry_in;
                tokio::time::sleep(retry_in).await;
            }
            Err(_) => {}
        }
    }
    assert!(pauses > Duration::ZERO, "what waited was made in the end");
}

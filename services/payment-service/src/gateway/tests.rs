//! The client and its policy against a real gateway simulator over HTTP.

mod outage;

use std::sync::Arc;

use gateway_sim::{Faults, Options, TestGateway, spawn_for_tests};
use prometheus::{Registry, TextEncoder};
use tokio::task::JoinSet;

use super::*;

const AGAIN: Attempt = Attempt::Again { settled: true, overdue: false };
const OFF: fn() -> Faults = Faults::default;
/// Longer than anything here takes.
const TIMEOUT: Duration = Duration::from_secs(10);

struct Rig {
    gateway: TestGateway,
    client: Arc<Guarded<HttpGateway>>,
    registry: Registry,
}

impl Rig {
    /// A client whose breaker opens for moments.
    async fn new(faults: Faults) -> Self {
        let settings = BreakerSettings {
            open_for: Duration::from_millis(60),
            open_max: Duration::from_millis(120),
            ..BreakerSettings::default()
        };
        Self::with(faults, settings, TIMEOUT).await
    }

    async fn with(faults: Faults, settings: BreakerSettings, timeout: Duration) -> Self {
        let gateway = spawn_for_tests(Options { faults, ..Options::for_tests() }).await.unwrap();
        let registry = Registry::new();
        let http = HttpGateway::new(gateway.base_url(), timeout).unwrap();
        let client = Arc::new(Guarded::new(http, settings, &registry).unwrap());
        Self { gateway, client, registry }
    }

    fn set(&self, faults: Faults) {
        self.gateway.sim().set_faults(faults);
    }

    fn requests(&self) -> u64 {
        self.gateway.sim().summary().requests
    }

    fn captures(&self) -> u64 {
        self.gateway.sim().summary().captured
    }

    fn state(&self) -> BreakerState {
        *self.client.opened().borrow()
    }

    async fn first(&self, order: u128) -> Result<ChargeOutcome, GatewayError> {
        self.charge(&charge(order, "tok_visa"), Attempt::First).await
    }

    async fn again(&self, order: u128) -> Result<ChargeOutcome, GatewayError> {
        self.charge(&charge(order, "tok_visa"), AGAIN).await
    }

    async fn charge(&self, request: &ChargeRequest, attempt: Attempt) -> Result<ChargeOutcome, GatewayError> {
        self.client.charge_safely(request, attempt).await.map_err(|setback| setback.error)
    }

    async fn refund(&self, request: &RefundRequest, attempt: Attempt) -> Result<Refund, GatewayError> {
        self.client.refund_safely(request, attempt).await.map_err(|setback| setback.error)
    }

    /// Five failures in a row.
    async fn break_it(&self) {
        self.set(Faults { outage: true, ..OFF() });
        for order in 0..5 {
            assert!(matches!(self.first(order).await, Err(GatewayError::Unknown(_))));
        }
        assert_eq!(self.state(), BreakerState::Open);
    }
}

fn charge(order: u128, payment_method: &str) -> ChargeRequest {
    ChargeRequest {
        order_id: Uuid::from_u128(order),
        amount: 1250,
        currency: "EUR".to_owned(),
        payment_method: payment_method.to_owned(),
        customer_id: "c-1".to_owned(),
    }
}

fn refund(order: u128, charge_id: String) -> RefundRequest {
    RefundRequest { order_id: Uuid::from_u128(order), charge_id, amount: 1250, currency: "EUR".to_owned() }
}

fn captured(outcome: Result<ChargeOutcome, GatewayError>) -> String {
    match outcome.unwrap() {
        ChargeOutcome::Captured { charge_id } => charge_id,
        ChargeOutcome::Declined { code } => panic!("declined with {code}"),
    }
}

#[tokio::test]
async fn a_charge_and_its_refund_under_their_keys() {
    let rig = Rig::new(OFF()).await;
    let charge_id = captured(rig.first(1).await);
    rig.refund(&refund(1, charge_id), Attempt::First).await.unwrap();
    let entries = rig.gateway.sim().entries();
    let order = Uuid::from_u128(1).to_string();
    assert_eq!(entries[0].idempotency_key, order);
    assert_eq!(entries[1].idempotency_key, format!("refund:{order}:{}", entries[0].id));
    assert!(
        entries.iter().all(|entry| entry.order_id == order && entry.customer_id.as_deref() == Some("c-1"))
    );
}

#[tokio::test]
async fn the_same_charge_again_is_the_same_charge() {
    let rig = Rig::new(OFF()).await;
    let first = captured(rig.first(1).await);
    assert_eq!(captured(rig.first(1).await), first);
    assert_eq!(captured(rig.again(1).await), first);
    assert_eq!(rig.captures(), 1);
}

#[tokio::test]
async fn the_look_up_prevents_the_second_charge() {
    let forgetful = Faults { ignore_idempotency: true, ..OFF() };
    let rig = Rig::new(Faults { error_after_rate: 1.0, ..forgetful }).await;
    assert!(matches!(rig.first(1).await, Err(GatewayError::Unknown(_))));
    rig.set(forgetful);
    captured(rig.again(1).await);
    assert_eq!(rig.captures(), 1);

    // Without the look-up this gateway does charge twice.
    captured(rig.first(1).await);
    assert_eq!(rig.captures(), 2);
}

#[tokio::test]
async fn the_look_up_prevents_the_second_refund() {
    let forgetful = Faults { ignore_idempotency: true, ..OFF() };
    let rig = Rig::new(forgetful).await;
    let request = refund(1, captured(rig.first(1).await));
    rig.set(Faults { error_after_rate: 1.0, ..forgetful });
    assert!(matches!(rig.refund(&request, Attempt::First).await, Err(GatewayError::Unknown(_))));
    rig.set(forgetful);
    rig.refund(&request, AGAIN).await.unwrap();
    assert_eq!(rig.gateway.sim().summary().refunds, 1);
}

#[tokio::test]
async fn a_look_up_that_finds_another_amount_is_no_capture() {
    let rig = Rig::new(OFF()).await;
    let less = ChargeRequest { amount: 999, ..charge(1, "tok_visa") };
    captured(rig.charge(&less, Attempt::First).await);
    for _ in 0..BreakerSettings::default().failures {
        let found = rig.again(1).await;
        assert!(matches!(found, Err(GatewayError::Contradiction(_))), "{found:?}");
    }
    assert_eq!(rig.state(), BreakerState::Closed, "it is this payment, not the gateway");
    assert_eq!(rig.captures(), 1);
}

#[tokio::test]
async fn every_charge_of_an_order_is_refunded_by_a_refund_of_its_own() {
    for attempt in [Attempt::First, AGAIN] {
        let rig = Rig::new(Faults { ignore_idempotency: true, ..OFF() }).await;
        let charges = [captured(rig.first(1).await), captured(rig.first(1).await)];
        rig.set(OFF());
        let mut refunds = Vec::new();
        for charge_id in charges.clone() {
            refunds.push(rig.refund(&refund(1, charge_id), attempt).await.unwrap());
        }
        assert_ne!(refunds[0], refunds[1], "one of them was told as given back and was not");
        assert_eq!(rig.gateway.sim().summary().refunds, 2);
        for charge_id in charges {
            rig.refund(&refund(1, charge_id), Attempt::First).await.unwrap();
        }
        assert_eq!(rig.gateway.sim().summary().refunds, 2, "each once");
    }
}

#[tokio::test]
async fn a_look_up_that_finds_nothing_leads_to_the_charge() {
    let rig = Rig::new(Faults { error_rate: 1.0, ..OFF() }).await;
    assert!(matches!(rig.first(1).await, Err(GatewayError::Unknown(_))));
    rig.set(OFF());
    captured(rig.again(1).await);
    assert_eq!(rig.captures(), 1);
}

#[tokio::test]
async fn a_look_up_that_fails_charges_nothing() {
    let rig = Rig::new(Faults { error_after_rate: 1.0, ..OFF() }).await;
    assert!(matches!(rig.again(1).await, Err(GatewayError::Unknown(_))));
    assert_eq!(rig.gateway.sim().summary().charges, 0);
}

#[tokio::test]
async fn an_earlier_decline_is_found_and_stands() {
    let rig = Rig::new(Faults { ignore_idempotency: true, ..OFF() }).await;
    let declined = rig.charge(&charge(1, "tok_expired_card"), Attempt::First).await.unwrap();
    assert_eq!(rig.charge(&charge(1, "tok_expired_card"), AGAIN).await.unwrap(), declined);
    assert_eq!(rig.gateway.sim().summary().declined, 1);
}

#[tokio::test]
async fn a_time_out_is_unknown_and_found_afterwards() {
    let hanging = Faults { hang_rate: 1.0, hang_ms: 600_000, ..OFF() };
    let rig = Rig::with(hanging, BreakerSettings::default(), Duration::from_secs(1)).await;
    assert!(matches!(rig.first(1).await, Err(GatewayError::Unanswered(_))));
    rig.set(OFF());
    captured(rig.again(1).await);
    assert_eq!(rig.captures(), 1);
}

#[tokio::test]
async fn a_charge_that_is_under_way_is_waited_for_where_keys_are_ignored() {
    let late = Faults { late_rate: 1.0, hang_ms: 2_000, ignore_idempotency: true, ..OFF() };
    let rig = Rig::with(late, BreakerSettings::default(), Duration::from_secs(1)).await;
    assert!(matches!(rig.first(1).await, Err(GatewayError::Unanswered(_))));
    rig.set(Faults { ignore_idempotency: true, ..OFF() });
    let unsettled = Attempt::Again { settled: false, overdue: false };
    let looked = rig.charge(&charge(1, "tok_visa"), unsettled).await;
    assert_eq!(looked, Err(GatewayError::Unsettled), "that nothing is booked yet proves nothing");
    testkit::eventually(TIMEOUT, "the gateway to be done", async || {
        rig.gateway.sim().traffic().in_flight == 0
    })
    .await;
    captured(rig.again(1).await);
    assert_eq!(rig.captures(), 1);
}

#[tokio::test]
async fn a_reset_is_no_answer() {
    let rig = Rig::new(Faults { reset_rate: 1.0, ..OFF() }).await;
    assert!(matches!(rig.first(1).await, Err(GatewayError::Unanswered(_))));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_was_not_sent_anything() {
    let Rig { gateway, client, .. } = Rig::new(OFF()).await;
    gateway.stop().await;
    let result = client.charge_safely(&charge(1, "tok_visa"), Attempt::First).await;
    assert!(matches!(result, Err(Setback { error: GatewayError::NotSent(_), .. })), "{result:?}");
}

#[tokio::test]
async fn metrics_tell_outcomes_and_the_breaker() {
    let rig = Rig::new(OFF()).await;
    captured(rig.again(1).await);
    rig.break_it().await;
    let text = TextEncoder::new().encode_to_string(&rig.registry.gather()).unwrap();
    for line in [
        r#"payment_gateway_request_duration_seconds_count{operation="find_charge",outcome="absent"} 1"#,
        r#"payment_gateway_request_duration_seconds_count{operation="charge",outcome="captured"} 1"#,
        r#"payment_gateway_request_duration_seconds_count{operation="charge",outcome="unknown"} 5"#,
        "payment_gateway_breaker_state 2",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

#[test]
fn an_address_must_be_an_http_url() {
    for address in ["", "gateway:8080", "ftp://gateway", "https://", "http://"] {
        let error = HttpGateway::new(address, TIMEOUT).err().unwrap();
        assert!(matches!(error, SetupError::Address(_)), "{address}");
    }
    for address in ["http://gateway:8080", "https://127.0.0.1:1/", "http://proxy/gateway/"] {
        assert!(HttpGateway::new(address, TIMEOUT).is_ok(), "{address}");
    }
}

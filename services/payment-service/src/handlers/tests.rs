//! The handlers against a gateway that answers as told: what each answer comes to, and what was asked.

mod rig;

use events::RawEnvelope;
use messaging::trace::TraceContext;
use prometheus::TextEncoder;

use super::*;
use rig::*;

fn captured() -> ChargeOutcome {
    ChargeOutcome::Captured { charge_id: "ch_1".to_owned() }
}

fn unknown<T>() -> Answer<T> {
    Err(GatewayError::Unknown("reset".to_owned()))
}

fn unanswered<T>() -> Answer<T> {
    Err(GatewayError::Unanswered("timed out".to_owned()))
}

fn busy() -> GatewayError {
    GatewayError::Busy { retry_in: Duration::from_secs(7), reason: "429".to_owned() }
}

const FIND: &str = "find charge";
const CHARGE: &str = "charge 1250 EUR tok_visa c-1";

#[tokio::test]
async fn what_each_answer_to_a_charge_comes_to() {
    let declined = ChargeOutcome::Declined { code: "expired_card".to_owned() };
    let table = [
        (Ok(captured()), "captured ch_1 1250 EUR"),
        (Ok(declined), "declined expired_card 1250 EUR"),
        (unknown(), "hold: the outcome at the gateway is unknown: reset"),
        (unanswered(), "hold: the gateway did not answer: timed out"),
        (
            Err(GatewayError::NotSent("refused".to_owned())),
            "hold: the gateway did not take the request: refused",
        ),
        (
            Err(GatewayError::Misconfigured("404".to_owned())),
            "hold: the gateway cannot be used as configured: 404",
        ),
        (Err(GatewayError::InProgress("409".to_owned())), "hold: the gateway is at it: 409"),
        (Err(busy()), "hold: the gateway is busy, next try in 7s: 429"),
        (Err(GatewayError::Rejected("bad".to_owned())), "reject: the gateway refused the request: bad"),
    ];
    for (answer, expected) in table {
        let rig = Rig::new(5);
        assert_eq!(rig.charge(1, answer).await, expected);
        assert_eq!(rig.gateway.asked(), ["charge 1250 EUR tok_visa c-1"]);
    }
}

#[tokio::test]
async fn what_each_answer_to_a_refund_comes_to() {
    let table = [
        (Ok(gateway::Refund { refund_id: "re_1".to_owned() }), "refunded c-1 ch_1 re_1 1250 EUR"),
        (unknown(), "hold: the outcome at the gateway is unknown: reset"),
        (unanswered(), "hold: the gateway did not answer: timed out"),
        (
            Err(GatewayError::NotSent("refused".to_owned())),
            "hold: the gateway did not take the request: refused",
        ),
        (Err(GatewayError::Rejected("bad".to_owned())), "reject: the gateway refused the request: bad"),
    ];
    for (answer, expected) in table {
        let rig = Rig::new(5);
        assert_eq!(rig.refund(1, answer).await, expected);
        assert_eq!(rig.gateway.asked(), ["refund ch_1 1250 EUR"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_somebody_else_had_is_looked_up_at_once_and_made_when_the_books_can_tell() {
    let rig = Rig::new(5);
    let outcome = rig.charge(2, Ok(captured())).await;
    assert_eq!(outcome, "hold: an earlier request may still be under way at the gateway");
    assert_eq!(rig.gateway.asked(), [FIND]);
    tokio::time::advance(SETTLE).await;
    assert_eq!(rig.charge(2, Ok(captured())).await, "captured ch_1 1250 EUR");
    assert_eq!(rig.gateway.asked(), [FIND, CHARGE]);

    let rig = Rig::new(5);
    rig.gateway.script().found = Some(captured());
    assert_eq!(rig.charge(2, unknown()).await, "captured ch_1 1250 EUR");
    assert_eq!(rig.gateway.asked(), [FIND], "what was found is not charged again");

    let rig = Rig::new(5);
    assert!(rig.refund(2, unknown()).await.starts_with("hold: an earlier request"));
    assert_eq!(rig.gateway.asked(), ["find refund"]);
}

#[tokio::test]
async fn an_old_payment_is_looked_up_and_made() {
    let rig = Rig::new(5);
    rig.turn_clock(Duration::from_secs(23 * 3_600 - 1));
    rig.charge(1, Ok(captured())).await;
    assert_eq!(rig.gateway.asked(), [CHARGE]);
    rig.turn_clock(Duration::from_secs(23 * 3_600));
    rig.charge(1, Ok(captured())).await;
    assert_eq!(rig.gateway.asked(), [FIND, CHARGE]);
}

/// After a restore a payment that seems new may have been made long ago, under a key the gateway has forgotten.
#[tokio::test]
async fn after_a_restore_every_payment_is_looked_up_and_none_is_made_twice() {
    let rig = Rig::new(5).looking_first();
    rig.gateway.script().found = Some(captured());
    assert_eq!(rig.charge(1, unknown()).await, "captured ch_1 1250 EUR");
    assert_eq!(rig.gateway.asked(), [FIND]);
    rig.gateway.script().found = None;
    rig.gateway.script().charges.clear();
    assert_eq!(rig.charge(1, Ok(captured())).await, "captured ch_1 1250 EUR");
    assert_eq!(rig.gateway.asked(), [FIND, CHARGE], "one that was never made is made at once");
}

#[tokio::test]
async fn a_payment_the_broker_may_have_forgotten_is_looked_up_and_made_at_once() {
    let rig = Rig::new(5);
    rig.charge(0, Ok(captured())).await;
    assert_eq!(rig.gateway.asked(), [FIND, CHARGE]);
}

#[tokio::test(start_paused = true)]
async fn what_had_no_answer_is_not_made_again_while_the_gateway_may_be_at_it() {
    let rig = Rig::new(5);
    rig.charge(1, unanswered()).await;
    tokio::time::advance(SETTLE - Duration::from_secs(1)).await;
    assert!(rig.charge(1, Ok(captured())).await.starts_with("hold: an earlier request"));
    tokio::time::advance(Duration::from_secs(1)).await;
    rig.charge(1, Ok(captured())).await;
    assert_eq!(rig.gateway.asked(), [CHARGE, FIND, FIND, CHARGE]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_holds_the_payment_that_met_it_and_looks_it_up_afterwards() {
    let rig = Rig::new(2);
    rig.witnesses().await;
    assert!(rig.charge(1, Err(GatewayError::NotSent("refused".to_owned()))).await.starts_with("hold"));
    assert!(rig.charge(1, unknown()).await.starts_with("hold"), "the breaker opened");
    rig.gateway.asked();

    let before = Instant::now();
    let outcome = rig.charge(1, Ok(captured())).await;
    assert!(outcome.starts_with("hold: the gateway is held to be down"), "{outcome}");
    assert_eq!(before.elapsed(), PATIENCE);
    assert_eq!(rig.gateway.asked(), [""; 0], "nobody was called");
    assert!(rig.payments.pending.has_failed(CHARGED), "a hold does not forget");
}

#[tokio::test]
async fn what_was_held_without_an_answer_is_looked_up_though_it_counts_no_attempt() {
    let rig = Rig::new(5);
    assert!(rig.charge(1, unknown()).await.starts_with("hold"));
    assert!(rig.charge(1, Err(GatewayError::NotSent("refused".to_owned()))).await.starts_with("hold"));
    rig.charge(1, Ok(captured())).await;
    rig.charge(1, Ok(captured())).await;
    assert_eq!(
        rig.gateway.asked(),
        [CHARGE, FIND, CHARGE, FIND, CHARGE, CHARGE],
        "until there was an answer"
    );
}

#[tokio::test]
async fn a_payment_that_fails_where_others_go_through_uses_its_attempts_up() {
    let rig = Rig::new(5);
    for _failure in 0..8 {
        rig.witnesses().await;
        let outcome = rig.charge(1, unknown()).await;
        assert_eq!(outcome, "retry: the outcome at the gateway is unknown: reset");
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_nobody_can_speak_for_has_a_day_and_an_hour_here() {
    let rig = Rig::new(9);
    let (hour, second) = (Duration::from_secs(3_600), Duration::from_secs(1));
    rig.charge(1, unknown()).await;
    for (age, tried_for, expected) in [
        (24 * hour, Duration::ZERO, "hold"),
        (24 * hour, hour - second, "hold"),
        (24 * hour - second, second, "hold"),
        (24 * hour, Duration::ZERO, "retry"),
    ] {
        tokio::time::advance(tried_for).await;
        rig.turn_clock(age);
        let outcome = rig.charge(1, unknown()).await;
        assert!(outcome.starts_with(expected), "{outcome}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_rejected() {
    let rig = Rig::new(5);
    let message = stored(&reserved(), 2);
    let envelope = RawEnvelope::parse(&message.payload).unwrap();
    let trace = TraceContext::default();
    let received = Received { message: &message, envelope, attempt: 1, first: true, repeated: false, trace };
    let outcome = told(Charge(Arc::clone(&rig.payments)).handle(&received).await);
    assert_eq!(outcome, "reject: unknown version 2 of `inventory.reserved`");
    let outcome = rig.handle(&Refund(Arc::clone(&rig.payments)), &reserved(), 1).await;
    assert_eq!(outcome, "reject: unknown event type `inventory.reserved`");
}

#[tokio::test]
async fn every_attempt_is_counted_by_how_it_ended() {
    let rig = Rig::new(9);
    rig.charge(1, Ok(captured())).await;
    rig.charge(1, Ok(ChargeOutcome::Declined { code: "expired_card".to_owned() })).await;
    rig.witnesses().await;
    rig.charge(1, unknown()).await;
    rig.charge(1, Err(GatewayError::NotSent(String::new()))).await;
    rig.charge(1, Err(GatewayError::Rejected(String::new()))).await;
    let text = TextEncoder::new().encode_to_string(&rig.registry.gather()).unwrap();
    let counts =
        [("captured", 1), ("declined", 1), ("refunded", 10), ("retried", 1), ("held", 1), ("rejected", 1)];
    for (status, count) in counts {
        let line = format!(r#"payment_process_duration_seconds_count{{status="{status}"}} {count}"#);
        assert!(text.contains(&line), "no `{line}` in\n{text}");
    }
    assert!(text.contains(r#"payment_declines_total{code="expired_card"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn what_had_no_answer_is_looked_up_however_long_the_gateway_is_away() {
    let rig = Rig::new(1);
    rig.charge(1, unanswered()).await;
    let down = "hold: the gateway is held to be down";
    // Hours in which another payment finds out, again and again, that it is still away.
    for _opening in 0..3 {
        while rig.refund(1, unanswered()).await.starts_with(down) {
            rig.gateway.script().refunds.clear();
            assert!(rig.charge(1, unanswered()).await.starts_with(down));
            tokio::time::advance(Duration::from_secs(240)).await;
        }
    }
    rig.gateway.asked();
    rig.gateway.script().found = Some(captured());
    while rig.charge(1, unanswered()).await.starts_with(down) {
        tokio::time::advance(Duration::from_secs(240)).await;
    }
    assert_eq!(rig.gateway.asked(), [FIND]);
}

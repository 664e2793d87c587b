//! The breaker as the gateway sees it: how many calls reach it, and when.

use super::*;

#[tokio::test]
async fn five_failures_open_the_breaker_and_stop_the_calls() {
    let rig = Rig::with(OFF(), BreakerSettings::default(), TIMEOUT).await;
    rig.break_it().await;
    for order in 10..30 {
        assert!(
            matches!(rig.first(order).await, Err(GatewayError::Down { retry_in }) if !retry_in.is_zero())
        );
    }
    assert_eq!(rig.requests(), 5);
}

#[tokio::test]
async fn half_open_sends_one_request_however_many_wait() {
    let rig = Rig::new(OFF()).await;
    rig.break_it().await;
    rig.client.available().await;
    // All fifty are turned away before the probe's answer comes.
    rig.set(Faults { latency_ms: 300, ..OFF() });
    let mut callers = JoinSet::new();
    for order in 100..150 {
        let client = Arc::clone(&rig.client);
        callers.spawn(async move {
            let answer = client.charge_safely(&charge(order, "tok_visa"), Attempt::First).await;
            answer.map_err(|setback| setback.error)
        });
    }
    let results = callers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| matches!(result, Err(GatewayError::Down { .. }))).count(), 49);
    assert_eq!(rig.requests(), 6);
    assert_eq!(rig.state(), BreakerState::Closed);
    rig.set(OFF());
    captured(rig.first(1).await);
}

#[tokio::test]
async fn an_outage_ends_by_itself_once_the_gateway_is_back() {
    let rig = Rig::new(OFF()).await;
    rig.break_it().await;
    rig.client.available().await;
    assert!(matches!(rig.first(7).await, Err(GatewayError::Unknown(_))));
    assert_eq!(rig.state(), BreakerState::Open);
    rig.set(OFF());
    rig.client.available().await;
    captured(rig.again(7).await);
    assert_eq!(rig.state(), BreakerState::Closed);
}

#[tokio::test]
async fn declines_and_refusals_never_trip_it() {
    let rig = Rig::new(OFF()).await;
    for order in 0..20 {
        let declined = rig.charge(&charge(order, "tok_insufficient_funds"), Attempt::First).await.unwrap();
        assert_eq!(declined, ChargeOutcome::Declined { code: "insufficient_funds".to_owned() });
        let invalid = ChargeRequest { amount: 0, ..charge(100 + order, "tok_visa") };
        assert!(matches!(rig.charge(&invalid, Attempt::First).await, Err(GatewayError::Rejected(_))));
    }
    assert_eq!(rig.state(), BreakerState::Closed);
    assert_eq!(rig.requests(), 40);
}

#[tokio::test]
async fn while_it_is_down_the_gateway_sees_one_call_a_period_from_all_who_wait() {
    const PERIOD: Duration = Duration::from_millis(150);
    let settings =
        BreakerSettings { open_for: PERIOD, open_max: PERIOD, jitter: 0.0, ..BreakerSettings::default() };
    let rig = Rig::with(OFF(), settings, TIMEOUT).await;
    rig.break_it().await;
    let opened = tokio::time::Instant::now();
    rig.set(Faults { outage: true, ..OFF() });
    let mut waiting = JoinSet::new();
    for order in 100..164 {
        let client = Arc::clone(&rig.client);
        waiting.spawn(async move {
            loop {
                client.available().await;
                // Charges and refunds share the one gateway.
                if order % 2 == 0 {
                    let _down = client.charge_safely(&charge(order, "tok_visa"), AGAIN).await;
                } else {
                    let _down = client.refund_safely(&refund(order, "ch_1".to_owned()), AGAIN).await;
                }
            }
        });
    }
    let probes = || u32::try_from(rig.gateway.sim().traffic().requests).unwrap();
    testkit::eventually(TIMEOUT, "probes", async || probes() >= 6).await;
    let seen = probes();
    assert!(opened.elapsed() >= PERIOD * seen, "{seen} calls in {:?}", opened.elapsed());
    assert_eq!(rig.gateway.sim().traffic().peak, 1);
}

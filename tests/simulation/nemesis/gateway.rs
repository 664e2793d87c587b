//! Trouble at the card gateway.

use std::time::Duration;

use super::Nemesis;
use crate::{bank::BankFaults, chance::pass};

/// Within this time of failures a breaker opens.
const OPENING: Duration = Duration::from_secs(5);
/// Two processes, each with a breaker of its own that is open for a second at least.
const PROBES_PER_SECOND: u64 = 2;

impl Nemesis {
    pub(super) fn errors(&self) -> BankFaults {
        let chance = &self.world.chance;
        let some = || if chance.hits(0.6) { 0.2 } else { 0.0 };
        BankFaults {
            error_before: some(),
            error_after: some(),
            reset_before: some(),
            reset_after: some(),
            ..BankFaults::default()
        }
    }

    /// While the gateway is down it is asked now and then whether it still is, and no more.
    pub(super) async fn gateway_outage(&self) {
        let world = &self.world;
        world.bank.set_faults(BankFaults { outage: true, ..BankFaults::default() });
        let undisturbed = world.calm.mark();
        pass(OPENING).await;
        let (before, lasting) = (world.bank.calls(), world.chance.millis(2_000..20_000));
        pass(lasting).await;
        let calls = world.bank.calls() - before;
        if undisturbed.is_some() && world.calm.mark() == undisturbed {
            world.trace.sometimes("a gateway is down undisturbed");
            if calls > PROBES_PER_SECOND * (lasting.as_secs() + 2) {
                world.breach(format!("GATEWAY: {calls} calls in {lasting:?} while it was down"));
            }
        }
        world.bank.set_faults(BankFaults::default());
    }

    pub(super) async fn gateway(&self, faults: BankFaults) {
        self.world.bank.set_faults(faults);
        pass(self.world.chance.millis(1_000..20_000)).await;
        self.world.bank.set_faults(BankFaults::default());
    }
}

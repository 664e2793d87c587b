//! What a seed decides before anything happens: how large the world is, and which kinds of trouble it will know.
//!
//! Each seed draws a random subset of all kinds ("swarm"): with all of them at once, most would hide the others.

use std::time::Duration;

use messaging::worker::RetryPolicy;
use order_service::domain::Windows;

use crate::chance::Chance;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// A process is killed at some moment.
    Crash,
    /// A process is killed between two of its next steps.
    CrashAtStep,
    /// All processes are killed at once.
    CrashAll,
    /// A process is stopped for a while, and goes on.
    Freeze,
    /// A payment process is stopped between two of its next steps, for longer than the broker waits for it.
    FreezeAtStep,
    /// A process is told to stop, and started again.
    Restart,
    /// All processes are told to stop, one after the other, and started again.
    RollingRestart,
    /// The payment service is told to stop, again and again.
    PaymentRestarts,
    /// The broker cannot be reached.
    Outage,
    /// The broker is killed, and started again.
    BrokerCrash,
    /// Requests and answers are lost, late and repeated.
    Noise,
    /// A process cannot reach the broker.
    Partition,
    /// The broker's disk is full.
    FullDisk,
    /// The gateway fails now and then.
    GatewayErrors,
    /// The gateway acts and does not answer.
    GatewayHangs,
    /// The gateway is down.
    GatewayOutage,
    /// Somebody publishes what nobody can read.
    Poison,
    /// An operator sees to a dead letter: puts it back, mended or not, or writes it off.
    Operator,
    /// A journal's newest snapshot is damaged, and its leader killed.
    DamagedSnapshot,
    /// A service is away for longer than the broker remembers ids.
    Silence,
    /// A process is stopped for as long, and goes on.
    Doze,
    /// The payment service keeps dying while the gateway is down.
    CrashLoop,
}

impl Trouble {
    const ALL: [Self; 19] = [
        Self::Crash,
        Self::CrashAtStep,
        Self::CrashAll,
        Self::Freeze,
        Self::FreezeAtStep,
        Self::Restart,
        Self::RollingRestart,
        Self::PaymentRestarts,
        Self::Outage,
        Self::BrokerCrash,
        Self::Noise,
        Self::Partition,
        Self::FullDisk,
        Self::GatewayErrors,
        Self::GatewayHangs,
        Self::GatewayOutage,
        Self::Poison,
        Self::Operator,
        Self::DamagedSnapshot,
    ];

    /// What a release does to the fleet while the gateway is down.
    const RELEASE: [Self; 3] = [Self::RollingRestart, Self::PaymentRestarts, Self::GatewayOutage];

    /// Nothing but that, so that one sees who still asks it.
    const GATEWAY_ALONE: [Self; 1] = [Self::GatewayOutage];

    /// What goes together with a service that is away: nothing that brings it back.
    const SILENCE: [Self; 10] = [
        Self::Silence,
        Self::Doze,
        Self::Outage,
        Self::BrokerCrash,
        Self::Noise,
        Self::FullDisk,
        Self::GatewayErrors,
        Self::GatewayHangs,
        Self::Poison,
        Self::Operator,
    ];

    /// Deaths that are no payment's fault.
    const CRASH_LOOP: [Self; 1] = [Self::CrashLoop];

    /// What a release does to payments at a gateway that hangs.
    const RELEASE_AT_HANGS: [Self; 2] = [Self::PaymentRestarts, Self::GatewayHangs];

    /// What makes two processes work on one payment at the same time. A gateway that ignores keys cannot be kept from
    /// charging twice then: whoever uses one is promised safety across crashes, no more.
    fn doubles_work(self) -> bool {
        matches!(
            self,
            Self::Freeze
                | Self::FreezeAtStep
                | Self::Doze
                | Self::Noise
                | Self::Partition
                | Self::Outage
                | Self::BrokerCrash
        )
    }
}

/// What a seed has decided.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The kinds of trouble that may happen.
    pub(crate) troubles: Vec<Trouble>,
    /// Until when trouble is made and orders are placed.
    pub(crate) horizon: Duration,
    /// How many orders are placed.
    pub(crate) orders: u64,
    /// The gateway takes no notice of idempotency keys.
    pub(crate) ignores_keys: bool,
    /// After how many failed attempts a message is given up.
    pub(crate) max_attempts: u64,
    /// Some mailboxes are busy for as long as that; in the end an operator puts back what was given up.
    pub(crate) gives_up: bool,
    /// By how much a clock may be wrong, in microseconds.
    pub(crate) skew: i64,
    /// After how long an order expires.
    deadline: Duration,
}

impl Plan {
    pub(crate) fn draw(chance: &Chance) -> Self {
        let (ignores_keys, kind) = (chance.hits(0.2), chance.number(0..20));
        let lawful = |trouble: &Trouble| !(ignores_keys && trouble.doubles_work());
        // No attempt may be burnt by a release, so that few of them must do.
        let is_release = chance.hits(0.15);
        let troubles = match kind {
            _ if is_release => Trouble::RELEASE.to_vec(),
            0 => Trouble::GATEWAY_ALONE.to_vec(),
            1 => Trouble::RELEASE_AT_HANGS.to_vec(),
            2 => Trouble::CRASH_LOOP.to_vec(),
            3 | 4 => Trouble::SILENCE.into_iter().filter(|_| chance.hits(0.6)).filter(lawful).collect(),
            _ => Trouble::ALL.into_iter().filter(lawful).filter(|_| chance.hits(0.4)).collect(),
        };
        let keeps_dying = troubles == Trouble::CRASH_LOOP;
        let gives_up = !is_release && !keeps_dying && chance.hits(0.15);
        let skew = if chance.hits(0.3) { 120_000_000 } else { 0 };
        let deadline = if chance.hits(0.25) { chance.number(5..20) } else { 86_400 };
        Self {
            horizon: chance.millis(15_000..45_000),
            orders: chance.number(8..26),
            // Where keys would save it, nobody sees what the fleet does by itself.
            ignores_keys: ignores_keys || troubles == Trouble::RELEASE_AT_HANGS,
            troubles,
            max_attempts: match gives_up {
                _ if is_release => 3,
                // That of production.
                true => RetryPolicy::default().max_attempts,
                _ if keeps_dying => RetryPolicy::default().max_attempts,
                // So many that no streak of bad luck is that long.
                false => 40,
            },
            gives_up,
            skew,
            deadline: Duration::from_secs(deadline),
        }
    }

    /// For how long orders are waited for and remembered.
    pub(crate) fn windows(&self) -> Windows {
        Windows { deadline: self.deadline, cancel: Duration::from_secs(10), ..Windows::DEFAULT }
    }
}

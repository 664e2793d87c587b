//! Every scenario and every control, by name.

mod disks;
mod gateway;
mod kill;
mod pause;
mod poison;
mod rolling;
mod slow;

use crate::scenario::{Control, Scenario};

/// All of them, in the order in which they run: what is most likely to go wrong first.
pub(crate) static ALL: &[Scenario] = &[
    Scenario {
        name: "power_cut",
        fault: "the machine's power is cut: broker and databases keep what was synced to the disk",
        run: |scale| Box::pin(disks::power_cut(scale, disks::Sync::Always)),
    },
    Scenario {
        name: "full_disk",
        fault: "the broker's disk is full, and later is not",
        run: |scale| Box::pin(disks::full_disk(scale)),
    },
    Scenario {
        name: "full_streams",
        fault: "every stream is at its limit, and later has a larger one",
        run: |scale| Box::pin(disks::full_streams(scale)),
    },
    Scenario {
        name: "kill_9_each_service",
        fault: "kill -9 of each service in turn",
        run: |scale| Box::pin(kill::each_service(scale)),
    },
    Scenario {
        name: "kill_9_each_journal_leader",
        fault: "kill -9 of the leader of each journal; its standby takes over",
        run: |scale| Box::pin(kill::each_journal_leader(scale)),
    },
    Scenario {
        name: "kill_9_broker",
        fault: "kill -9 of the broker",
        run: |scale| Box::pin(kill::broker(scale)),
    },
    Scenario {
        name: "freeze_each_journal_leader",
        fault: "SIGSTOP for 10 s, then SIGCONT, of the leader of each journal",
        run: |scale| Box::pin(pause::each_journal_leader(scale)),
    },
    Scenario {
        name: "freeze_broker",
        fault: "SIGSTOP for 10 s, then SIGCONT, of the broker",
        run: |scale| Box::pin(pause::broker(scale)),
    },
    Scenario {
        name: "rolling_restart",
        fault: "SIGTERM and restart of every replica of all five services, one after another, twice",
        run: |scale| Box::pin(rolling::restart(scale)),
    },
    Scenario {
        name: "hand_over_each_journal_leader",
        fault: "SIGTERM of the leader of each journal; its standby takes over before the lease ends",
        run: |scale| Box::pin(rolling::hand_over(scale, rolling::End::Sigterm)),
    },
    Scenario {
        name: "gateway_outage",
        fault: "the card gateway answers 503 to everything for 60 s",
        run: |scale| Box::pin(gateway::outage(scale, gateway::Breaker::Patient)),
    },
    Scenario {
        name: "gateway_brownout",
        fault: "the card gateway fails 30 % of requests, before or after doing the work, and hangs on others",
        run: |scale| Box::pin(gateway::brownout(scale, gateway::Keys::Honoured)),
    },
    Scenario {
        name: "gateway_brownout_without_idempotency",
        fault: "the same, and the card gateway ignores idempotency keys",
        run: |scale| Box::pin(gateway::brownout(scale, gateway::Keys::Ignored)),
    },
    Scenario {
        name: "poison_messages",
        fault: "200 messages of 10 unreadable kinds are published into every stream",
        run: |scale| Box::pin(poison::messages(scale)),
    },
    Scenario {
        name: "slow_consumers",
        fault: "SIGSTOP for 20 s of the notification and the audit service",
        run: |scale| Box::pin(slow::consumers(scale)),
    },
    Scenario {
        name: "kill_9_postgres",
        fault: "kill -9 of the PostgreSQL under the audit service",
        run: |scale| Box::pin(slow::postgres(scale)),
    },
];

/// What has to fail.
pub(crate) static CONTROLS: &[Control] = &[
    Control {
        scenario: Scenario {
            name: "power_cut_without_sync",
            fault: "the power cut, with a broker that does not sync before it acknowledges",
            run: |scale| Box::pin(disks::power_cut(scale, disks::Sync::Later)),
        },
        red: "are gone",
    },
    Control {
        scenario: Scenario {
            name: "hand_over_by_kill_9",
            fault: "the hand-over, with a leader that has no chance to hand over",
            run: |scale| Box::pin(rolling::hand_over(scale, rolling::End::Kill)),
        },
        red: "no hand-over",
    },
    Control {
        scenario: Scenario {
            name: "gateway_outage_with_impatient_breaker",
            fault: "the gateway outage, with a breaker that leaves the gateway in peace for a second only",
            run: |scale| Box::pin(gateway::outage(scale, gateway::Breaker::Impatient)),
        },
        red: "probes",
    },
];

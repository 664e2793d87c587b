//! The messaging layer against a real nats-server.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed setup fails the test")]

mod commit;
mod journal;
mod journal_contained;
mod journal_crashes;
mod journal_faults;
mod journal_foreign;
mod journal_parking;
mod journal_redrive;
mod journal_rollback;
mod journal_snapshots;
mod journal_trust;
mod log;
mod remade;
mod support;
mod sweep;
mod topology;
mod wire;
mod worker;
mod worker_attempts;
mod worker_flow;
mod worker_letters;
mod worker_rig;

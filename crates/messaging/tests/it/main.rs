//! The messaging layer against a real nats-server.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod commit;
mod journal;
mod log;
mod support;
mod topology;
mod worker;

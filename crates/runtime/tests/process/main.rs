//! The runtime as a real process: exit codes, signals, draining, logs, metrics and traces.
#![expect(clippy::expect_used, reason = "a failed setup fails the test")]

mod child;
mod collector;
mod exit_codes;
mod observability;
mod shutdown;

/// Calls probes.
fn http() -> reqwest::Client {
    runtime::http_client().build().expect("a client")
}

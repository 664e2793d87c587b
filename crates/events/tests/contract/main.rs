//! The contract as tests: what is on the wire, what is in `docs/EVENTS.md`, and that both are the code.
#![expect(clippy::expect_used, reason = "a failed setup fails the test")]

mod catalogue;
mod decoding;
mod golden;
mod round_trip;
mod samples;

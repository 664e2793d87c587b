//! `backup` and `restore` as an operator runs them.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod damaged;
mod fleet;
mod operator;
mod round_trip;

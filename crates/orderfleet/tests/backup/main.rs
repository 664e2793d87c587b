//! `backup` and `restore` as an operator runs them.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod damaged;
mod fleet;
mod half;
mod operator;
mod round_trip;

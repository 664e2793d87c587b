//! One test binary: the list of suites.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod tidy;

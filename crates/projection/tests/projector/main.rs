//! Projectors and stores on real databases: SQLite always, PostgreSQL where it is installed.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod exactly_once;
mod ledger;
mod progress;
mod rivals;
mod store;
mod tls;

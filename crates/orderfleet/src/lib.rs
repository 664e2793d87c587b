//! The command line: run the fleet, place orders, prove the promise.
//!
//! - [`fleet`]: broker, card gateway and services as processes on this machine; also the harness of the tests.
//! - [`commands`]: one file per subcommand.
//! - [`client`]: the services' HTTP APIs as typed calls.
//! - [`load`]: callers, and what came of their orders.
//! - `bench`: how fast a fleet is, and what an order costs.
//! - [`verify`]: the verdict on a fleet.
//! - `ui`: the one place that prints.

mod backup;
mod bench;
mod broker;
pub mod cli;
pub mod client;
pub mod commands;
pub mod fleet;
mod interrupt;
pub mod load;
mod log_line;
mod slow;
mod ui;
pub mod verify;

pub use ui::Ui;

//! The command line: run the fleet, place orders, prove the promise.
//!
//! - [`fleet`]: broker, card gateway and services as processes on this machine; also the harness of the tests.
//! - [`commands`]: one file per subcommand.
//! - `ui`: the one place that prints.

pub mod cli;
pub mod commands;
pub mod fleet;
mod interrupt;
mod log_line;
mod ui;

pub use ui::Ui;

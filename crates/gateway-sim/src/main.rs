//! The `gateway-sim` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::run("gateway-sim", env!("CARGO_PKG_VERSION"), gateway_sim::start)
}

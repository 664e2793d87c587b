//! The `gateway-sim` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: runtime::Allocator = runtime::ALLOCATOR;

fn main() -> ExitCode {
    runtime::run("gateway-sim", env!("CARGO_PKG_VERSION"), gateway_sim::start)
}

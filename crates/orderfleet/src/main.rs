//! The `orderfleet` executable; everything is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: runtime::Allocator = runtime::ALLOCATOR;

fn main() -> ExitCode {
    orderfleet::cli::main()
}

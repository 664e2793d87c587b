//! The `orderfleet` executable; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    orderfleet::cli::main()
}

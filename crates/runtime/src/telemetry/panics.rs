//! Panics as log lines.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
};

use tracing::error;

use crate::tasks::panic_message;

/// Logs each panic where it happens, so that it shows the span it happened in.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic_message(panic.payload());
    // Taken only when the operator asked for it, by RUST_BACKTRACE.
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        return error!(error = message, location, %backtrace, "panic");
    }
    error!(error = message, location, "panic");
}

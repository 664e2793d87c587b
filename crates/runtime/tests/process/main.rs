//! The runtime as a real process: exit codes, signals, draining, logs, metrics and traces.

mod child;
mod collector;
mod exit_codes;
mod observability;
mod shutdown;

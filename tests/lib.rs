//! The harness shared by the test suites: a fleet of real processes, and what is asked of it.

pub mod shop;

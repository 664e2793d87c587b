//! The harness shared by the test suites.

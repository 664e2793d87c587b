//! Test support: a real nats-server per test, a manual clock, builders.

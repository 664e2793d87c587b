//! Finds, fetches and runs a real nats-server for the command line and the tests.

//! The command line: run the fleet, place orders, prove the promise.

//! A card gateway with a ledger and fault switches, for development and tests.

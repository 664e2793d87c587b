//! Reserves, commits and releases stock.

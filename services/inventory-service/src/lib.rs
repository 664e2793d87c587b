//! Reserves, commits and releases stock.
//!
//! A journal: INVENTORY has one active writer, whose state is the fold of its own events. It reads
//! ORDERS (created, confirmed, cancelled) and REQUESTS (adjustments), and decides all lines of an
//! order or none.
//!
//! | module | what it is for |
//! |---|---|
//! | [`domain`] | the stock and its rules, pure |
//! | [`decider`] | the rules as the journal calls them |

pub mod decider;
pub mod domain;

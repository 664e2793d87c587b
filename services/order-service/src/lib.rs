//! Takes orders over HTTP and decides their life.
//!
//! A journal: ORDERS has one active writer, whose state is the fold of its own events. It reads
//! REQUESTS (place, cancel), INVENTORY (rejected) and PAYMENTS (captured, declined), and decides what
//! becomes of every order.
//!
//! | module | what it is for |
//! |---|---|
//! | [`domain`] | the orders and their rules, pure |
//! | [`decider`] | the rules as the journal calls them |

pub mod decider;
pub mod domain;

//! Tells customers what became of their orders.

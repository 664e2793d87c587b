//! Charges and refunds cards through the gateway.

pub mod gateway;

//! Charges and refunds cards through the gateway.

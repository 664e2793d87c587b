//! The contract between the services: envelope, ids, money and every event type.

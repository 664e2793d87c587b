//! Keeps every event for ever, and proves that none is missing.

//! SQL read models fed from the log, on SQLite or PostgreSQL by the same code.

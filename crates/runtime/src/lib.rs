//! The process around a service: configuration, telemetry, health, metrics, signals, shutdown, clock.

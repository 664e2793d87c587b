//! The allocator that every program of the fleet names as its global one.
//!
//! Async code allocates on one thread and frees on another, much and in small pieces, which this one does faster than that
//! of the C library (`docs/BENCHMARKS.md`).

/// The type of [`ALLOCATOR`].
pub type Allocator = mimalloc::MiMalloc;

/// For a program's `#[global_allocator]`.
pub const ALLOCATOR: Allocator = mimalloc::MiMalloc;

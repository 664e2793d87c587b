//! The allocator that every program of the fleet names as its global one.
//!
//! With many small allocations made by one thread and given back by another, as in everything async, that of the C
//! library takes a third of a busy service's processor time (`docs/BENCHMARKS.md`).

/// The type of [`ALLOCATOR`].
pub type Allocator = mimalloc::MiMalloc;

/// For a program's `#[global_allocator]`.
pub const ALLOCATOR: Allocator = mimalloc::MiMalloc;

//! Ports for servers that may be restarted: free now, and not handed out by the system to anybody else later.
//!
//! A port from the system's ephemeral range may be taken by any outgoing connection while its owner is being restarted
//! (and a client that keeps trying to reconnect can then even connect to itself). These ports lie below that range.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::Context;

const FIRST: u32 = 15_000;
const COUNT: u32 = 15_000;

/// Spreads the processes of one machine over the range; a prime, so that neighbours in process id do not meet soon.
const STRIDE: u32 = 137;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port of 127.0.0.1 that nobody listens on now. Never the same one twice within this process until the range of
/// 15,000 is used up; another process may still be faster, so the caller must cope with "address already in use".
///
/// # Errors
/// When no port of the range is free.
pub fn free_port() -> anyhow::Result<u16> {
    (0..COUNT)
        .map(|_| next_candidate())
        .find(|port| is_free(*port))
        .context("no free port was found on 127.0.0.1")
}

/// True when nobody listens on this port of 127.0.0.1.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn next_candidate() -> u16 {
    let start = std::process::id().wrapping_mul(STRIDE);
    let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
    // FIRST + COUNT is below 65,536, so the fallback is never used.
    u16::try_from(FIRST + offset).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_different() -> anyhow::Result<()> {
        let (a, b) = (free_port()?, free_port()?);
        assert_ne!(a, b);
        let held = TcpListener::bind(("127.0.0.1", a))?;
        assert!(!is_free(a), "held by {held:?}");
        assert!(is_free(b));
        Ok(())
    }
}

//! The chance and the time that one thread sees, from a seed: what a simulation cannot do without.
//!
//! `HashMap`, `tokio::select!`, random ids and jitter all draw from the operating system's `getrandom`, and
//! `Instant::now` asks its `clock_gettime`. A program that names this crate has its own of both: on a thread that has
//! called [`seed`], bytes follow from the seed and time is what [`set_clock`] says. Other threads get the real ones.

use std::{
    cell::Cell,
    ffi::{c_int, c_long, c_uint, c_void},
    time::Duration,
};

thread_local! {
    static STREAM: Cell<Option<u64>> = const { Cell::new(None) };
    static CLOCK: Cell<Option<fn() -> Duration>> = const { Cell::new(None) };
}

/// From here on whatever is random on this thread follows from `seed`.
///
/// Call it before anything else on a fresh thread: hash maps draw their keys once per thread.
pub fn seed(seed: u64) {
    STREAM.set(Some(seed));
}

/// From here on the clocks of this thread show this much time since 1970. What `clock` itself asks is answered by the
/// real clock.
pub fn set_clock(clock: fn() -> Duration) {
    CLOCK.set(Some(clock));
}

/// The next number of this thread's stream (`SplitMix64`); `None` when it has none.
fn next() -> Option<u64> {
    let state = STREAM.get()?.wrapping_add(0x9E37_79B9_7F4A_7C15);
    STREAM.set(Some(state));
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    Some(z ^ (z >> 31))
}

/// What the clock of this thread shows; `None` when it has none of its own.
fn now() -> Option<Duration> {
    // Taken out while it is asked, so that a clock that asks the time does not ask itself.
    let clock = CLOCK.take()?;
    let now = clock();
    CLOCK.set(Some(clock));
    Some(now)
}

/// Takes the place of the C library's.
///
/// # Safety
/// As for the C library's: `buffer` points to `length` bytes that may be written.
#[expect(unsafe_code, reason = "random numbers enter a process through this function of the C library")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    if STREAM.get().is_none() {
        // SAFETY: the caller's promise about the buffer is handed on as it is.
        let written: c_long = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
        return written as isize;
    }
    if length > 0 {
        // SAFETY: the caller promises that so many bytes may be written there.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
        for chunk in bytes.chunks_mut(8) {
            let word = next().unwrap_or_default().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
    isize::try_from(length).unwrap_or(isize::MAX)
}

/// Takes the place of the C library's.
///
/// # Safety
/// As for the C library's: `time` points to a `timespec` that may be written.
#[expect(unsafe_code, reason = "time enters a process through this function of the C library")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    match now() {
        None => {
            // SAFETY: the caller's promise about the pointer is handed on as it is.
            let failed: c_long = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
            -c_int::from(failed != 0)
        }
        Some(now) => {
            let seconds = libc::time_t::try_from(now.as_secs()).unwrap_or(libc::time_t::MAX);
            let told = libc::timespec { tv_sec: seconds, tv_nsec: c_long::from(now.subsec_nanos()) };
            // SAFETY: the caller promises that a timespec may be written there.
            unsafe { time.write(told) };
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        hash::{BuildHasher, RandomState},
        thread,
        time::{Instant, SystemTime, UNIX_EPOCH},
    };

    use super::*;

    fn hash_on_a_thread(seeded: Option<u64>) -> u64 {
        let hash = move || {
            if let Some(number) = seeded {
                seed(number);
            }
            RandomState::new().hash_one("text")
        };
        thread::spawn(hash).join().unwrap()
    }

    #[test]
    fn chance_follows_from_the_seed_on_threads_that_have_one() {
        assert_eq!(hash_on_a_thread(Some(1)), hash_on_a_thread(Some(1)));
        assert_ne!(hash_on_a_thread(Some(1)), hash_on_a_thread(Some(2)));
        assert_ne!(hash_on_a_thread(None), hash_on_a_thread(None));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "this is what is tested")]
    fn time_is_what_the_clock_of_the_thread_says() {
        const THEN: Duration = Duration::from_secs(1_000_000);
        let real = SystemTime::now();
        assert!(real.duration_since(UNIX_EPOCH).unwrap() > THEN * 1_000);
        let (shown, passed) = thread::spawn(|| {
            set_clock(|| THEN);
            let before = Instant::now();
            (SystemTime::now().duration_since(UNIX_EPOCH).unwrap(), before.elapsed())
        })
        .join()
        .unwrap();
        assert_eq!((shown, passed), (THEN, Duration::ZERO));
    }
}

//! The chance and the time that one thread sees, from a seed: what a simulation cannot do without.
//!
//! `HashMap`, `tokio::select!`, random ids and jitter all draw from the operating system's `getrandom`, some of them by
//! way of `syscall`, and `Instant::now` asks its `clock_gettime`. A program that names this crate has its own of all
//! three: on a thread that has called [`seed`], bytes follow from the seed and time is what [`set_clock`] says. Other
//! threads get the real ones, and so does every other system call.

mod kernel;

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
    // SAFETY: the caller's promise about the buffer is handed on as it is.
    let written: c_long = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
    written as isize
}

/// Writes bytes that follow from the seed; `None` on a thread that has none.
///
/// # Safety
/// `buffer` points to `length` bytes that may be written.
#[expect(unsafe_code, reason = "the buffer is as the C library's callers hand it over")]
unsafe fn fill(buffer: *mut u8, length: usize) -> Option<c_long> {
    STREAM.get()?;
    if length > 0 {
        // SAFETY: the caller promises that so many bytes may be written there.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
        for chunk in bytes.chunks_mut(8) {
            let word = next().unwrap_or_default().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
    Some(c_long::try_from(length).unwrap_or(c_long::MAX))
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

    /// As older random number generators ask.
    #[expect(unsafe_code, reason = "a call of the C library is what is tested")]
    fn bytes_of_a_system_call(seeded: Option<u64>) -> [u8; 16] {
        let ask = move || {
            if let Some(number) = seeded {
                seed(number);
            }
            let mut bytes = [0_u8; 16];
            // SAFETY: so many bytes are there to be written.
            let written = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) };
            assert_eq!(written, 16);
            bytes
        };
        thread::spawn(ask).join().unwrap()
    }

    #[test]
    fn chance_follows_from_the_seed_for_those_who_ask_the_kernel_themselves() {
        assert_eq!(bytes_of_a_system_call(Some(1)), bytes_of_a_system_call(Some(1)));
        assert_ne!(bytes_of_a_system_call(Some(1)), bytes_of_a_system_call(Some(2)));
        assert_ne!(bytes_of_a_system_call(None), bytes_of_a_system_call(None));
    }

    #[test]
    #[expect(unsafe_code, reason = "a call of the C library is what is tested")]
    fn other_system_calls_go_to_the_kernel_and_tell_their_errors() {
        // SAFETY: it takes nothing.
        let process = unsafe { libc::syscall(libc::SYS_getpid) };
        assert_eq!(u32::try_from(process).unwrap(), std::process::id());
        // SAFETY: no such file is open, and it touches nothing else.
        let failed = unsafe { libc::syscall(libc::SYS_close, -1) };
        assert_eq!((failed, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::EBADF)));
    }

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

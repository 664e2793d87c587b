//! The C library's `syscall`, by which some ask the kernel for random numbers past `getrandom`.

use std::{
    ffi::{c_long, c_void},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// The C library's function, with as many arguments as any system call takes.
type Syscall = unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

/// Takes the place of the C library's. That one takes any number of arguments; on the machines of Linux they lie where
/// those of a function of seven do.
///
/// # Safety
/// As for the C library's.
#[expect(unsafe_code, reason = "random numbers also enter a process through this function of the C library")]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number == libc::SYS_getrandom {
        // SAFETY: the caller promises that the first two arguments are a buffer and its length.
        let filled = unsafe { crate::fill(a as *mut u8, b as usize) };
        if let Some(written) = filled {
            return written;
        }
    }
    // SAFETY: the arguments are handed on as they are.
    unsafe { real()(number, a, b, c, d, e, f) }
}

/// The C library's own.
#[expect(unsafe_code, reason = "functions found by name have no type")]
fn real() -> Syscall {
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"syscall".as_ptr()) };
        assert!(!found.is_null(), "a C library without syscall");
        FOUND.store(found, Ordering::Relaxed);
    }
    // SAFETY: this is what the C library calls `syscall`.
    unsafe { std::mem::transmute::<*mut c_void, Syscall>(found) }
}

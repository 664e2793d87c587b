//! Lets the simulation's own `getrandom` be found by those who look for the C library's at run time.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-tests=-Wl,--export-dynamic-symbol=getrandom");
}

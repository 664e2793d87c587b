//! The `notification-service` program.

#[global_allocator]
static ALLOCATOR: runtime::Allocator = runtime::ALLOCATOR;

fn main() -> std::process::ExitCode {
    runtime::run(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), notification_service::start)
}

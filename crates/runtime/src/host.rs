//! The name of the machine, which on Kubernetes is the pod's.

/// The host's name, as the kernel knows it; `localhost` where it does not.
#[must_use]
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

//! What a nats-server is told: its configuration file as text.

use std::{fmt::Write, path::Path};

/// The bytes that all streams' `max_bytes` together may come to: 256 GiB. Reserves nothing on the disk.
const MAX_FILE_STORE: u64 = 256 << 30;

/// The settings of one server; rendered by [`Config::render`].
#[derive(Debug, Clone)]
pub(crate) struct Config<'a> {
    pub(crate) name: &'a str,
    pub(crate) port: u16,
    pub(crate) store_dir: &'a Path,
    pub(crate) log_file: &'a Path,
    pub(crate) sync_always: bool,
    pub(crate) extra: &'a str,
}

impl Config<'_> {
    /// The configuration in the server's own format. Every address is 127.0.0.1.
    pub(crate) fn render(&self) -> String {
        let mut text = format!(
            "server_name: {:?}\nlisten: \"127.0.0.1:{}\"\nmax_payload: 1MB\nlog_file: {:?}\n",
            self.name, self.port, self.log_file
        );
        let sync = if self.sync_always { "\n  sync_interval: always" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "jetstream {{\n  store_dir: {:?}\n  max_file_store: {MAX_FILE_STORE}{sync}\n}}",
            self.store_dir
        );
        text.push_str(self.extra);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_was_asked_for() {
        let config = Config {
            name: "one",
            port: 4222,
            store_dir: Path::new("/data/a \"b\""),
            log_file: Path::new("/data/log"),
            sync_always: true,
            extra: "ping_interval: \"5s\"\n",
        };
        let text = config.render();
        assert!(text.contains("listen: \"127.0.0.1:4222\""), "{text}");
        assert!(text.contains(r#"store_dir: "/data/a \"b\"""#), "{text}");
        assert!(text.contains("sync_interval: always"), "{text}");
        assert!(text.ends_with("ping_interval: \"5s\"\n"), "{text}");
        let text = Config { sync_always: false, ..config }.render();
        assert!(!text.contains("sync_interval"), "{text}");
    }
}

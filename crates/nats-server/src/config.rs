//! What a nats-server is told: its configuration file as text.

use std::fmt::Write;
use std::path::Path;

/// The settings of one server; rendered by [`Config::render`].
#[derive(Debug, Clone)]
pub(crate) struct Config<'a> {
    pub(crate) name: &'a str,
    pub(crate) port: u16,
    pub(crate) monitoring_port: Option<u16>,
    pub(crate) store_dir: &'a Path,
    pub(crate) log_file: &'a Path,
    pub(crate) sync_always: bool,
    /// The sum of all streams' `max_bytes` that the server admits; reserves nothing on the disk.
    pub(crate) max_file_store: u64,
    pub(crate) extra: &'a str,
}

impl Config<'_> {
    /// The configuration in the server's own format. Every address is 127.0.0.1.
    pub(crate) fn render(&self) -> String {
        let mut text = format!(
            "server_name: {:?}\nlisten: \"127.0.0.1:{}\"\nmax_payload: 1MB\nlog_file: {:?}\n",
            self.name, self.port, self.log_file
        );
        if let Some(port) = self.monitoring_port {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "http: \"127.0.0.1:{port}\"");
        }
        let sync = if self.sync_always { "\n  sync_interval: always" } else { "" };
        let _ = writeln!(
            text,
            "jetstream {{\n  store_dir: {:?}\n  max_file_store: {}{sync}\n}}",
            self.store_dir, self.max_file_store
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
            monitoring_port: Some(8222),
            store_dir: Path::new("/data/a \"b\""),
            log_file: Path::new("/data/log"),
            sync_always: true,
            max_file_store: 1024,
            extra: "ping_interval: \"5s\"\n",
        };
        let text = config.render();
        assert!(text.contains("listen: \"127.0.0.1:4222\""), "{text}");
        assert!(text.contains("http: \"127.0.0.1:8222\""), "{text}");
        assert!(text.contains(r#"store_dir: "/data/a \"b\"""#), "{text}");
        assert!(text.contains("sync_interval: always"), "{text}");
        assert!(text.ends_with("ping_interval: \"5s\"\n"), "{text}");
        let text = Config { sync_always: false, monitoring_port: None, ..config }.render();
        assert!(!text.contains("sync_interval") && !text.contains("http:"), "{text}");
    }
}

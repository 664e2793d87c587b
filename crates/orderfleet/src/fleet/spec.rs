//! Which processes a fleet consists of.

use std::path::{Path, PathBuf};

/// When a process starts and, in reverse, when it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Needed by the services: starts before them, stops after them.
    Dependency,
    /// One of the services.
    Service,
}

/// One kind of process: what to run and what it needs to be told.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// The one spelling: package, binary, prefix of instance names and of files.
    pub name: String,
    /// When it starts.
    pub stage: Stage,
    /// The executable, or `None` for this workspace's binary of the same name.
    pub program: Option<PathBuf>,
    /// Its arguments.
    pub args: Vec<String>,
    /// The port of its first replica under [`super::Ports::Fixed`].
    pub port: u16,
    /// The environment variable that names a file of its own in the data directory, if it has one.
    pub own_file: Option<OwnFile>,
}

/// A file in the data directory that belongs to one replica alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnFile {
    /// `DATABASE_URL`, an SQLite file.
    Database,
    /// `GATEWAY_LEDGER`, the card gateway's ledger.
    GatewayLedger,
}

impl OwnFile {
    /// The variable and its value for the replica called `instance`.
    pub(super) fn variable(self, data_dir: &Path, instance: &str) -> (String, String) {
        match self {
            Self::Database => {
                let file = data_dir.join(format!("{instance}.db"));
                ("DATABASE_URL".to_owned(), format!("sqlite://{}", file.display()))
            }
            Self::GatewayLedger => {
                let file = data_dir.join("gateway-ledger.jsonl");
                ("GATEWAY_LEDGER".to_owned(), file.display().to_string())
            }
        }
    }
}

impl ServiceSpec {
    fn new(name: &str, stage: Stage, port: u16, own_file: Option<OwnFile>) -> Self {
        Self { name: name.to_owned(), stage, program: None, args: Vec::new(), port, own_file }
    }

    /// The six processes beside the broker: the card gateway and the five services.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::new(GATEWAY, Stage::Dependency, 8090, Some(OwnFile::GatewayLedger)),
            Self::new("order-service", Stage::Service, 8080, Some(OwnFile::Database)),
            Self::new("inventory-service", Stage::Service, 8081, None),
            Self::new("payment-service", Stage::Service, 8082, None),
            Self::new("notification-service", Stage::Service, 8083, None),
            Self::new("audit-service", Stage::Service, 8084, Some(OwnFile::Database)),
        ]
    }
}

/// The card gateway's name; every process is told its address.
pub(super) const GATEWAY: &str = "gateway-sim";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_unique() {
        let all = ServiceSpec::all();
        let ports: std::collections::BTreeSet<u16> = all.iter().map(|spec| spec.port).collect();
        let names: std::collections::BTreeSet<&str> = all.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!((ports.len(), names.len()), (all.len(), all.len()));
        assert!(names.contains(GATEWAY));
    }

    #[test]
    fn each_replica_has_its_own_database() {
        let dir = Path::new("/data");
        let first = OwnFile::Database.variable(dir, "audit-service-1");
        assert_eq!(first.1, "sqlite:///data/audit-service-1.db");
        assert_ne!(first, OwnFile::Database.variable(dir, "audit-service-2"));
    }
}

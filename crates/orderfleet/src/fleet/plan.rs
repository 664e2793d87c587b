//! Which port everybody gets.

use std::collections::BTreeMap;

use anyhow::bail;
use nats_server::{free_port, is_free};

use super::{
    options::{FleetOptions, Ports},
    proc::instance,
};

/// The broker's well-known port.
const BROKER_PORT: u16 = 4222;

/// The name under which the broker appears among the processes.
pub(super) const BROKER: &str = "broker";

/// Ports by instance name, and the broker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) ports: BTreeMap<String, u16>,
    pub(super) broker: u16,
}

/// Chooses a port for everybody and checks that nobody else listens on the fixed ones.
pub(super) fn plan(options: &FleetOptions) -> anyhow::Result<Plan> {
    let mut ports = BTreeMap::new();
    let mut taken = Vec::new();
    let mut fixed = |name: &str, port: u16| {
        if !is_free(port) {
            taken.push(format!("{port} ({name})"));
        }
        port
    };
    let broker = match options.ports {
        Ports::Fixed => fixed(BROKER, BROKER_PORT),
        Ports::Auto => 0, // The broker itself tries until it finds one.
    };
    for spec in &options.services {
        for replica in 1..=options.replicas_of(&spec.name) {
            let name = instance(&spec.name, replica);
            let port = match (options.ports, replica) {
                (Ports::Fixed, 1) => fixed(&spec.name, spec.port),
                (Ports::Fixed | Ports::Auto, _) => free_port()?,
            };
            ports.insert(name, port);
        }
    }
    match taken.as_slice() {
        [] => Ok(Plan { ports, broker }),
        [one] => bail!("port {one} is in use; stop the program that uses it, or run with --ports auto"),
        many => bail!("ports {} are in use; stop what uses them, or run with --ports auto", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::fleet::ServiceSpec;

    /// Services whose well-known ports are free here and now, as far as this test is concerned.
    fn options(ports: Ports) -> anyhow::Result<FleetOptions> {
        let mut options = FleetOptions { ports, ..FleetOptions::temporary() };
        for spec in &mut options.services {
            spec.port = free_port()?;
        }
        Ok(options)
    }

    fn port_of(options: &FleetOptions, name: &str) -> u16 {
        options.services.iter().find(|spec| spec.name == name).map_or(0, |spec| spec.port)
    }

    #[test]
    fn first_replicas_are_where_people_expect_them() -> anyhow::Result<()> {
        let options = options(Ports::Fixed)?.replicas("order-service", 2).replicas("audit-service", 0);
        // Something on this machine may hold the broker's port; that must not fail the test.
        let Ok(plan) = plan(&options) else { return Ok(()) };
        assert_eq!(plan.broker, BROKER_PORT);
        assert_eq!(plan.ports["order-service-1"], port_of(&options, "order-service"));
        assert_ne!(plan.ports["order-service-2"], plan.ports["order-service-1"]);
        assert!(!plan.ports.contains_key("audit-service-1"));
        assert_eq!(plan.ports.len(), ServiceSpec::all().len());
        Ok(())
    }

    #[test]
    fn a_taken_port_is_named_with_the_way_out() -> anyhow::Result<()> {
        let options = options(Ports::Fixed)?;
        let port = port_of(&options, "order-service");
        let _held = TcpListener::bind(("127.0.0.1", port))?;
        let message = plan(&options).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(&format!("{port} (order-service)")), "{message}");
        assert!(message.contains("--ports auto"), "{message}");
        let auto = FleetOptions { ports: Ports::Auto, ..options };
        assert!(plan(&auto).is_ok());
        Ok(())
    }
}

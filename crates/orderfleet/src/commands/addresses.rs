//! Where the commands find the fleet: flags and variables, with the addresses of `up` as defaults.

use clap::Args as ClapArgs;

/// The order service.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Orders {
    /// The order service.
    #[arg(
        long,
        global = true,
        env = "ORDER_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(super) order_url: String,
}

/// The inventory service.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Inventory {
    /// The inventory service.
    #[arg(
        long,
        global = true,
        env = "INVENTORY_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub(super) inventory_url: String,
}

/// The audit service.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Audit {
    /// The audit service.
    #[arg(
        long,
        global = true,
        env = "AUDIT_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:8084"
    )]
    pub(super) audit_url: String,
}

/// The card gateway.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Gateway {
    /// The card gateway, for its ledger.
    #[arg(
        long,
        env = "GATEWAY_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:8090"
    )]
    pub(super) gateway_url: String,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::fleet::ServiceSpec;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        orders: Orders,
        #[command(flatten)]
        inventory: Inventory,
        #[command(flatten)]
        audit: Audit,
        #[command(flatten)]
        gateway: Gateway,
    }

    #[test]
    fn the_defaults_are_the_addresses_of_up() -> Result<(), clap::Error> {
        let line = Line::try_parse_from(["line"])?;
        for (service, url) in [
            ("order-service", line.orders.order_url),
            ("inventory-service", line.inventory.inventory_url),
            ("audit-service", line.audit.audit_url),
            ("gateway-sim", line.gateway.gateway_url),
        ] {
            let port = ServiceSpec::all().into_iter().find(|spec| spec.name == service).map(|spec| spec.port);
            assert_eq!(port.map(|port| format!("http://127.0.0.1:{port}")), Some(url));
        }
        Ok(())
    }
}

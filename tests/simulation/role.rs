//! Who is who in the simulated fleet.

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Order,
    Inventory,
    Payment,
    Notification,
    Audit,
}

/// A process: a service and the number of the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat {
    pub(crate) role: Role,
    pub(crate) replica: u8,
}

impl Role {
    /// The service's name.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Order => "order-service",
            Self::Inventory => "inventory-service",
            Self::Payment => "payment-service",
            Self::Notification => "notification-service",
            Self::Audit => "audit-service",
        }
    }

    /// Whether its processes keep a read model.
    pub(crate) fn has_database(self) -> bool {
        matches!(self, Self::Order | Self::Audit)
    }
}

impl Seat {
    /// Every process of the fleet: two of each service, but of audit, whose database is a file.
    pub(crate) const ALL: [Self; 9] = [
        Self { role: Role::Order, replica: 1 },
        Self { role: Role::Order, replica: 2 },
        Self { role: Role::Inventory, replica: 1 },
        Self { role: Role::Inventory, replica: 2 },
        Self { role: Role::Payment, replica: 1 },
        Self { role: Role::Payment, replica: 2 },
        Self { role: Role::Notification, replica: 1 },
        Self { role: Role::Notification, replica: 2 },
        Self { role: Role::Audit, replica: 1 },
    ];

    /// Its name, such as `order-service-1`.
    pub(crate) fn name(self) -> String {
        format!("{}-{}", self.role.service(), self.replica)
    }
}

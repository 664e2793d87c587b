//! What is measured: one case per function that runs for every order, on data of a usual size.

mod audit;
mod commit;
mod contract;
mod orders;
mod prompt_log;
mod samples;
mod stock;

/// Does once what is measured. Its data are ready, and what memory it gathers reaches a steady state within
/// [`WARM_UP`] times.
pub(crate) type Work = Box<dyn FnMut()>;

/// How often a case has to be done before what it costs is typical.
pub(crate) const WARM_UP: u32 = 200;

/// One thing to measure.
pub(crate) struct Case {
    /// What it does, and to what.
    pub(crate) name: &'static str,
    /// Gets the data ready.
    pub(crate) prepare: fn() -> Work,
}

/// Every case, in the order an order passes through them.
pub(crate) const CASES: &[Case] = &[
    Case { name: "intake: read and fingerprint an order", prepare: orders::intake },
    Case { name: "events: derive an id", prepare: contract::derive },
    Case { name: "events: encode orders.created", prepare: contract::encode },
    Case { name: "events: parse an envelope", prepare: contract::parse },
    Case { name: "events: decode orders.created", prepare: contract::decode },
    Case { name: "messaging: make a message of an event", prepare: contract::message },
    Case { name: "messaging: linger for a batch", prepare: commit::linger },
    Case { name: "messaging: commit 20 messages together", prepare: commit::group },
    Case { name: "orders: decide on a placed one of 1000", prepare: orders::place },
    Case { name: "orders: decide on a captured one of 1000", prepare: orders::capture },
    Case { name: "orders: fold created and confirmed", prepare: orders::fold },
    Case { name: "stock: decide on an order of 1000 SKUs", prepare: stock::reserve },
    Case { name: "stock: fold reserved and committed", prepare: stock::fold },
    Case { name: "audit: read the fields of an event", prepare: audit::fields },
    Case { name: "audit: chain an event", prepare: audit::chain },
];

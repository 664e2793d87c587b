//! What orderfleet promises, tested on the real processes; and its architecture, tested on its sources.

mod cold_start;
mod documents;
mod flow;
mod idempotency;
mod leadership;
mod metrics;
mod reliability;
mod restart;
mod scaling;
mod tidy;

use tests::shop;

//! `order watch`: an order's events as they come.

use std::{collections::HashSet, process::ExitCode, time::Duration};

use clap::Args as ClapArgs;
use events::{OrderId, Timestamp};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{super::values, Services, story};
use crate::{
    client::{Order, TimelineEvent},
    ui::Ui,
};

/// How often the services are asked; below what a person notices.
const POLL: Duration = Duration::from_millis(200);
/// How long after the order has ended its last events may take to be told.
const REST: Duration = Duration::from_secs(5);

/// Arguments of `order watch`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The order.
    #[arg(value_name = "ID", value_parser = values::order_id)]
    order_id: OrderId,
}

/// Shows the events until the order has come to its end.
pub(super) async fn run(args: Args, services: &Services, ui: &Ui) -> anyhow::Result<ExitCode> {
    let mut watch = Watch::default();
    let mut over: Option<Instant> = None;
    loop {
        let order = services.ask(ui, || services.orders.get(args.order_id)).await?;
        watch.look(args.order_id, services, ui).await;
        if is_over(&order) {
            let since = *over.get_or_insert_with(Instant::now);
            if watch.has_told_everything(&order) || watch.blind || since.elapsed() >= REST {
                ui.done();
                ui.object(&json!({"order": order}));
                ui.say("");
                story::order(&order).into_iter().for_each(|line| ui.say(line));
                return Ok(ExitCode::SUCCESS);
            }
        } else {
            over = None;
        }
        sleep(POLL).await;
    }
}

/// What has been shown.
#[derive(Default)]
struct Watch {
    shown: HashSet<(String, u64)>,
    kinds: Vec<String>,
    begun: Option<Timestamp>,
    /// The audit service does not answer, so there is nothing to show but the end.
    blind: bool,
}

impl Watch {
    async fn look(&mut self, order_id: OrderId, services: &Services, ui: &Ui) {
        match services.audit.timeline(order_id).await {
            Ok(events) => {
                self.blind = false;
                events.iter().for_each(|event| self.show(event, ui));
            }
            Err(error) => {
                if !std::mem::replace(&mut self.blind, true) {
                    ui.warn(format_args!("its events cannot be shown: {error}"));
                }
            }
        }
    }

    fn show(&mut self, event: &TimelineEvent, ui: &Ui) {
        if self.shown.insert((event.stream.clone(), event.sequence)) {
            let begun = *self.begun.get_or_insert(event.stored_at);
            self.kinds.push(event.subject.clone());
            ui.object(&json!(event));
            ui.say(story::event(event, begun));
        }
    }

    /// Nothing follows any more: the customer was told of each outcome, and the stock is settled.
    fn has_told_everything(&self, order: &Order) -> bool {
        let count = |kinds: &[&str]| self.kinds.iter().filter(|kind| kinds.contains(&kind.as_str())).count();
        let outcomes = count(&["orders.confirmed", "orders.cancelled", "payments.refunded"]);
        let told = count(&["notifications.sent", "notifications.failed"]);
        let stock = count(&["inventory.committed", "inventory.released", "inventory.rejected"]);
        let ended =
            if order.status.as_str() == "confirmed" { "orders.confirmed" } else { "orders.cancelled" };
        count(&[ended]) > 0 && told >= outcomes && stock > 0
    }
}

fn is_over(order: &Order) -> bool {
    order.status.is_terminal() && !order.refund_is_pending()
}

//! `order show`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use console::style;
use events::OrderId;
use serde_json::json;

use super::{super::values, Services, story};
use crate::ui::Ui;

/// Arguments of `order show`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The order.
    #[arg(value_name = "ID", value_parser = values::order_id)]
    order_id: OrderId,
}

/// Shows the order, and what the audit trail knows of it.
pub(super) async fn run(args: Args, services: &Services, ui: &Ui) -> anyhow::Result<ExitCode> {
    let order = services.ask(ui, || services.orders.get(args.order_id)).await?;
    story::order(&order).into_iter().for_each(|line| ui.say(line));
    let events = match services.audit.timeline(args.order_id).await {
        Ok(events) => events,
        // The order itself is the answer; its history is an extra.
        Err(error) => {
            ui.warn(format_args!("its history cannot be shown: {error}"));
            Vec::new()
        }
    };
    ui.object(&json!({"order": order, "events": events}));
    if !events.is_empty() {
        ui.say(format_args!("\n{}", style("What has happened").bold()));
    }
    let begun = events.first().map(|event| event.stored_at);
    for event in &events {
        ui.say(story::event(event, begun.unwrap_or(event.stored_at)));
    }
    Ok(ExitCode::SUCCESS)
}

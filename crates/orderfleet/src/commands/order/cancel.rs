//! `order cancel`.

use std::{process::ExitCode, time::Duration};

use clap::Args as ClapArgs;
use console::style;
use events::OrderId;
use serde_json::json;

use super::{super::values, PATIENCE, Services, place::undecided, story, wait, wish};
use crate::{client::patiently, ui::Ui};

/// Arguments of `order cancel`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The order.
    #[arg(value_name = "ID", value_parser = values::order_id)]
    order_id: OrderId,

    /// Why, in your own words.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// How long to wait for the outcome; 0 only asks for it.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = wait)]
    wait: Duration,
}

/// Asks for the order to be cancelled.
pub(super) async fn run(args: Args, services: &Services, ui: &Ui) -> anyhow::Result<ExitCode> {
    let Args { order_id, reason, wait } = args;
    ui.step("cancelling the order");
    let cancel = || services.orders.cancel(order_id, reason.as_deref(), wish(wait));
    let answer = patiently(PATIENCE, cancel).await?;
    ui.done();
    match &answer.order {
        Some(order) => {
            ui.object(&json!(order));
            story::order(order).into_iter().for_each(|line| ui.say(line));
        }
        None => {
            ui.object(&json!({"order_id": order_id, "status": answer.status}));
            let (mark, but) = (style("✓").green(), undecided(wait));
            ui.say(format_args!("{mark} the wish to cancel order {order_id} is accepted{but}"));
            ui.note(format_args!("see what came of it with: cargo fleet order show {order_id}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

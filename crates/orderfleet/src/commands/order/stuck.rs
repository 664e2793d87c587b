//! `order stuck`.

use std::{process::ExitCode, time::Duration};

use clap::Args as ClapArgs;
use console::style;
use serde_json::json;

use super::{
    super::{figures::lasting, values},
    Services,
};
use crate::{client::OpenOrder, ui::Ui};

/// Orders asked for at once; the service gives no more.
const PAGE: u32 = 100;

/// Arguments of `order stuck`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Only those that have been open for so long; 0 lists every open order [default: as order-service is set].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=525_600))]
    pub(super) minutes: Option<u32>,

    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = values::count::<u32>)]
    pub(super) limit: u32,
}

/// Lists the orders that are not at their end.
pub(super) async fn run(args: Args, services: &Services, ui: &Ui) -> anyhow::Result<ExitCode> {
    let Args { minutes, limit } = args;
    let (mut left, mut cursor, mut found) = (limit, None, false);
    while left > 0 {
        let most = left.min(PAGE);
        let ask = || services.orders.stuck(minutes, most, cursor.as_deref());
        let page = services.ask(ui, ask).await?;
        for order in &page.orders {
            ui.object(&json!(order));
            ui.say(row(order));
        }
        found |= !page.orders.is_empty();
        left = left.saturating_sub(u32::try_from(page.orders.len().max(1)).unwrap_or(u32::MAX));
        cursor = page.next_cursor;
        if cursor.is_none() || ui.closed().is_cancelled() {
            break;
        }
    }
    if !found && limit > 0 {
        ui.note(none(minutes));
    }
    Ok(ExitCode::SUCCESS)
}

fn none(minutes: Option<u32>) -> String {
    match minutes {
        None => "no order is stuck".to_owned(),
        Some(0) => "no order is open".to_owned(),
        Some(minutes) => format!("no order has been open for {minutes} min"),
    }
}

fn row(order: &OpenOrder) -> String {
    let OpenOrder { order_id, step, since, age_seconds, waits_for, trace_id, .. } = order;
    let age = lasting(Duration::from_secs(*age_seconds));
    let since = style(format!("since {since}, trace {trace_id}")).dim();
    format!("{order_id}  {age:>8}  {}  {since}  waits for {waits_for}", style(format!("{step:<16}")).yellow())
}

#[cfg(test)]
mod tests {
    use events::{OrderId, Timestamp, TraceId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_row_says_which_order_how_long_and_for_what() {
        let order = OpenOrder {
            order_id: OrderId(Uuid::from_u128(7)),
            step: "awaiting_stock".to_owned(),
            since: Timestamp(1_700_000_000_000_000),
            opened_at: Timestamp(1_700_000_000_000_000),
            age_seconds: 360,
            waits_for: "inventory-service".to_owned(),
            trace_id: TraceId([1; 16]),
        };
        let row = row(&order);
        for part in
            [order.order_id.to_string(), lasting(Duration::from_secs(360)), order.trace_id.to_string()]
        {
            assert!(row.contains(&part), "{part} is missing in {row}");
        }
        assert!(row.contains("awaiting_stock") && row.ends_with("waits for inventory-service"), "{row}");
    }

    #[test]
    fn that_there_is_none_is_said_as_it_was_asked() {
        assert_eq!(none(None), "no order is stuck");
        assert_eq!(none(Some(0)), "no order is open");
        assert_eq!(none(Some(7)), "no order has been open for 7 min");
    }
}

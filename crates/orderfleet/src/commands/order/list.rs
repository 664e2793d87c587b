//! `order list`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use console::style;
use serde_json::json;

use super::{
    super::{figures::money, values},
    Services, story,
};
use crate::{
    client::{Order, OrderFilter, OrderStatus},
    ui::Ui,
};

/// Orders asked for at once; the service gives no more.
const PAGE: usize = 100;

/// Arguments of `order list`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Only this customer's.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,

    /// Only those that have come exactly so far.
    #[arg(long, value_name = "awaiting_stock|awaiting_payment|confirmed|cancelled", value_parser = status)]
    status: Option<OrderStatus>,

    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = values::count::<usize>)]
    limit: usize,
}

/// Lists the orders.
pub(super) async fn run(args: Args, services: &Services, ui: &Ui) -> anyhow::Result<ExitCode> {
    let Args { customer, status, limit } = args;
    let mut filter = OrderFilter { customer_id: customer, status, ..OrderFilter::default() };
    let mut left = limit;
    while left > 0 {
        filter.limit = u32::try_from(left.min(PAGE)).ok();
        let page = services.ask(ui, || services.orders.list(&filter)).await?;
        for order in &page.orders {
            ui.object(&json!(order));
            ui.say(row(order));
        }
        left = left.saturating_sub(page.orders.len().max(1));
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() || ui.closed().is_cancelled() {
            break;
        }
    }
    if left == limit {
        ui.note("there are no such orders");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(order: &Order) -> String {
    let Order { order_id, customer_id, status, total, created_at, .. } = order;
    let reason = order.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let status = story::status(*status);
    format!("{order_id}  {}  {:>14}  {customer_id}  {status}{reason}", style(created_at).dim(), money(*total))
}

/// How far an order has come, by name.
pub(super) fn status(text: &str) -> Result<OrderStatus, String> {
    let all = [
        OrderStatus::AwaitingStock,
        OrderStatus::AwaitingPayment,
        OrderStatus::Confirmed,
        OrderStatus::Cancelled,
    ];
    let names = || all.map(OrderStatus::as_str).join(", ");
    all.into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| format!("expected one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_of_the_four() {
        assert_eq!(status("awaiting_payment"), Ok(OrderStatus::AwaitingPayment));
        assert!(
            status("paid")
                .is_err_and(|why| why.contains("awaiting_stock, awaiting_payment, confirmed, cancelled"))
        );
    }
}

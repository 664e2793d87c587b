//! `order place`.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;
use clap::Args as ClapArgs;
use console::style;
use serde_json::json;

use super::{
    super::{figures::lasting, key},
    PATIENCE, Services, line, list, story, wait, wish,
};
use crate::{
    client::{OrderBody, OrderLine, OrderStatus, Placed, patiently},
    ui::Ui,
};

pub(super) const EXAMPLES: &str = "\
Cards that the gateway simulator declines: tok_charge_declined, tok_insufficient_funds, tok_expired_card.

Exit codes: 0 the order is accepted, whatever becomes of it; 1 it is not, or nobody knows. Then give the same --key
again: that cannot place it twice. With --expect, 1 also if anything else became of it.";

/// Arguments of `order place`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// What to buy, prices in minor units (1999 is 19.99 EUR).
    #[arg(value_name = "SKU=QUANTITY@PRICE", default_value = "TSHIRT-BLACK-M=1@1999", value_parser = line::read)]
    pub(super) lines: Vec<OrderLine>,

    /// Who buys.
    #[arg(long, value_name = "ID", default_value = "c-1001")]
    pub(super) customer: String,

    /// Currency of all prices.
    #[arg(long, value_name = "CODE", default_value = "EUR")]
    pub(super) currency: String,

    /// The gateway's token for the card.
    #[arg(long, visible_alias = "payment-method", value_name = "TOKEN", default_value = "tok_visa")]
    pub(super) card: String,

    /// The idempotency key: the same key is the same order [default: a fresh one].
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,

    /// How long to wait for the outcome; 0 only places the order.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = wait)]
    pub(super) wait: Duration,

    /// Fail unless the order has come exactly so far when the waiting ends, e.g. confirmed.
    #[arg(long, value_name = "STATUS", value_parser = list::status)]
    pub(super) expect: Option<OrderStatus>,
}

/// Places the order.
pub(super) async fn run(args: Args, services: &Services, ui: &Ui) -> anyhow::Result<ExitCode> {
    let Args { lines, customer, currency, card, key, wait, expect } = args;
    let body = OrderBody { customer_id: customer, currency, payment_method: card, lines };
    let key = key.unwrap_or_else(key::fresh);
    ui.step("placing the order");
    let place = || services.orders.place(&body, Some(&key), wish(wait));
    let placed = patiently(PATIENCE, place).await;
    let placed = placed.map_err(|error| key::failed(error, ("the order", "placed"), &key))?;
    ui.done();
    tell(ui, &placed, &key, wait);
    as_expected(expect, placed.status)?;
    Ok(ExitCode::SUCCESS)
}

fn as_expected(expected: Option<OrderStatus>, status: OrderStatus) -> anyhow::Result<()> {
    match expected {
        Some(expected) if expected != status => {
            bail!("the order is {}, expected was {}", status.as_str(), expected.as_str())
        }
        Some(_) | None => Ok(()),
    }
}

fn tell(ui: &Ui, placed: &Placed, key: &str, waited: Duration) {
    let Placed { order_id, status, order, .. } = placed;
    match order {
        Some(order) => {
            ui.object(&json!(order));
            story::order(order).into_iter().for_each(|line| ui.say(line));
        }
        None => {
            ui.object(&json!({"order_id": order_id, "status": status, "idempotency_key": key}));
            ui.say(format_args!("{} order {order_id} is accepted{}", style("✓").green(), undecided(waited)));
        }
    }
    if !status.is_terminal() {
        ui.note(format_args!("follow it with: cargo fleet order watch {order_id}"));
    }
}

/// What is to be said beside that something is accepted, to whoever has waited for more.
pub(super) fn undecided(waited: Duration) -> String {
    if waited.is_zero() { String::new() } else { format!(", but not decided yet after {}", lasting(waited)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_waited_is_told_that_it_was_in_vain() {
        assert_eq!(undecided(Duration::ZERO), "");
        assert_eq!(undecided(Duration::from_secs(10)), ", but not decided yet after 10.0 s");
    }

    #[test]
    fn only_what_was_expected_is_success() {
        let (confirmed, cancelled) = (OrderStatus::Confirmed, OrderStatus::Cancelled);
        assert!(as_expected(None, cancelled).is_ok());
        assert!(as_expected(Some(confirmed), confirmed).is_ok());
        for other in [cancelled, OrderStatus::Accepted, OrderStatus::AwaitingPayment] {
            let refusal = as_expected(Some(confirmed), other).err().map(|error| error.to_string());
            assert!(refusal.is_some_and(|text| text.contains("expected was confirmed")), "{other:?}");
        }
    }
}

//! `order`: place one, look at it, follow it, cancel it.

mod cancel;
mod line;
mod list;
mod place;
mod show;
mod story;
mod stuck;
mod watch;

use std::{future::Future, process::ExitCode, time::Duration};

use clap::{Args as ClapArgs, Subcommand};

use super::{
    Context,
    addresses::{Audit, Orders},
};
use crate::{
    client::{AuditClient, CallError, OrderClient, patiently},
    ui::Ui,
};

/// How long a service that is away is asked again.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) const LONG: &str = "\
Place an order, look at it, follow its events as they come, cancel it; list all, or those that are stuck.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet stock set TSHIRT-BLACK-M 100        something to sell first
  cargo fleet order place                         one of those, with a card that works
  cargo fleet order place LAMP-BLUE=2@1999 BULB-E27=1@499 --customer c-1001
  cargo fleet order place --card tok_charge_declined
  cargo fleet order watch 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70
  cargo fleet order cancel 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70 --reason 'ordered by mistake'
  cargo fleet order list --status cancelled
  cargo fleet order stuck --minutes 10            what is open for so long, and what it waits for";

/// Arguments of `order`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    orders: Orders,

    #[command(flatten)]
    audit: Audit,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Place an order and wait for its outcome.
    #[command(after_help = place::EXAMPLES)]
    Place(place::Args),
    /// Show an order and what has happened to it.
    Show(show::Args),
    /// Show an order's events as they come, until nothing more will.
    Watch(watch::Args),
    /// Cancel an order; what was paid goes back.
    Cancel(cancel::Args),
    /// List orders, newest first.
    List(list::Args),
    /// List orders that are not at their end after a while, with what they wait for.
    Stuck(stuck::Args),
}

/// The services that orders are read from.
struct Services {
    orders: OrderClient,
    orders_at: String,
    audit: AuditClient,
}

impl Services {
    /// Asks the order service something, again for a while when it is away; a terminal shows that it is.
    async fn ask<T, F>(&self, ui: &Ui, call: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let whom = format_args!("order-service at {}", self.orders_at);
        ui.patiently(whom, patiently(PATIENCE, call)).await
    }
}

/// Does what was asked for.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let services = Services {
        orders: OrderClient::new(&args.orders.order_url)?,
        audit: AuditClient::new(&args.audit.audit_url)?,
        orders_at: args.orders.order_url,
    };
    let ui = &context.ui;
    let done = async {
        match args.action {
            Action::Place(args) => place::run(args, &services, ui).await,
            Action::Show(args) => show::run(args, &services, ui).await,
            Action::Watch(args) => watch::run(args, &services, ui).await,
            Action::Cancel(args) => cancel::run(args, &services, ui).await,
            Action::List(args) => list::run(args, &services, ui).await,
            Action::Stuck(args) => stuck::run(args, &services, ui).await,
        }
    };
    let outcome = context.unless_stopped(done).await;
    ui.done();
    outcome
}

/// The seconds a service can be asked to wait.
fn wait(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 0..=30) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("not a whole number of seconds from 0 to 30".to_owned()),
    }
}

/// The same, where 0 means not at all.
fn wish(wait: Duration) -> Option<Duration> {
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn an_order_can_be_placed_without_a_word() -> Result<(), clap::Error> {
        let Action::Place(args) = parsed::<Args>(&["place"])?.action else { panic!("it is another action") };
        assert_eq!(
            (args.lines.len(), args.lines[0].sku.as_str(), args.wait.as_secs()),
            (1, "TSHIRT-BLACK-M", 10)
        );
        assert_eq!((args.currency.as_str(), args.card.as_str(), args.key), ("EUR", "tok_visa", None));
        Ok(())
    }

    #[test]
    fn everything_about_an_order_can_be_said() -> Result<(), clap::Error> {
        let words = "place A=2@1999 B=1@5 --customer c --currency JPY --payment-method t --key k --wait 0";
        let words: Vec<&str> = words.split(' ').collect();
        let Action::Place(args) = parsed::<Args>(&words)?.action else { panic!("it is another action") };
        assert_eq!((args.lines.len(), args.lines[1].unit_price, wish(args.wait)), (2, 5, None));
        assert_eq!((args.customer.as_str(), args.card.as_str(), args.key.as_deref()), ("c", "t", Some("k")));
        Ok(())
    }

    #[test]
    fn stuck_orders_are_listed_for_as_long_as_asked() -> Result<(), clap::Error> {
        for (words, asked) in [(&["stuck"][..], (None, 100)), (&["stuck", "--minutes", "7"], (Some(7), 100))]
        {
            let Action::Stuck(args) = parsed::<Args>(words)?.action else { panic!("it is another action") };
            assert_eq!((args.minutes, args.limit), asked);
        }
        Ok(())
    }

    #[test]
    fn addresses_may_stand_behind_the_action() -> Result<(), clap::Error> {
        let id = "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70";
        for words in [["--order-url", "http://a", "show", id], ["show", id, "--order-url", "http://a"]] {
            assert_eq!(parsed::<Args>(&words)?.orders.order_url, "http://a");
        }
        Ok(())
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            &["place", "A"][..],
            &["place", "--wait", "31"],
            &["place", "--expect", "paid"],
            &["show"],
            &["show", "no-id"],
            &["list", "--status", "lost"],
            &["stuck", "--minutes", "-1"],
            &["stuck", "--minutes", "525601"],
            &[],
        ] {
            assert!(parsed::<Args>(words).is_err(), "{words:?}");
        }
    }
}

//! `stock`: what there is to sell.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use console::style;
use serde_json::json;

use super::{Context, addresses::Inventory, figures::grouped, key, values};
use crate::{
    client::{CallError, StockClient, StockLevel, patiently},
    ui::Ui,
};

/// How long a service that is away is asked again.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet stock set TSHIRT-BLACK-M 100     so many are on the shelf
  cargo fleet stock add TSHIRT-BLACK-M -3      three have broken
  cargo fleet stock show
  cargo fleet stock show TSHIRT-BLACK-M --json";

/// Arguments of `stock`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    inventory: Inventory,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set how many pieces are on the shelf; a new SKU is created.
    Set {
        /// Which.
        sku: String,
        /// How many pieces, those set aside for open orders included.
        #[arg(allow_negative_numbers = true, value_parser = values::count::<u64>)]
        pieces: u64,

        #[command(flatten)]
        key: Key,
    },
    /// Put pieces on the shelf, or take some away.
    Add {
        /// Which.
        sku: String,
        /// How many pieces; negative to take away.
        #[arg(allow_negative_numbers = true, value_parser = values::difference)]
        pieces: i64,

        #[command(flatten)]
        key: Key,
    },
    /// Show one SKU, or all.
    Show {
        /// Which.
        sku: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
struct Key {
    /// The idempotency key: the same key is the same change [default: a fresh one].
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Does what was asked for.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let client = StockClient::new(&args.inventory.inventory_url)?;
    let whom = format_args!("inventory-service at {}", args.inventory.inventory_url);
    let acted = context.ui.patiently(whom, act(args.action, &client, &context.ui));
    context.unless_stopped(acted).await?;
    Ok(ExitCode::SUCCESS)
}

async fn act(action: Action, client: &StockClient, ui: &Ui) -> anyhow::Result<()> {
    match action {
        Action::Set { sku, pieces, key } => {
            tell(ui, &[change(key, async |key| client.set(&sku, pieces, Some(key)).await).await?]);
        }
        Action::Add { sku, pieces, key } => {
            tell(ui, &[change(key, async |key| client.adjust(&sku, pieces, Some(key)).await).await?]);
        }
        Action::Show { sku: Some(sku) } => {
            let level = patiently(PATIENCE, || client.get(&sku)).await?;
            let hint =
                || format!("{sku} was never in stock; `cargo fleet stock set {sku} 100` puts it there");
            tell(ui, &[level.with_context(hint)?]);
        }
        Action::Show { sku: None } => {
            let levels = patiently(PATIENCE, || client.all()).await?.levels;
            if levels.is_empty() {
                ui.note("nothing is in stock; `cargo fleet stock set SKU 100` puts something there");
            }
            tell(ui, &levels);
        }
    }
    Ok(())
}

/// Changes what there is, once, however often it has to be asked for.
async fn change(
    key: Key,
    call: impl AsyncFn(&str) -> Result<StockLevel, CallError>,
) -> anyhow::Result<StockLevel> {
    let key = key.key.unwrap_or_else(key::fresh);
    let changed = patiently(PATIENCE, || call(&key)).await;
    changed.map_err(|error| key::failed(error, ("the stock", "changed"), &key))
}

fn tell(ui: &Ui, levels: &[StockLevel]) {
    levels.iter().for_each(|level| ui.object(&json!(level)));
    table(levels).into_iter().for_each(|line| ui.say(line));
}

fn table(levels: &[StockLevel]) -> Vec<String> {
    if levels.is_empty() {
        return Vec::new();
    }
    let width = levels.iter().map(|level| level.sku.len()).max().unwrap_or(0).max(3);
    let title = format!("{:<width$}  {:>12}  {:>12}  {:>12}", "SKU", "on hand", "set aside", "available");
    let row = |level: &StockLevel| {
        let StockLevel { sku, on_hand, reserved, available } = level;
        format!(
            "{sku:<width$}  {:>12}  {:>12}  {:>12}",
            grouped(*on_hand),
            grouped(*reserved),
            grouped(*available)
        )
    };
    std::iter::once(style(title).bold().to_string()).chain(levels.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    fn action(words: &[&str]) -> Result<Action, clap::Error> {
        Ok(parsed::<Args>(words)?.action)
    }

    #[test]
    fn actions_are_understood() -> Result<(), clap::Error> {
        assert!(matches!(action(&["set", "A", "5"])?, Action::Set { pieces: 5, .. }));
        assert!(matches!(action(&["add", "A", "-5"])?, Action::Add { pieces: -5, .. }));
        assert!(matches!(action(&["show"])?, Action::Show { sku: None }));
        assert!(
            matches!(action(&["add", "A", "1", "--key", "k"])?, Action::Add { key, .. } if key.key.as_deref() == Some("k"))
        );
        for wrong in [&["set", "A"][..], &["add", "A"], &[]] {
            assert!(action(wrong).is_err(), "{wrong:?}");
        }
        for few in ["-1", "few", "1.5"] {
            let refusal = action(&["set", "A", few]).map_err(|error| error.to_string());
            assert!(refusal.is_err_and(|text| text.contains("expected a whole number from 0")), "{few}");
        }
        Ok(())
    }

    #[test]
    fn levels_stand_in_columns() {
        let level = |sku: &str, on_hand| StockLevel {
            sku: sku.to_owned(),
            on_hand,
            reserved: 7,
            available: on_hand - 7,
        };
        let lines = table(&[level("LAMP-BLUE", 40), level("A", 12_345)]);
        let plain: Vec<_> = lines.iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(plain[0], "SKU             on hand     set aside     available");
        assert_eq!(plain[1], "LAMP-BLUE            40             7            33");
        assert_eq!(plain[2], "A                12,345             7        12,338");
        assert_eq!(table(&[]), Vec::<String>::new());
    }
}

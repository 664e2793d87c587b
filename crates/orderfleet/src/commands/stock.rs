//! `stock`: what there is to sell.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use console::style;
use serde_json::json;
use uuid::Uuid;

use super::{Context, addresses::Inventory, figures::grouped};
use crate::{
    client::{StockClient, StockLevel, patiently},
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
        pieces: u64,
    },
    /// Put pieces on the shelf, or take some away.
    Add {
        /// Which.
        sku: String,
        /// How many pieces; negative to take away.
        #[arg(allow_negative_numbers = true)]
        pieces: i64,
    },
    /// Show one SKU, or all.
    Show {
        /// Which.
        sku: Option<String>,
    },
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
    let key = fresh_key();
    match action {
        Action::Set { sku, pieces } => {
            tell(ui, &[patiently(PATIENCE, || client.set(&sku, pieces, Some(&key))).await?]);
        }
        Action::Add { sku, pieces } => {
            tell(ui, &[patiently(PATIENCE, || client.adjust(&sku, pieces, Some(&key))).await?]);
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

/// Lets a repetition after a broken connection be recognised as one.
fn fresh_key() -> String {
    #[expect(clippy::disallowed_methods, reason = "each call of the program is an adjustment of its own")]
    Uuid::new_v4().to_string()
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
        for wrong in [&["set", "A"][..], &["set", "A", "-1"], &["set", "A", "few"], &["add", "A"], &[]] {
            assert!(action(wrong).is_err(), "{wrong:?}");
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

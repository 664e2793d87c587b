//! `nats config`: the accounts, as the server reads them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::{
    accounts::{self, Proof},
    keys,
};
use crate::ui::Ui;

/// Arguments of `nats config`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// How users prove who they are; the server finds passwords or public keys in its environment.
    #[arg(long, value_enum, default_value_t = Auth::Password)]
    auth: Auth,

    /// Take the public keys from a directory that `nats keys` has made, instead of the environment.
    #[arg(long, value_name = "DIR", conflicts_with = "auth")]
    keys: Option<PathBuf>,

    /// Let in the user `restore` as well, who may do anything to the fleet's streams; for a restore, and not longer.
    #[arg(long)]
    restore: bool,
}

/// How users prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// By a password.
    Password,
    /// By an nkey.
    Nkey,
}

/// Prints the configuration.
pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<()> {
    let text = match (&args.keys, args.auth) {
        (Some(dir), _) => accounts::render(Proof::Known(&keys::public(dir, args.restore)?), args.restore),
        (None, Auth::Password) => accounts::render(Proof::Password, args.restore),
        (None, Auth::Nkey) => accounts::render(Proof::Key, args.restore),
    };
    ui.object(&json!({ "accounts": text }));
    ui.say(text.trim_end());
    Ok(())
}

//! `nats`: what a nats-server has to be told of the fleet's users, and keys for them.

mod accounts;
mod config;
mod keys;

use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand};

use super::Context;

pub(super) const LONG: &str = "\
Every service has a user of its own at the broker, which may do what that service needs and nothing else. So have
`setup` (creates streams, publishes no event) and `operator` (verify, dlq, backup: reads everything, puts dead letters back);
`restore`, who may do anything to the fleet's streams, is let in only by `nats config --restore`.
What each may do follows from the code of this version; these commands write it down for a nats-server.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet nats config > accounts.conf              users with passwords, from the server's environment
  cargo fleet nats keys ./keys                         a key for each user, to be handed to that service alone
  cargo fleet nats config --keys ./keys > accounts.conf
  cargo fleet nats config --keys ./keys --restore      for a restore, and not longer
  cargo fleet nats config --auth nkey > accounts.conf  the same with the public keys in the server's environment

A service is told who it is by NATS_USER with NATS_PASSWORD_FILE, or by NATS_NKEY_FILE; so is this program.";

/// Arguments of `nats`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the accounts for the configuration of a nats-server.
    Config(config::Args),
    /// Make a key for each user.
    Keys(keys::Args),
}

/// Does what was asked for.
pub(super) fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Config(args) => config::run(&args, &context.ui)?,
        Action::Keys(args) => keys::run(&args, &context.ui)?,
    }
    Ok(ExitCode::SUCCESS)
}

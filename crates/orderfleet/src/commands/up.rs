//! `up`: the whole fleet on this machine until Ctrl-C.

mod logs;
pub(super) mod report;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args as ClapArgs;

use super::Context;
use crate::fleet::{Build, DataDir, Exit, Fleet, FleetOptions, Ports, workspace_root};
use logs::Logs;

/// How often the log files are looked at; below what a person notices.
const LOG_POLL: Duration = Duration::from_millis(100);

/// More than a machine that also runs everything else has use for.
const MOST_REPLICAS: usize = 16;

pub(super) const LONG: &str = "\
Run the whole fleet here: compiles what is needed, gets nats-server, starts broker, card gateway and the five services,
waits until all are ready, prints their addresses, and then shows what the services log. Ctrl-C stops everything in
order, a second Ctrl-C at once. A process that dies is reported and stays dead; the others run on.

Orders, stock and logs are kept in .fleet/ between runs; the logs of the present run are in .fleet/logs/.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet up
  cargo fleet up --fresh --ports auto
  cargo fleet up --replicas order-service=2 --replicas payment-service=3
  cargo fleet up --env order-service:LOG_LEVEL=warn
  cargo --quiet run --release -p orderfleet -- up    the services compiled for speed, too";

/// Arguments of `up`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Forget what earlier runs have left in the data directory.
    #[arg(long)]
    fresh: bool,

    /// Where orders, stock and logs are kept [default: .fleet in the workspace].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Well-known ports (broker 4222, services from 8080, gateway 8090), or free ones.
    #[arg(long, value_enum, default_value_t = Ports::Fixed, hide_possible_values = true, value_name = "fixed|auto")]
    ports: Ports,

    /// Start the binaries as they are.
    #[arg(long)]
    no_build: bool,

    /// How many of a service to run; the ones after the first on free ports. May be repeated.
    #[arg(long, value_name = "SERVICE=COUNT", value_parser = replicas)]
    replicas: Vec<(String, usize)>,

    /// A setting for a service, as an environment variable. May be repeated.
    #[arg(long, value_name = "SERVICE:NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String, String)>,
}

/// Runs the fleet until the context's `stop`.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let ui = &context.ui;
    let on_own_ports = args.ports == Ports::Auto;
    let fleet = Fleet::start(options(args, context)?).await?;
    ui.done();
    report::addresses(ui, &fleet, on_own_ports);
    let mut logs = Logs::from_now_on(&fleet.processes());
    let mut tick = tokio::time::interval(LOG_POLL);
    let closed = ui.closed();
    let broker_ended = fleet.broker().exited();
    tokio::pin!(broker_ended);
    let mut broker_runs = true;
    loop {
        tokio::select! {
            () = context.stop.cancelled() => break,
            () = closed.cancelled() => break,
            _ = tick.tick() => logs.show(ui),
            _ = &mut broker_ended, if broker_runs => {
                broker_runs = false;
                report::broker_died(ui, &fleet);
            }
        }
    }
    let all_ran = broker_runs && fleet.processes().iter().all(|proc| proc.is_running());
    let exits = stop(&fleet, &mut logs, context).await?;
    Ok(report::exits(ui, &exits, all_ran))
}

/// Stops the fleet, still showing what it logs meanwhile.
async fn stop(fleet: &Fleet, logs: &mut Logs, context: &Context) -> anyhow::Result<Vec<Exit>> {
    let shutdown = fleet.shutdown();
    tokio::pin!(shutdown);
    let mut tick = tokio::time::interval(LOG_POLL);
    loop {
        tokio::select! {
            exits = &mut shutdown => {
                logs.show(&context.ui);
                return exits;
            }
            _ = tick.tick() => logs.show(&context.ui),
        }
    }
}

fn options(args: Args, context: &Context) -> anyhow::Result<FleetOptions> {
    let path = match args.data_dir {
        Some(path) => path,
        None => workspace_root()?.join(".fleet"),
    };
    let mut options = FleetOptions::kept(&path);
    options.data_dir = DataDir::Kept { path, fresh: args.fresh };
    options.ports = args.ports;
    options.own_process_groups = true;
    options.cancel = context.stop.clone();
    if args.no_build {
        options.build = Build::Skip;
    }
    for (service, count) in args.replicas {
        options = options.replicas(&service, count);
    }
    for (service, name, value) in args.env {
        options = options.env(&service, &name, &value);
    }
    Ok(options.observe(report::observer(context)))
}

pub(super) fn replicas(text: &str) -> Result<(String, usize), String> {
    let (service, count) = text.split_once('=').ok_or("expected SERVICE=COUNT, e.g. order-service=2")?;
    match count.parse() {
        Ok(count @ 0..=MOST_REPLICAS) => Ok((service.to_owned(), count)),
        Ok(_) | Err(_) => Err(format!("{count:?} is not a number of replicas from 0 to {MOST_REPLICAS}")),
    }
}

fn variable(text: &str) -> Result<(String, String, String), String> {
    let usage = "expected SERVICE:NAME=VALUE, e.g. order-service:LOG_LEVEL=debug";
    let (service, rest) = text.split_once(':').ok_or(usage)?;
    let (name, value) = rest.split_once('=').ok_or(usage)?;
    Ok((service.to_owned(), name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_explained() {
        assert_eq!(replicas("order-service=2"), Ok(("order-service".to_owned(), 2)));
        assert_eq!(
            replicas("order-service=two"),
            Err("\"two\" is not a number of replicas from 0 to 16".to_owned())
        );
        assert!(replicas("order-service").is_err() && replicas("order-service=17").is_err());
        let set = variable("order-service:URL=http://a=b");
        assert_eq!(set, Ok(("order-service".to_owned(), "URL".to_owned(), "http://a=b".to_owned())));
        assert!(variable("LOG_LEVEL=debug").is_err());
    }
}

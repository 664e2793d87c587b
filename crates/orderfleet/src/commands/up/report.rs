//! What `up` tells about the fleet as a whole.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use console::style;
use serde_json::{Value, json};

use crate::{
    commands::Context,
    fleet::{Exit, Fleet, FleetEvent, Phase},
    ui::Ui,
};

/// An order anybody can place against a fleet that has some of it in stock.
const FIRST_ORDER: &str = r#"{"customer_id": "ada", "currency": "EUR", "payment_method": "tok_visa",
       "lines": [{"sku": "TSHIRT-BLACK-M", "quantity": 2, "unit_price": 1999}]}"#;

/// Prints what happens to the fleet while it starts, runs and stops.
pub(in crate::commands) fn observer(context: &Context) -> impl Fn(&FleetEvent) + Send + Sync + 'static {
    let Context { ui, stop } = context.clone();
    let running = AtomicBool::new(false);
    move |event| {
        ui.object(&as_json(event));
        match event {
            FleetEvent::Phase(phase) => {
                running.store(*phase == Phase::Running, Ordering::SeqCst);
                show_phase(&ui, *phase, stop.is_cancelled());
            }
            FleetEvent::Ready { name, .. } => ui.step(format_args!("{name} is ready")),
            // Before everything runs it fails the start, and the error tells more.
            FleetEvent::Died { .. } if !running.load(Ordering::SeqCst) => {}
            FleetEvent::Died { name, status, log_path } => {
                ui.warn(format_args!(
                    "{name} died ({status}); the others run on. Its log: {}",
                    log_path.display()
                ));
            }
            FleetEvent::Stopped { name, .. } => ui.step(format_args!("{name} has stopped")),
        }
    }
}

fn show_phase(ui: &Ui, phase: Phase, interrupted: bool) {
    match phase {
        // Cargo shows its own progress.
        Phase::Building => ui.note("compiling the services (cargo build)"),
        Phase::Download => ui.step("downloading nats-server, once"),
        Phase::Broker => ui.step("starting nats-server"),
        Phase::Topology => ui.step("setting up the streams"),
        Phase::Processes => ui.step("starting card gateway and services"),
        Phase::Running => ui.done(),
        Phase::Stopping if interrupted => ui.step("stopping; press Ctrl-C again to kill"),
        Phase::Stopping => ui.step("stopping"),
    }
}

fn as_json(event: &FleetEvent) -> Value {
    match event {
        FleetEvent::Phase(phase) => json!({"event": "phase", "phase": format!("{phase:?}").to_lowercase()}),
        FleetEvent::Ready { name, url } => json!({"event": "ready", "process": name, "url": url}),
        FleetEvent::Died { name, status, log_path } => {
            json!({"event": "died", "process": name, "status": status.to_string(), "log": log_path})
        }
        FleetEvent::Stopped { name, status } => {
            json!({"event": "stopped", "process": name, "status": status.to_string()})
        }
    }
}

/// The table of addresses and a first order to paste; and, of a fleet on ports of its own, what others need to be told.
pub(super) fn addresses(ui: &Ui, fleet: &Fleet, on_own_ports: bool) {
    let procs = fleet.processes();
    let mut rows = vec![("broker".to_owned(), fleet.broker().url(), fleet.broker().pid())];
    rows.extend(procs.iter().map(|proc| (proc.name(), proc.url(), proc.pid())));
    let (name_width, url_width) =
        rows.iter().fold((0, 0), |(name, url), row| (row.0.len().max(name), row.1.len().max(url)));
    ui.say(format_args!("\n{}\n", style("The fleet is running.").green().bold()));
    for (name, url, pid) in rows {
        let pid = style(pid.map(|pid| format!("pid {pid}")).unwrap_or_default()).dim();
        ui.say(format_args!("  {name:<name_width$}  {url:<url_width$}  {pid}"));
    }
    let logs = fleet.data_dir().join("logs");
    ui.say(format_args!("\n  data {}\n  logs {}", fleet.data_dir().display(), logs.display()));
    if on_own_ports {
        let variables = variables(&fleet.broker().url(), |service| fleet.url(service).ok());
        ui.say(format_args!("\nTell the other commands where that is:\n\n  {variables}"));
    }
    if let Ok(orders) = fleet.url("order-service") {
        ui.say(format_args!("\nPut something in stock and order it:\n\n{}", first_order(&orders)));
    }
    ui.say(format_args!("\n{}\n", style("Ctrl-C stops the fleet. Its log from here on:").dim()));
}

/// What tells the other commands where the fleet is.
fn variables(broker: &str, url: impl Fn(&str) -> Option<String>) -> String {
    let services = [
        ("ORDER_URL", "order-service"),
        ("INVENTORY_URL", "inventory-service"),
        ("AUDIT_URL", "audit-service"),
        ("GATEWAY_URL", "gateway-sim"),
    ];
    let set = |(variable, service)| url(service).map(|url| format!(" {variable}={url}"));
    let services: String = services.into_iter().filter_map(set).collect();
    format!("export NATS_URL={broker}{services}")
}

fn first_order(orders: &str) -> String {
    format!(
        "  cargo fleet stock set TSHIRT-BLACK-M 100\n\n  \
         curl -i {orders}/orders -H 'Content-Type: application/json' \\\n    \
         -H 'Idempotency-Key: my-first-order' -H 'Prefer: wait=10' \\\n    -d '{FIRST_ORDER}'"
    )
}

/// The broker ended by itself.
pub(super) fn broker_died(ui: &Ui, fleet: &Fleet) {
    let log = fleet.broker().log_path().display();
    ui.object(&json!({"event": "died", "process": "broker"}));
    ui.warn(format_args!("the broker died; the services keep trying to reach it. Its log: {log}"));
}

/// How everybody ended; success only when all ran until they were told to stop, and then stopped well.
pub(in crate::commands) fn exits(ui: &Ui, exits: &[Exit], all_ran: bool) -> ExitCode {
    ui.done();
    let mut clean = all_ran;
    for exit in exits.iter().filter(|exit| !exit.status.success()) {
        clean = false;
        ui.warn(format_args!("{} did not stop cleanly: {}", exit.name, exit.status));
    }
    if clean {
        ui.note("everything has stopped");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Subcommand;

    use super::*;
    use crate::commands::Command;

    #[test]
    fn the_variables_are_those_that_the_other_commands_read() {
        let line = variables("nats://broker", |service| Some(format!("http://{service}")));
        let told: BTreeSet<&str> = line.split(' ').filter_map(|word| Some(word.split_once('=')?.0)).collect();
        let cli = Command::augment_subcommands(clap::Command::new("orderfleet"));
        let arguments = cli.get_subcommands().flat_map(clap::Command::get_arguments);
        let read = arguments.filter_map(|argument| argument.get_env()?.to_str());
        assert_eq!(told, read.filter(|name| name.ends_with("_URL")).collect());
    }
}

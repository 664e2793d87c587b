//! A restore that ends in the middle and cannot be taken back: whoever starts the fleet then finds it refusing to work,
//! not deciding once more on what was decided.

use std::time::Duration;

use nats_server::{Builder, NatsServer};
use orderfleet::{
    fleet::{Fleet, FleetOptions},
    load::Plan,
};

use crate::{
    fleet::{MIX, disaster, load, options, verify},
    operator::{connect, run},
};

const ORDERS: u64 = 30;
const SOON: Duration = Duration::from_secs(30);

/// A broker that lets everybody in, who may do all but this.
fn broker(denied: &str) -> Builder {
    NatsServer::builder().config_extra(format!(
        "accounts {{ FLEET {{ jetstream: enabled, users: [{{ user: all, password: all, permissions {{ \
         publish {{ allow: [\">\"], deny: [{denied}] }}, subscribe: \">\" }} }}] }} }}\nno_auth_user: all\n"
    ))
}

#[tokio::test]
async fn nobody_works_on_half_of_a_backup() {
    let (home, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = || FleetOptions { broker: broker("nothing"), ..options(home.path()) };
    let fleet = Fleet::start(open()).await.unwrap();
    let plan = Plan { orders: ORDERS, rate: 30.0, mix: MIX, run: "half".to_owned() };
    load(&fleet, plan).await.finish().await.unwrap();
    assert!(verify(&fleet).await.holds());
    run(&fleet.broker().url(), "backup", backup.path(), &[]).await.done();
    fleet.shutdown().await.unwrap();
    drop(fleet);

    disaster(&home);
    let cut_off = broker("\"$JS.API.STREAM.RESTORE.ORDERS\", \"$JS.API.STREAM.DELETE.>\"");
    let cut_off = cut_off.store_dir(home.path().join("nats")).start().await.unwrap();
    run(&cut_off.url(), "restore", backup.path(), &[]).await.failed("the broker holds a part of the backup");
    let there = connect(&cut_off.url()).await.stream_names().await.unwrap();
    assert!(!there.is_empty() && !there.contains("ORDERS"), "{there:?}");
    cut_off.stop_gracefully().await.unwrap();

    let options = FleetOptions { ready_within: Duration::from_secs(15), ..open() };
    let why = match Fleet::start(options).await {
        Err(error) => format!("{error:#}"),
        // It may count as ready for a moment, before it tries to lead.
        Ok(fleet) => {
            let stock = fleet.get("inventory-service", 1).unwrap();
            tokio::time::timeout(SOON, stock.wait()).await.unwrap().unwrap();
            stock.log_tail(20)
        }
    };
    // That somebody leads is all that may stand in the new ORDERS.
    let (_, end) = why.split_once("its input ORDERS ends at ").unwrap_or_else(|| panic!("{why}"));
    let (end, _) = end.split_once(", before what was read of it").unwrap_or_else(|| panic!("{why}"));
    assert!(end.parse::<u64>().unwrap() < 5, "{why}");
}

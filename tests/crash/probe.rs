//! Small questions and orders to single processes.

use anyhow::{Context, ensure};
use gateway_sim::Traffic;
use orderfleet::fleet::{Fleet, Proc};
use serde_json::Value;
use tests::shop::{Shop, http};

/// Sets fault switches of the card gateway.
pub(crate) async fn set_faults(shop: &Shop, switches: Value) -> anyhow::Result<()> {
    let url = format!("{}/admin/faults", shop.fleet.url("gateway-sim")?);
    let answer = http()?.patch(url).json(&switches).send().await?;
    ensure!(answer.status().is_success(), "the gateway refused {switches}: {}", answer.text().await?);
    Ok(())
}

/// What has reached the card gateway since its fault switches were changed.
pub(crate) async fn gateway_traffic(shop: &Shop) -> anyhow::Result<Traffic> {
    let url = format!("{}/admin/traffic", shop.fleet.url("gateway-sim")?);
    Ok(http()?.get(url).send().await?.json().await?)
}

/// The sum of all series of a metric whose name and labels contain every one of `parts`.
pub(crate) async fn metric_sum(proc: &Proc, parts: &[&str]) -> anyhow::Result<f64> {
    let text = http()?.get(format!("{}/metrics", proc.url())).send().await?.text().await?;
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let matching = series.filter(|line| parts.iter().all(|part| line.contains(part)));
    Ok(matching.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// Bytes of memory that the process holds, and that it may hold.
pub(crate) fn resident_bytes(proc: &Proc) -> anyhow::Result<u64> {
    let pid = proc.pid().with_context(|| format!("{} is not running", proc.name()))?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.split_whitespace().next().context("an empty VmRSS")?.parse()?;
    Ok(kib * 1_024)
}

/// The broker crashes and is started again on its store.
pub(crate) async fn crash_broker(fleet: &Fleet) -> anyhow::Result<()> {
    fleet.broker().kill().await?;
    fleet.broker().restart().await
}

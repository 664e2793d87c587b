//! Reading the audit trail, and having it prove itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, bail};
use events::catalogue::REQUESTS;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Listener, PAUSE, patiently};
use crate::{
    client::{AuditClient, Digest, Integrity, Next, StreamIntegrity, Stretch},
    verify::{
        evidence::{AuditRow, Beside, Evidence, StreamEvidence, TrailFlaw},
        run::Progress,
    },
};

const WHOM: &str = "audit-service";

/// What the trail is to be compared with of one stream.
pub(super) struct Part {
    stream: String,
    /// The sequence before its oldest message.
    after: u64,
    /// Its newest message.
    last: u64,
}

/// What the trail is to be compared with: all it holds.
pub(super) fn parts(evidence: &Evidence) -> Vec<Part> {
    let domain = evidence.streams.iter().map(|(stream, part)| {
        let StreamEvidence { first, last, .. } = *part;
        Part { stream: stream.clone(), after: first.saturating_sub(1), last }
    });
    let beside = evidence.beside.iter().map(|(stream, Beside { last, rows })| {
        let after = rows.first().map_or(*last, |oldest| oldest.sequence.saturating_sub(1));
        Part { stream: stream.clone(), after, last: *last }
    });
    domain.chain(beside).collect()
}

/// Waits until the trail holds what the streams held, or the deadline has passed.
pub(super) async fn catch_up(audit: &AuditClient, parts: &[Part], deadline: Instant) -> anyhow::Result<()> {
    let newest = parts.iter().find(|part| part.stream == REQUESTS.name).map_or(0, |part| part.last);
    loop {
        let page = patiently(WHOM, || audit.digests(REQUESTS.name, newest)).await?;
        let reached = |stream: &str| page.complete_up_to.get(stream).copied().unwrap_or(0);
        let behind = parts.iter().any(|part| reached(&part.stream) < part.last);
        if !behind || Instant::now() >= deadline {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

/// Reads what the trail holds of each stream beyond what was read before.
pub(super) async fn extend(
    audit: &AuditClient,
    parts: Vec<Part>,
    rows: &mut BTreeMap<String, Vec<AuditRow>>,
    listener: &Listener,
) -> anyhow::Result<()> {
    let after = |part: &Part| {
        let read = rows.get(&part.stream).and_then(|rows| rows.last());
        read.map_or(part.after, |row| row.sequence)
    };
    let parts: Vec<_> = parts.into_iter().map(|part| Part { after: after(&part), ..part }).collect();
    let total = parts.iter().map(|part| part.last.saturating_sub(part.after)).sum();
    let read = Arc::new(AtomicU64::new(0));
    let mut reading = JoinSet::new();
    for Part { stream, after, last } in parts {
        let (audit, read, listener) = (audit.clone(), Arc::clone(&read), Arc::clone(listener));
        reading.spawn(async move {
            let part = read_stream(&audit, &stream, after, last, |count| {
                let read = read.fetch_add(count, Ordering::Relaxed) + count;
                listener(Progress::Trail { read, total });
            });
            let part = part.await?;
            anyhow::Ok((stream, part))
        });
    }
    while let Some(part) = reading.join_next().await {
        let (stream, part) = part.context("reading the audit trail ended early")??;
        rows.entry(stream).or_default().extend(part);
    }
    Ok(())
}

async fn read_stream(
    audit: &AuditClient,
    stream: &str,
    mut after: u64,
    last: u64,
    seen: impl Fn(u64),
) -> anyhow::Result<Vec<AuditRow>> {
    let mut rows = Vec::with_capacity(usize::try_from(last.saturating_sub(after)).unwrap_or(0));
    while after < last {
        let page = patiently(WHOM, || audit.digests(stream, after)).await?;
        for digest in &page.events {
            rows.push(row(stream, digest)?);
        }
        seen(page.events.len() as u64);
        match page.events.last() {
            Some(newest) if page.next_cursor.is_some() => after = newest.sequence,
            Some(_) | None => break,
        }
    }
    rows.retain(|row| row.sequence <= last);
    Ok(rows)
}

/// The hash is cut to the length that [`crate::verify::Recorded::hash_of`] has.
fn row(stream: &str, digest: &Digest) -> anyhow::Result<AuditRow> {
    let Digest { sequence, sha256 } = digest;
    let head = sha256.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok());
    let body =
        head.with_context(|| format!("{WHOM} gives {sha256:?} as the SHA-256 of {stream}:{sequence}"))?;
    Ok(AuditRow { sequence: *sequence, body })
}

/// Has the trail look at its own hashes; says what it finds.
pub(super) async fn flaws(audit: &AuditClient, listener: &Listener) -> anyhow::Result<Vec<TrailFlaw>> {
    let (mut next, mut proved, mut flaws) = (None, 0, Vec::new());
    loop {
        let report = patiently(WHOM, || audit.integrity(next.as_ref())).await?;
        for flaw in told(&report) {
            // What lies across two parts is told with each.
            if !flaws.contains(&flaw) {
                flaws.push(flaw);
            }
        }
        proved += report.verification.as_ref().map_or(0, |verification| verification.verified);
        listener(Progress::Proof { verified: proved });
        match further(next.as_ref(), &report)? {
            None => return Ok(flaws),
            further => next = further,
        }
    }
}

/// Where the proof goes on; `None` when it has finished.
fn further(from: Option<&Next>, report: &Integrity) -> anyhow::Result<Option<Next>> {
    match (report.finished, &report.next) {
        (true, None) => Ok(None),
        (false, Some(next)) if from != Some(next) => Ok(Some(next.clone())),
        (finished, next) => bail!(
            "{WHOM} does not get on with proving the trail: asked from {from:?} it says finished: {finished}, \
             next: {next:?}"
        ),
    }
}

/// What a report finds wrong.
fn told(report: &Integrity) -> Vec<TrailFlaw> {
    let gaps = report.streams.iter().flat_map(|StreamIntegrity { stream, gaps, .. }| {
        gaps.iter().map(move |Stretch { from, to }| TrailFlaw {
            place: format!("{stream}:{from}"),
            what: format!(
                "the audit trail never had {from} to {to}: they were gone before it could write them"
            ),
        })
    });
    let removed = report.streams.iter().flat_map(|StreamIntegrity { stream, removed, .. }| {
        removed.iter().map(move |Stretch { from, to }| TrailFlaw {
            place: format!("{stream}:{from}"),
            what: format!("the audit trail had {from} to {to}, and they were taken out"),
        })
    });
    let broken = report.verification.iter().flat_map(|verification| &verification.broken).map(|broken| {
        let what = match broken.what.as_str() {
            "columns" => "what the audit trail finds it by is not what its body says".to_owned(),
            "hash" => "the chain of hashes breaks here: it, or what stood before it, was changed".to_owned(),
            other => format!("the audit trail finds it changed ({other})"),
        };
        TrailFlaw { place: format!("{}:{}", broken.stream, broken.sequence), what }
    });
    let mut flaws: Vec<TrailFlaw> = gaps.chain(removed).chain(broken).collect();
    let proved = report.verification.as_ref().is_none_or(|verification| verification.ok);
    if flaws.is_empty() && !(report.intact && proved) {
        let what = "it says that it is not intact, without saying where".to_owned();
        flaws.push(TrailFlaw { place: "audit".to_owned(), what });
    }
    flaws
}

#[cfg(test)]
mod tests;

//! Another body for a message that is put back.

use std::{io::Write, path::Path};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use events::{
    DecodeError, RawEnvelope,
    catalogue::{CONSUMERS, ConsumerDef},
    inventory::InventoryEvent,
    orders::OrderEvent,
    payments::PaymentEvent,
    requests::Request,
};
use serde_json::Value;

/// What an operator writes in a file.
pub(super) fn from_file(path: &Path) -> anyhow::Result<Bytes> {
    let body = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(body.trim_ascii().to_vec().into())
}

/// What an operator makes of a body in their editor.
pub(super) async fn in_editor(body: &[u8]) -> anyhow::Result<Bytes> {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok());
    let editor = editor.filter(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // JSON is easier to mend when it does not stand in one line.
    let pretty = serde_json::from_slice::<Value>(body).map(|value| format!("{value:#}\n").into_bytes());
    let before = pretty.unwrap_or_else(|_no_json| body.to_vec());
    let mut file = tempfile::Builder::new().prefix("letter-").suffix(".json").tempfile()?;
    file.write_all(&before)?;
    // Through a shell, because it may be a program with arguments.
    let command = format!("{editor} \"$1\"");
    let status = tokio::process::Command::new("sh")
        .args(["-c", &command, "sh"])
        .arg(file.path())
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("cannot start {editor}"))?;
    ensure!(status.success(), "{editor} ended with {status}; nothing was put back");
    let after = std::fs::read(file.path())?;
    ensure!(
        after != before,
        "nothing was changed, so nothing was put back; without --edit it goes back as it is"
    );
    Ok(after.trim_ascii().to_vec().into())
}

/// Whether that is something the consumer can handle, in place of the old body.
pub(super) fn check(old: &[u8], body: &[u8], consumer: &str) -> anyhow::Result<()> {
    let raw = RawEnvelope::parse(body).context("the new body is no event")?;
    let kind = raw.kind.as_ref();
    decode(&raw).context("the new body is no event")?;
    // What comes of an event is known by its id.
    if let Ok(old) = RawEnvelope::parse(old) {
        ensure!(raw.id == old.id, "the new body has another `id`; keep {}", old.id);
    }
    if let Some(ConsumerDef { subjects, .. }) = CONSUMERS.iter().find(|def| def.durable == consumer)
        && !subjects.contains(&kind)
    {
        bail!("the new body is `{kind}`, but {consumer} handles {}", subjects.join(", "));
    }
    Ok(())
}

/// Keeps what was written in an editor if it is refused: nobody likes to type it again.
pub(super) fn keep_refused(checked: anyhow::Result<()>, body: &[u8]) -> anyhow::Result<()> {
    let Err(why) = checked else { return Ok(()) };
    let mut file = tempfile::Builder::new().prefix("letter-").suffix(".json").tempfile()?;
    file.write_all(body)?;
    let (_, path) = file.keep().context("what you wrote cannot be kept")?;
    Err(why.context(format!("nothing was put back; mend what you wrote with --edit-with {}", path.display())))
}

/// Reads an event of any type that somebody acts on.
fn decode(raw: &RawEnvelope<'_>) -> Result<(), DecodeError> {
    match raw.kind.split('.').next() {
        Some("requests") => Request::decode(raw).map(drop),
        Some("orders") => OrderEvent::decode(raw).map(drop),
        Some("inventory") => InventoryEvent::decode(raw).map(drop),
        Some("payments") => PaymentEvent::decode(raw).map(drop),
        Some(_) | None => Err(DecodeError::UnknownType(raw.kind.clone().into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: &[u8] = include_bytes!("../../../../events/golden/orders.created.v1.json");
    const RESERVED: &[u8] = include_bytes!("../../../../events/golden/inventory.reserved.v1.json");

    #[test]
    fn what_is_refused_is_kept() -> anyhow::Result<()> {
        keep_refused(Ok(()), b"fine")?;
        let refused = keep_refused(Err(anyhow::anyhow!("no event")), b"typed for long");
        let text = refused.expect_err("it stays refused").to_string();
        let path = text.rsplit(' ').next().unwrap_or_default();
        assert_eq!(std::fs::read(path)?, b"typed for long");
        Ok(std::fs::remove_file(path)?)
    }

    #[test]
    fn only_events_that_the_consumer_handles_are_put_back() {
        assert!(check(b"no event", RESERVED, "payment-charge").is_ok());
        assert!(check(CREATED, CREATED, "INVENTORY").is_ok());
        let answer =
            |old: &[u8], body: &[u8], consumer| check(old, body, consumer).map_err(|why| format!("{why:#}"));
        let refused = |body: &[u8], consumer| answer(b"", body, consumer).expect_err("it is refused");
        let renamed = answer(RESERVED, CREATED, "INVENTORY");
        assert!(renamed.is_err_and(|why| why.contains("another `id`")));
        assert!(refused(CREATED, "payment-charge").ends_with("payment-charge handles inventory.reserved"));
        assert!(refused(b"{", "ORDERS").starts_with("the new body is no event: malformed event"));
        let of = |text: &str, other: &str| String::from_utf8_lossy(CREATED).replacen(text, other, 1);
        assert!(refused(of("orders.created", "orders.x").as_bytes(), "ORDERS").ends_with("type `orders.x`"));
        let next = of("\"version\":1", "\"version\":2");
        assert!(refused(next.as_bytes(), "ORDERS").contains("unknown version 2"));
        let incomplete = of("\"lines\"", "\"linen\"");
        assert!(refused(incomplete.as_bytes(), "ORDERS").contains("missing field `lines`"));
    }
}

//! Reading the card gateway's ledger.

use gateway_sim::{Entry, LedgerPage};

use super::{Listener, patiently};
use crate::{client::Endpoint, verify::run::Progress};

/// Entries asked for at once; the gateway gives no more.
const PAGE: usize = 10_000;

/// Reads the entries that have come since the last time.
pub(super) async fn extend(
    gateway: &Endpoint,
    entries: &mut Vec<Entry>,
    listener: &Listener,
) -> anyhow::Result<()> {
    loop {
        let cursor = entries.last().map_or(0, |entry| entry.seq);
        let query = [("cursor", cursor.to_string()), ("limit", PAGE.to_string())];
        let ask = || gateway.read::<LedgerPage>(&["admin", "ledger"], &query);
        let page = patiently("the card gateway", ask).await?;
        entries.extend(page.entries);
        listener(Progress::Ledger { read: entries.len() as u64 });
        if page.next_cursor.is_none() {
            return Ok(());
        }
    }
}

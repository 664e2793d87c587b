//! Messages in a file: of each a line of JSON about it, then its body and a line end.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use bytes::Bytes;
use events::Timestamp;
use messaging::{headers::Headers, log::Stored};
use serde::{Deserialize, Serialize};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
};

use super::files::SavedFile;

/// What stands before a body.
#[derive(Serialize, Deserialize)]
struct Head {
    sequence: u64,
    timestamp: Timestamp,
    subject: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, Vec<String>>,
    /// Length of the body.
    body: usize,
}

/// The message as it stands in the file.
pub(super) fn encode(message: &Stored) -> anyhow::Result<Vec<u8>> {
    let head = Head {
        sequence: message.sequence,
        timestamp: message.timestamp,
        subject: message.subject.clone(),
        headers: message.headers.iter().collect(),
        body: message.payload.len(),
    };
    let mut bytes = serde_json::to_vec(&head).context("a message cannot be written down")?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&message.payload);
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the messages of a file in order.
pub(super) struct Tail {
    file: BufReader<File>,
}

impl Tail {
    /// Opens one.
    pub(super) async fn open(dir: &Path, saved: &SavedFile) -> anyhow::Result<Self> {
        Ok(Self { file: saved.open(dir).await? })
    }

    /// The next message, and how many bytes of the file it takes; `None` after the last.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<(Stored, u64)>> {
        let mut line = Vec::new();
        let length = self.file.read_until(b'\n', &mut line).await.context("cannot read messages")?;
        if length == 0 {
            return Ok(None);
        }
        let head: Head = serde_json::from_slice(&line).context("a message of the backup cannot be read")?;
        let mut body = vec![0; head.body + 1];
        self.file.read_exact(&mut body).await.context("a message of the backup is cut short")?;
        body.truncate(head.body);
        let taken = (length + head.body + 1) as u64;
        let mut headers = Headers::new();
        for (name, values) in &head.headers {
            values.iter().for_each(|value| headers.append(name, value));
        }
        let Head { sequence, timestamp, subject, .. } = head;
        let payload = Bytes::from(body);
        Ok(Some((Stored { sequence, timestamp, subject, headers, payload }, taken)))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::files::Writing, *};

    fn message(sequence: u64, payload: &'static [u8]) -> Stored {
        let mut headers = Headers::new();
        headers.append("X-Twice", "one");
        headers.append("X-Twice", "two");
        let (subject, timestamp) = ("orders.created".to_owned(), Timestamp(1_767_225_600_000_001));
        Stored { sequence, timestamp, subject, headers, payload: Bytes::from_static(payload) }
    }

    #[tokio::test]
    async fn messages_come_back_as_they_were() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let messages = [message(7, b"{}\n{}"), message(8, b""), message(9, &[0, 255, b'\n'])];
        let mut file = Writing::create(dir.path(), "ORDERS.tail").await?;
        for message in &messages {
            file.write(&encode(message)?).await?;
        }
        let saved = file.finish().await?;
        saved.check(dir.path(), |_| {}).await?;
        let mut tail = Tail::open(dir.path(), &saved).await?;
        let mut taken = 0;
        for message in messages {
            let (read, bytes) = tail.next().await?.context("it is there")?;
            taken += bytes;
            assert_eq!(format!("{read:?}"), format!("{message:?}"));
        }
        assert!(tail.next().await?.is_none());
        assert_eq!(taken, saved.bytes);
        Ok(())
    }
}

//! The hashes that tie the messages of a stream together, so that none can be changed or taken out
//! without the next ones telling.
//!
//! The hash of a message is
//!
//! ```text
//! SHA-256( previous ‖ len(stream) ‖ stream ‖ sequence ‖ stored_at
//!          ‖ len(subject) ‖ subject ‖ len(headers) ‖ headers ‖ len(body) ‖ body )
//! ```
//!
//! where `previous` is the hash of the message before it in the trail, 32 zero bytes for the first;
//! sequence, time of storage in microseconds since 1970, and lengths in bytes are 8 bytes each,
//! big-endian; texts are UTF-8, headers are the JSON object kept in the trail, and the body is as it came
//! from the broker. Whoever keeps a hash elsewhere can tell for ever after whether the trail up to there
//! is still the one it was.

use sha2::{Digest, Sha256};

/// A hash of the chain.
pub type Hash = [u8; 32];

/// What comes before the first message of a stream.
pub const START: Hash = [0; 32];

/// What of a message is protected: everything that came from the broker.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The stream.
    pub stream: &'a str,
    /// Its place there.
    pub sequence: u64,
    /// When the stream stored it, in microseconds since 1970.
    pub stored_at: i64,
    /// Where it was published to.
    pub subject: &'a str,
    /// Its headers: a JSON object of lists.
    pub headers: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

impl Link<'_> {
    /// The hash of the message, which follows one with the hash `previous`.
    #[must_use]
    pub fn after(&self, previous: &Hash) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(previous);
        add(&mut hasher, self.stream.as_bytes());
        hasher.update(self.sequence.to_be_bytes());
        hasher.update(self.stored_at.to_be_bytes());
        add(&mut hasher, self.subject.as_bytes());
        add(&mut hasher, self.headers.as_bytes());
        add(&mut hasher, self.body);
        hasher.finalize().into()
    }
}

/// The length first: otherwise a byte could move from the subject to the body unseen.
fn add(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Link<'_> = Link {
        stream: "ORDERS",
        sequence: 7,
        stored_at: 9,
        subject: "orders.created",
        headers: "{}",
        body: b"{}",
    };

    #[test]
    fn everything_counts() {
        let hash = LINK.after(&START);
        let others = [
            LINK.after(&[1; 32]),
            Link { stream: "ORDER", ..LINK }.after(&START),
            Link { sequence: 8, ..LINK }.after(&START),
            Link { stored_at: 8, ..LINK }.after(&START),
            Link { subject: "orders.create", headers: "d{}", ..LINK }.after(&START),
            Link { headers: r#"{"a":[]}"#, ..LINK }.after(&START),
            Link { headers: "{", body: b"}{}", ..LINK }.after(&START),
            Link { body: b"{ }", ..LINK }.after(&START),
        ];
        assert!(others.iter().all(|other| *other != hash));
        assert_eq!(hash, LINK.after(&START));
    }

    /// Hashes kept elsewhere must stay good for ever.
    #[test]
    fn the_formula_is_the_documented_one() {
        let mut text = vec![0; 32];
        text.extend([0, 0, 0, 0, 0, 0, 0, 1, b'S']);
        text.extend([0, 0, 0, 0, 0, 0, 1, 2]);
        text.extend([0xff; 8]);
        text.extend([0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']);
        text.extend([0, 0, 0, 0, 0, 0, 0, 2, b'{', b'}']);
        text.extend([0, 0, 0, 0, 0, 0, 0, 3, 9, 8, 7]);
        let expected: Hash = Sha256::digest(&text).into();
        let link = Link {
            stream: "S",
            sequence: 258,
            stored_at: -1,
            subject: "ab",
            headers: "{}",
            body: &[9, 8, 7],
        };
        assert_eq!(link.after(&START), expected);
    }
}

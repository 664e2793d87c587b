//! The hashes that tie the messages of a stream together, so that none can be changed or taken out
//! without the next ones telling.
//!
//! The hash of a message is
//!
//! ```text
//! SHA-256( previous ‖ len(stream) ‖ stream ‖ sequence ‖ len(subject) ‖ subject ‖ len(body) ‖ body )
//! ```
//!
//! where `previous` is the hash of the message before it in the trail, 32 zero bytes for the first;
//! sequence and lengths, in bytes, are 8 bytes each, big-endian; texts are UTF-8, and the body is as it
//! came from the broker. Whoever keeps a hash elsewhere can tell for ever after whether the trail up to
//! there is still the one it was.

use sha2::{Digest, Sha256};

/// A hash of the chain.
pub type Hash = [u8; 32];

/// What comes before the first message of a stream.
pub const START: Hash = [0; 32];

/// The hash of a message that follows one with the hash `previous`.
#[must_use]
pub fn link(previous: &Hash, stream: &str, sequence: u64, subject: &str, body: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    add(&mut hasher, stream.as_bytes());
    hasher.update(sequence.to_be_bytes());
    add(&mut hasher, subject.as_bytes());
    add(&mut hasher, body);
    hasher.finalize().into()
}

/// The length first: otherwise a byte could move from the subject to the body unseen.
fn add(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counts() {
        let hash = link(&START, "ORDERS", 7, "orders.created", b"{}");
        let others = [
            link(&[1; 32], "ORDERS", 7, "orders.created", b"{}"),
            link(&START, "ORDER", 7, "orders.created", b"{}"),
            link(&START, "ORDERS", 8, "orders.created", b"{}"),
            link(&START, "ORDERS", 7, "orders.create", b"d{}"),
            link(&START, "ORDERS", 7, "orders.created", b"{ }"),
        ];
        assert!(others.iter().all(|other| *other != hash));
        assert_eq!(hash, link(&START, "ORDERS", 7, "orders.created", b"{}"));
    }

    /// Checkpoints kept elsewhere must stay good for ever.
    #[test]
    fn the_formula_is_the_documented_one() {
        let mut text = vec![0; 32];
        text.extend([0, 0, 0, 0, 0, 0, 0, 1, b'S']);
        text.extend([0, 0, 0, 0, 0, 0, 1, 2]);
        text.extend([0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b']);
        text.extend([0, 0, 0, 0, 0, 0, 0, 3, 9, 8, 7]);
        let expected: Hash = Sha256::digest(&text).into();
        assert_eq!(link(&START, "S", 258, "ab", &[9, 8, 7]), expected);
    }
}

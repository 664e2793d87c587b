//! Making keys for users of the broker.

use nkeys::KeyPair;

/// A new key of a user: the seed is the secret, the broker needs only the public part.
pub struct UserKey(KeyPair);

impl UserKey {
    /// A key nobody has.
    #[must_use]
    pub fn generate() -> Self {
        Self(KeyPair::new_user())
    }

    /// The secret: `SU…`.
    ///
    /// # Errors
    /// The key has none; one that was made here always has.
    pub fn seed(&self) -> Result<String, nkeys::error::Error> {
        self.0.seed()
    }

    /// What the broker is told: `U…`.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.public_key()
    }
}

//! How far a journal has consumed its inputs.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The last sequence of each input stream whose outcome is in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Positions(BTreeMap<String, u64>);

impl Positions {
    /// The position in a stream; 0 when nothing of it was consumed.
    #[must_use]
    pub fn get(&self, stream: &str) -> u64 {
        self.0.get(stream).copied().unwrap_or(0)
    }

    /// Moves a position; the others stay.
    pub fn set(&mut self, stream: &str, sequence: u64) {
        match self.0.get_mut(stream) {
            Some(position) => *position = sequence,
            None => {
                self.0.insert(stream.to_owned(), sequence);
            }
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (stream, sequence)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{stream}={sequence}")?;
        }
        Ok(())
    }
}

/// The text is not `STREAM=sequence,…`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a list of STREAM=sequence")]
pub struct InvalidPositions(String);

impl FromStr for Positions {
    type Err = InvalidPositions;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = |part: &str| {
            let (stream, sequence) = part.split_once('=')?;
            Some((stream.to_owned(), sequence.parse().ok()?))
        };
        let parts = text.split(',').filter(|part| !part.is_empty());
        let positions: Option<_> = parts.map(read).collect();
        positions.map(Self).ok_or_else(|| InvalidPositions(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_the_header() {
        let mut positions = Positions::default();
        positions.set("REQUESTS", 12);
        positions.set("PAYMENTS", 7);
        assert_eq!(positions.to_string(), "PAYMENTS=7,REQUESTS=12");
        assert_eq!(positions.to_string().parse::<Positions>().ok(), Some(positions));
        assert_eq!("".parse::<Positions>().ok(), Some(Positions::default()));
        assert!("REQUESTS=x".parse::<Positions>().is_err());
    }
}

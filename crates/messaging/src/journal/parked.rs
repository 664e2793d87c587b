//! Inputs that became dead letters instead of being decided on, and have not been decided on since.
//!
//! Only these may be put back. The rules forget in time what they have decided on; the journal remembers what it has
//! not, which is little.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::control::Place;

/// The parked inputs of a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Place, Option<Uuid>)>", into = "Vec<(Place, Option<Uuid>)>")]
pub(super) struct Parked {
    /// With the id in its envelope, if that can be read.
    inputs: BTreeMap<Place, Option<Uuid>>,
    /// Where copies of the same message stand.
    copies: BTreeMap<Uuid, BTreeSet<Place>>,
}

impl Parked {
    pub(super) fn contains(&self, input: &Place) -> bool {
        self.inputs.contains_key(input)
    }

    /// An input that bears this id.
    pub(super) fn copy_of(&self, id: Uuid) -> Option<&Place> {
        self.copies.get(&id)?.first()
    }

    pub(super) fn insert(&mut self, input: Place, id: Option<Uuid>) {
        self.remove(&input);
        if let Some(id) = id {
            self.copies.entry(id).or_default().insert(input.clone());
        }
        self.inputs.insert(input, id);
    }

    /// Forgets an input.
    pub(super) fn remove(&mut self, input: &Place) {
        if let Some(Some(id)) = self.inputs.remove(input)
            && let Some(copies) = self.copies.get_mut(&id)
        {
            copies.remove(input);
            if copies.is_empty() {
                self.copies.remove(&id);
            }
        }
    }

    /// Forgets every input that bears this id.
    pub(super) fn remove_copies(&mut self, id: Uuid) {
        for input in self.copies.remove(&id).into_iter().flatten() {
            self.inputs.remove(&input);
        }
    }
}

impl From<Vec<(Place, Option<Uuid>)>> for Parked {
    fn from(inputs: Vec<(Place, Option<Uuid>)>) -> Self {
        let mut parked = Self::default();
        inputs.into_iter().for_each(|(input, id)| parked.insert(input, id));
        parked
    }
}

impl From<Parked> for Vec<(Place, Option<Uuid>)> {
    fn from(parked: Parked) -> Self {
        parked.inputs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: u64) -> Place {
        Place { stream: "REQUESTS".to_owned(), sequence }
    }

    #[test]
    fn copies_go_together_and_everything_survives_a_snapshot() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut parked = Parked::default();
        for (sequence, id) in [(1, Some(one)), (2, Some(one)), (3, Some(other)), (4, None), (5, Some(one))] {
            parked.insert(place(sequence), id);
        }
        parked.remove(&place(1));
        assert_eq!(parked.copy_of(one), Some(&place(2)));
        let text = serde_json::to_string(&parked).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Parked>(&text).ok().as_ref(), Some(&parked));
        parked.remove_copies(one);
        let left: Vec<_> = (1..=5).filter(|sequence| parked.contains(&place(*sequence))).collect();
        assert_eq!(left, [3, 4]);
        parked.remove(&place(3));
        assert_eq!(parked.copy_of(other), None);
    }
}

//! Which input is decided on next.
//!
//! A letter is stored before its journal knows of it. If the leader dies in between, an operator may put the message
//! back before the next leader has come to where it stood: REDRIVE is read beside the other streams. Whether it is
//! to be decided on is known only then, so it waits, and what was put back after it does, too.

use super::Leader;
use crate::{
    journal::{Decider, inputs::Input},
    log::Log,
    topology::REDRIVE,
};

impl<L: Log, D: Decider> Leader<'_, L, D> {
    /// Takes the next of what has been read.
    pub(super) fn next_input(&mut self, decider: &D) -> Option<Input<D::Input>> {
        if self.early.front().is_some_and(|input| !self.is_early(decider, input)) {
            return self.early.pop_front();
        }
        while let Some(input) = self.backlog.pop_front() {
            let waits = input.stream == REDRIVE && !self.early.is_empty();
            if !waits && !self.is_early(decider, &input) {
                return Some(input);
            }
            self.early.push_back(input);
        }
        None
    }

    /// Whether it was put back, and where it stood before has not been read yet.
    fn is_early(&self, decider: &D, input: &Input<D::Input>) -> bool {
        let Some(original) = &input.original else { return false };
        let is_read = decider.inputs().iter().any(|source| source.stream == original.stream);
        is_read && original.sequence > self.folded.positions.get(&original.stream)
    }
}

//! Repeatable chance: numbers that depend on a seed and on how many were drawn, never on a clock.

use std::sync::atomic::{AtomicU64, Ordering};

/// The odd constant nearest 2^64 divided by the golden ratio; steps of it spread over all 64 bits.
const GOLDEN_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A seeded source of numbers in `0.0..1.0`, shared by all requests.
pub(crate) struct Dice {
    seed: u64,
    drawn: AtomicU64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }

    /// The next number of the sequence.
    pub(crate) fn roll(&self) -> f64 {
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        unit(scramble(self.seed ^ scramble(count)))
    }

    /// The number that belongs to `text`, the same however often and in whatever order it is asked for.
    pub(crate) fn roll_for(&self, text: &str) -> f64 {
        unit(self.tag(text))
    }

    /// A fingerprint of `text` under this seed.
    pub(crate) fn tag(&self, text: &str) -> u64 {
        scramble(self.seed ^ hash(text))
    }
}

/// A hash of `text` that is the same in every process (FNV-1a, then scrambled).
pub(crate) fn hash(text: &str) -> u64 {
    let folded = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    scramble(folded)
}

/// The `SplitMix64` step: neighbouring inputs give unrelated outputs.
fn scramble(input: u64) -> u64 {
    let mut z = input.wrapping_add(GOLDEN_STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The upper 32 bits as a fraction; a float holds them exactly.
fn unit(bits: u64) -> f64 {
    let upper = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
    f64::from(upper) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolls(seed: u64) -> Vec<f64> {
        let dice = Dice::new(seed);
        (0..2_000).map(|_| dice.roll()).collect()
    }

    #[test]
    fn the_seed_decides_the_sequence() {
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn rolls_spread_evenly_over_the_unit_interval() {
        let rolls = rolls(1);
        assert!(rolls.iter().all(|roll| (0.0..1.0).contains(roll)));
        let tenth = rolls.iter().filter(|roll| **roll < 0.1).count();
        assert!((150..250).contains(&tenth), "{tenth} of 2000 rolls are below 0.1");
    }

    #[test]
    fn a_text_keeps_its_number() {
        let dice = Dice::new(3);
        let before = dice.roll_for("order");
        dice.roll();
        assert!((dice.roll_for("order") - before).abs() < f64::EPSILON);
        assert_ne!(dice.tag("order"), dice.tag("order2"));
    }
}

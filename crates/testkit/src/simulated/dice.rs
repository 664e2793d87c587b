//! The one source of chance: `SplitMix64`, so that a seed gives the same run on every machine.

use std::time::Duration;

/// Seeded random numbers.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True with this probability; what cannot happen costs no number.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let mut share = || (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        probability > 0.0 && share() < probability
    }

    /// A duration of whole milliseconds from the range, both ends included.
    pub(super) fn millis(&mut self, (from, to): (u64, u64)) -> Duration {
        let span = to.saturating_sub(from);
        let millis = if span == 0 { from } else { from + self.roll() % (span + 1) };
        Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all() {
        let rolls = |seed| (0..100).scan(Dice::new(seed), |dice, _| Some(dice.roll())).collect::<Vec<_>>();
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn chances_are_about_what_they_say() {
        let mut dice = Dice::new(1);
        let hits = (0..10_000).filter(|_| dice.chance(0.2)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!(!dice.chance(0.0) && dice.chance(1.0));
    }

    #[test]
    fn durations_keep_to_their_range_and_reach_its_ends() {
        let mut dice = Dice::new(1);
        let drawn: std::collections::BTreeSet<_> =
            (0..200).map(|_| dice.millis((3, 6)).as_millis()).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
    }
}

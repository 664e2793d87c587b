//! Answers that should not have been.

/// Surprises that are kept; any further ones are only counted.
const MOST: usize = 20;

/// What callers met that they should not have.
#[derive(Debug, Default)]
pub struct Surprises {
    /// The first ones, in words.
    pub first: Vec<String>,
    /// How many there were in all.
    pub count: u64,
}

impl Surprises {
    pub(crate) fn add(&mut self, what: String) {
        self.count += 1;
        if self.first.len() < MOST {
            self.first.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_some_kept() {
        let mut surprises = Surprises::default();
        (0..100).for_each(|number| surprises.add(number.to_string()));
        assert_eq!((surprises.count, surprises.first.len()), (100, MOST));
    }
}

//! What runs are called: `20261124-093000_17`, for the time at which a run began and how many runs there were before.
//!
//! The number orders runs, since a clock may be set back. Two runs that begin at once may get the same number; then the time
//! decides. Names by earlier programs have no number, but a third part if the run began in the same second as another: such
//! runs come first.

use std::cmp::Ordering;

/// The name of a run, without the file's ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    text: String,
    number: u64,
}

impl Name {
    /// Reads a name. A file with any other name has its place in the order, too.
    pub(super) fn read(text: &str) -> Self {
        let number = text
            .rsplit_once('_')
            .and_then(|(_, number)| number.parse().ok());
        Self {
            text: text.to_owned(),
            number: number.unwrap_or(0),
        }
    }

    /// Returns a name for a run that begins `at` (`2026-11-24T09:30:00Z`), after all of `others`.
    pub(super) fn after(others: impl Iterator<Item = Self>, at: &str) -> Self {
        let last = others.map(|name| name.number).max().unwrap_or(0);
        let digits: String = at.chars().filter(char::is_ascii_digit).collect();
        let (day, time) = digits.split_at(digits.len().min(8));
        let number = last.saturating_add(1);
        Self {
            text: format!("{day}-{time}_{number}"),
            number,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Returns the time, and the number within a second as a number, so that the second run comes before the tenth.
    fn time(&self) -> (String, u32) {
        let mut parts = self.text.splitn(3, '-');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let time = format!("{}-{}", part(), part());
        (time, part().parse().unwrap_or(1))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_number = self.number.cmp(&other.number);
        by_number
            .then_with(|| self.time().cmp(&other.time()))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_orders_runs_and_a_clock_does_not() {
        let old = ["20261124-093000", "20261124-093000-2", "20261124-093000-10"];
        let mut names: Vec<Name> = old.map(Name::read).into();
        names.push(Name::after(
            names.clone().into_iter(),
            "2020-01-01T00:00:00Z",
        ));
        names.push(Name::after(
            names.clone().into_iter(),
            "2019-01-01T00:00:00Z",
        ));
        names.push(Name::after(
            names.clone().into_iter(),
            "2031-01-01T00:00:00Z",
        ));
        let mut sorted = names.clone();
        sorted.reverse();
        sorted.sort();
        assert_eq!(sorted, names);
        let last = names.pop().map(Name::into_text);
        assert_eq!(last.as_deref(), Some("20310101-000000_3"));
        // A file with any other name has a place, too.
        assert!(Name::read("notes") < Name::read("x_1"));
        let far = Name::after([Name::read("x_18446744073709551615")].into_iter(), "");
        assert_eq!(far.number, u64::MAX);
    }
}

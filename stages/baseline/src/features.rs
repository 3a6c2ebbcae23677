//! Sentences as sparse rows of word counts.

use std::collections::{BTreeMap, BTreeSet};

use benchmarks::Example;

/// A counted feature. The order of features is the order of columns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Feature {
    /// A word of the first sentence.
    First(String),
    /// A word of the second sentence.
    Second(String),
    /// A word of both sentences. Its value is 1 however often the word occurs.
    Shared(String),
}

/// The features that occur in a training split, each with its column.
pub(crate) struct Vocabulary {
    columns: BTreeMap<Feature, u32>,
}

impl Vocabulary {
    pub(crate) fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Self {
        let features: BTreeSet<Feature> = examples
            .into_iter()
            .flat_map(count)
            .map(|(one, _)| one)
            .collect();
        Self {
            columns: features.into_iter().zip(0..).collect(),
        }
    }

    /// Returns the number of columns.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Returns the rows of `examples`. Words outside the vocabulary are ignored.
    pub(crate) fn rows<'a>(&self, examples: impl IntoIterator<Item = &'a Example>) -> Rows {
        let mut rows = Rows::default();
        for example in examples {
            let known = count(example).into_iter().filter_map(|(feature, value)| {
                self.columns.get(&feature).map(|column| (*column, value))
            });
            rows.push(known);
        }
        rows
    }
}

/// A sparse matrix, row after row.
#[derive(Default)]
pub(crate) struct Rows {
    /// The end of each row in `cells`.
    ends: Vec<usize>,
    /// Column and value of each element that is not zero.
    cells: Vec<(u32, f64)>,
}

impl Rows {
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = (u32, f64)>) {
        self.cells.extend(cells);
        self.ends.push(self.cells.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn row(&self, index: usize) -> &[(u32, f64)] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[start..self.ends[index]]
    }
}

fn count(example: &Example) -> BTreeMap<Feature, f64> {
    let mut counts = BTreeMap::new();
    let first = words(&example.sentence1);
    let second = example.sentence2.as_deref().map(words).unwrap_or_default();
    for word in second.iter().collect::<BTreeSet<_>>() {
        if first.contains(word) {
            counts.insert(Feature::Shared(word.clone()), 1.0);
        }
    }
    for word in second {
        *counts.entry(Feature::Second(word)).or_insert(0.0) += 1.0;
    }
    for word in first {
        *counts.entry(Feature::First(word)).or_insert(0.0) += 1.0;
    }
    counts
}

/// Splits a sentence, in lower case, into runs of letters and digits, and into the single signs between them.
fn words(sentence: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for sign in sentence.chars().flat_map(char::to_lowercase) {
        if sign.is_alphanumeric() {
            word.push(sign);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !sign.is_whitespace() {
            words.push(sign.into());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_blanks_and_signs() {
        assert_eq!(
            words("It's  A \u{c9}t\u{e9}, isn't"),
            ["it", "'", "s", "a", "été", ",", "isn", "'", "t"]
        );
        assert!(words(" \t").is_empty());
    }

    #[test]
    fn shared_words_count_once_and_unknown_ones_not_at_all() {
        let pair = |sentence1: &str, sentence2: &str| Example {
            id: String::new(),
            sentence1: sentence1.into(),
            sentence2: Some(sentence2.into()),
            label: 0.0,
        };
        let vocabulary = Vocabulary::of(&[pair("a a b", "a a c")]);
        // The five features: a and b of the first sentence, a and c of the second, and a of both.
        assert_eq!(vocabulary.len(), 5);
        let rows = vocabulary.rows(&[pair("a a b", "a a c"), pair("b d", "b c"), pair("", "")]);
        assert_eq!(
            rows.row(0),
            [(0, 2.0), (1, 1.0), (2, 2.0), (3, 1.0), (4, 1.0)]
        );
        assert_eq!(rows.row(1), [(1, 1.0), (3, 1.0)]);
        assert!(rows.row(2).is_empty());
        assert_eq!(rows.len(), 3);
    }
}

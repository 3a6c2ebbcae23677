//! The sentences of a batch that belong together (Gao et al. 2021, tables 1 and 2).

use std::borrow::Cow;

use benchmarks::Triplet;
use kernels::Draws;
use serde::{Deserialize, Serialize};

/// What belongs to a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positive {
    /// What the data says, or the sentence itself where sentences stand alone.
    #[default]
    Auto,
    /// The sentence itself: both passes differ by their dropout alone.
    Dropout,
    /// A run of its words, at a place drawn at random: `strength` of the words are lost.
    Crop,
    /// The sentence without `strength` of its words, drawn at random.
    WordDeletion,
    /// The sentence without one of its words.
    DeleteOneWord,
}

impl Positive {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &[
        "auto",
        "dropout",
        "crop",
        "word-deletion",
        "delete-one-word",
    ];

    /// Whether `strength` says how much is lost.
    pub fn has_strength(self) -> bool {
        matches!(self, Self::Crop | Self::WordDeletion)
    }

    /// Returns what belongs to the sentence. At least one word is left of a sentence.
    pub fn of<'t>(self, triplet: &'t Triplet, strength: f64, draws: &mut Draws) -> Cow<'t, str> {
        let sentence = triplet.anchor.as_str();
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let lost = |words: usize| ((strength * words as f64).round() as usize).min(words - 1);
        match self {
            Self::Auto => Cow::Borrowed(triplet.positive.as_deref().unwrap_or(sentence)),
            Self::Crop | Self::WordDeletion | Self::DeleteOneWord if words.len() < 2 => {
                Cow::Borrowed(sentence)
            }
            Self::Dropout => Cow::Borrowed(sentence),
            Self::Crop => {
                let kept = words.len() - lost(words.len());
                let first = draws.index(words.len() - kept + 1);
                Cow::Owned(words[first..first + kept].join(" "))
            }
            Self::WordDeletion => {
                let gone = draws.choose(words.len(), lost(words.len()));
                Cow::Owned(without(&words, &gone))
            }
            Self::DeleteOneWord => Cow::Owned(without(&words, &[draws.index(words.len())])),
        }
    }
}

fn without(words: &[&str], gone: &[usize]) -> String {
    let kept = words.iter().enumerate();
    let kept = kept.filter(|(place, _)| !gone.contains(place));
    let kept: Vec<&str> = kept.map(|(_, word)| *word).collect();
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use kernels::Stream;
    use proptest::prelude::*;

    use super::*;

    fn triplet(sentence: String) -> Triplet {
        Triplet {
            anchor: sentence,
            positive: None,
            negative: None,
        }
    }

    proptest! {
        #[test]
        fn as_many_words_are_lost_as_asked_for(count in 1_usize..40, strength in 0.0_f64..1.0, seed: u64) {
            let words: Vec<String> = (0..count).map(|word| format!("w{word}")).collect();
            let triplet = triplet(words.join(" "));
            let lost = ((strength * count as f64).round() as usize).min(count - 1);
            let mut draws = Stream::new(seed, "test").draws(0, 0, 0);
            for (positive, lost) in [
                (Positive::Auto, 0),
                (Positive::Dropout, 0),
                (Positive::Crop, lost),
                (Positive::WordDeletion, lost),
                (Positive::DeleteOneWord, usize::from(count > 1)),
            ] {
                let found = positive.of(&triplet, strength, &mut draws);
                let places: Vec<usize> = found
                    .split(' ')
                    .map(|word| words.iter().position(|one| one == word).expect("a word of the sentence"))
                    .collect();
                prop_assert_eq!(places.len(), count - lost, "{:?}", positive);
                prop_assert!(places.is_sorted_by(|a, b| a < b));
                if positive == Positive::Crop {
                    prop_assert_eq!(places[places.len() - 1] - places[0], places.len() - 1);
                }
            }
        }
    }

    #[test]
    fn what_the_data_says_belongs_to_a_sentence() {
        let given = Triplet {
            positive: Some("b".into()),
            ..triplet("a".into())
        };
        let mut draws = Stream::new(0, "test").draws(0, 0, 0);
        assert_eq!(Positive::Auto.of(&given, 0.0, &mut draws), "b");
        assert_eq!(Positive::Dropout.of(&given, 0.0, &mut draws), "a");
    }
}

//! The words of the language, from `data/world.toml`.
//!
//! Verbs and adjectives come in axes of two opposite poles, each a set of [`SYNONYMS`] words; nouns come in kinds. All poles
//! have equally many words, so a task that first draws the places of the two words in their poles, and then the label, gives
//! each word the same frequency in every class.
//!
//! A set begins with the words that the file lists and goes on with [`RARE`] words coined from its syllables, which no
//! spelling gives away: the long tail of a vocabulary, that only reading teaches.

use std::collections::BTreeSet;

use contract::StageError;
use kernels::{Draws, Stream};
use serde::Deserialize;

/// Number of words that the file lists for each pole.
const LISTED: usize = 12;

/// Number of rare words that each set has beyond those.
const RARE: usize = 12;

/// Number of words in each pole.
pub(crate) const SYNONYMS: usize = LISTED + RARE;

/// Number of plain words in each pole. Hypotheses and paraphrases use these, and premises the others.
pub(crate) const PLAIN: usize = 2;

/// The words and templates of the whole language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lexicon {
    pub(crate) names: Names,
    #[serde(rename = "person")]
    pub(crate) persons: Vec<NounKind>,
    #[serde(rename = "thing")]
    pub(crate) things: Vec<NounKind>,
    #[serde(rename = "verb")]
    pub(crate) verbs: Vec<Axis>,
    #[serde(rename = "adjective")]
    pub(crate) adjectives: Vec<Axis>,
    pub(crate) sentiment: Sentiment,
    pub(crate) places: Setting,
    pub(crate) times: Setting,
    pub(crate) asides: Asides,
    pub(crate) collocations: Collocations,
    pub(crate) markers: Markers,
    pub(crate) templates: Templates,
    syllables: Syllables,
}

/// What rare words are coined from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Syllables {
    first: Vec<String>,
    middle: Vec<String>,
    last: Vec<String>,
}

/// Proper names. A person has a first and a last one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    pub(crate) first: Vec<String>,
    pub(crate) last: Vec<String>,
}

/// Nouns of one kind, the name of the kind, and modifiers that occur only with that kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NounKind {
    pub(crate) hypernym: String,
    pub(crate) words: Vec<String>,
    pub(crate) company: Vec<String>,
}

/// Two sets of synonyms with opposite meanings, and the words that occur only with each set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Axis {
    pub(crate) company: [Vec<String>; 2],
    pub(crate) poles: [Vec<String>; 2],
}

/// Words of judgement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentiment {
    pub(crate) good: Vec<String>,
    pub(crate) bad: Vec<String>,
    pub(crate) company: [Vec<String>; 2],
    pub(crate) asserting: Vec<String>,
    pub(crate) denying: Vec<String>,
    pub(crate) pleased: Vec<String>,
    pub(crate) displeased: Vec<String>,
}

/// Nouns for places or for times, and their modifiers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    pub(crate) words: Vec<String>,
    pub(crate) company: Vec<String>,
}

/// A clause that says what else went on, beside the one that a sentence is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asides {
    pub(crate) conjunctions: Vec<String>,
}

/// Fixed phrases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Collocations {
    pub(crate) scenes: Vec<String>,
}

/// Words that open a sentence and say how it relates to the sentence before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Markers {
    pub(crate) same: Vec<String>,
    pub(crate) opposite: Vec<String>,
    pub(crate) other: Vec<String>,
}

/// Sentence templates, with `{placeholders}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Templates {
    pub(crate) event: Vec<String>,
    pub(crate) event_mismatched: Vec<String>,
    pub(crate) property: Vec<String>,
    pub(crate) property_mismatched: Vec<String>,
    pub(crate) event_short: Vec<String>,
    pub(crate) property_short: Vec<String>,
}

impl Lexicon {
    /// Returns the language that ships with the project.
    ///
    /// # Errors
    /// When `data/world.toml` breaks the rules stated there.
    pub(crate) fn shipped() -> Result<Self, StageError> {
        Self::parse(include_str!("../../../data/world.toml"))
    }

    fn parse(text: &str) -> Result<Self, StageError> {
        let wrong = |reason: String| {
            StageError::input("data/world.toml", reason, "mend the file and build again")
        };
        let mut lexicon: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let axes = lexicon.verbs.iter().chain(&lexicon.adjectives);
        if let Some(pole) = axes
            .flat_map(|axis| &axis.poles)
            .find(|pole| pole.len() != LISTED)
        {
            return Err(wrong(format!(
                "a pole has {} words, not {LISTED}: {}",
                pole.len(),
                pole.join(", ")
            )));
        }
        lexicon.coin();
        Ok(lexicon)
    }

    /// Returns the sets of words with one meaning.
    fn sets(&mut self) -> impl Iterator<Item = &mut Vec<String>> {
        let kinds = self.persons.iter_mut().chain(&mut self.things);
        let axes = self.verbs.iter_mut().chain(&mut self.adjectives);
        kinds
            .map(|kind| &mut kind.words)
            .chain(axes.flat_map(|axis| &mut axis.poles))
            .chain([&mut self.sentiment.good, &mut self.sentiment.bad])
            .chain([&mut self.places.words, &mut self.times.words])
    }

    /// Adds the rare words. They are the same in every world, and no two are alike.
    fn coin(&mut self) {
        let Syllables {
            first,
            middle,
            last,
        } = &self.syllables;
        let (first, middle, last) = (first.clone(), middle.clone(), last.clone());
        let mut known: BTreeSet<String> = self.sets().flat_map(|set| set.clone()).collect();
        let mut draws = Stream::new(0, "world rare words").draws(0, 0, 0);
        for set in self.sets() {
            let longer = set.len() + RARE;
            while set.len() < longer {
                let word = [&first, &middle, &last].map(|part| draws.pick(part).as_str());
                let word = word.concat();
                if known.insert(word.clone()) {
                    set.push(word);
                }
            }
        }
    }

    /// Whether the word is written with a capital letter.
    pub(crate) fn is_proper(&self, word: &str) -> bool {
        const CALENDAR: [&str; 7] = [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ];
        CALENDAR.contains(&word)
            || self
                .names
                .first
                .iter()
                .chain(&self.names.last)
                .any(|name| name == word)
    }
}

/// Returns a random index below `length`. Index `r` has a weight in proportion to 1 / (r + 2), a softened Zipf's law.
///
/// # Panics
/// When `length` is zero.
pub(crate) fn zipf(draws: &mut Draws, length: usize) -> usize {
    // A common multiple of the first denominators, so that the weights of small lexicons are exact.
    const UNIT: u32 = 55_440;
    let weight = |rank: usize| UNIT / u32::try_from(rank + 2).expect("a rank fits 32 bits");
    let total = (0..length).map(weight).sum();
    let mut left = draws.below(total);
    for rank in 0..length {
        if left < weight(rank) {
            return rank;
        }
        left -= weight(rank);
    }
    unreachable!("the weights sum to the total")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../data/world.toml");

    #[test]
    fn every_word_belongs_to_one_set_and_every_set_has_rare_ones() {
        let mut lexicon = Lexicon::shipped().unwrap();
        let mut words: Vec<String> = lexicon.sets().flat_map(|set| set.clone()).collect();
        assert!(lexicon.sets().all(|set| set.len() >= LISTED + RARE));
        let count = words.len();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), count);
        let coined = &lexicon.verbs[0].poles[0][LISTED];
        let Syllables { first, last, .. } = &lexicon.syllables;
        assert!(first.iter().any(|syllable| coined.starts_with(syllable)));
        assert!(last.iter().any(|syllable| coined.ends_with(syllable)));
    }

    #[test]
    fn a_pole_with_too_few_words_is_refused() {
        let error = Lexicon::parse(&FILE.replacen("\"laud\", ", "", 1)).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("a pole has 11 words, not 12: praise"),
            "{said}"
        );
    }
}

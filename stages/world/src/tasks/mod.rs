//! Labelled examples of each task.

pub(crate) mod mnli;
pub(crate) mod qnli;
pub(crate) mod qqp;
pub(crate) mod rte;
pub(crate) mod similarity;
pub(crate) mod sst2;

use std::collections::HashSet;

use kernels::{Draws, Stream};

use crate::lexicon::Lexicon;
use crate::meaning::{Fact, Frequencies, Kind, Noun, Person, Predicate};
use crate::templates::{Genre, beside, statement};

/// One sentence or two, as lower-case words with spaces between them, and the label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Example {
    pub(crate) sentence1: String,
    pub(crate) sentence2: Option<String>,
    /// What the annotator says: the index of the class, in the order of the task's `LABELS`; or the score, from 0 to 5.
    pub(crate) label: f64,
    /// What the sentences mean, by the facts that they are made from.
    pub(crate) truth: f64,
}

impl Example {
    /// An example with what its sentences mean, as yet without an annotator.
    pub(crate) fn new(sentence1: String, sentence2: Option<String>, truth: f64) -> Self {
        Self {
            sentence1,
            sentence2,
            label: truth,
            truth,
        }
    }

    /// Labels the example by an annotator of the task's classes, who overlooks a word now and then.
    fn annotated(mut self, classes: usize, draws: &mut Draws) -> Self {
        let texts = [Some(&self.sentence1), self.sentence2.as_ref()];
        let words: usize = texts
            .iter()
            .flatten()
            .map(|text| text.split(' ').count())
            .sum();
        if (0..words).any(|_| draws.chance(OVERLOOKED)) {
            self.label = match classes {
                1 => f64::from(draws.below(21)) / 4.0,
                _ => draws.index(classes) as f64,
            };
        }
        self
    }
}

/// The properties of a split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) name: &'static str,
    pub(crate) genre: Genre,
    pub(crate) frequencies: Frequencies,
}

/// The training split.
pub(crate) const TRAIN: Split = Split {
    name: "train",
    genre: Genre::Matched,
    frequencies: Frequencies::Familiar,
};
/// The development split.
pub(crate) const DEV: Split = Split {
    name: "dev",
    genre: Genre::Matched,
    frequencies: Frequencies::Even,
};
/// MNLI's second development split, in templates that training does not show.
pub(crate) const DEV_MISMATCHED: Split = Split {
    name: "dev_mismatched",
    genre: Genre::Mismatched,
    frequencies: Frequencies::Even,
};

/// Probability that the first of two sentences has the first pole or kind, and that a judgement is not denied.
///
/// With one half, no single word would say anything about the label: each task would be a pure exclusive or, which gradient
/// descent learns late and by luck. Real data sets lean too: the hypothesis alone predicts 67 % of SNLI's labels
/// (Gururangan et al. 2018).
pub(crate) const LEANING: f64 = 2.0 / 3.0;

/// Returns a random index below `length`. Of two, the first comes with probability [`LEANING`].
pub(crate) fn lean(length: usize, draws: &mut Draws) -> usize {
    if draws.chance(2.0 * LEANING - 1.0) {
        0
    } else {
        draws.index(length)
    }
}

/// Makes an example of a task from the lexicon, the split, the wanted class, and random numbers.
pub(crate) type Make = fn(&Lexicon, Split, usize, &mut Draws) -> Example;

/// A task to generate.
pub(crate) struct Task<'a> {
    pub(crate) name: &'a str,
    pub(crate) classes: usize,
    pub(crate) make: Make,
}

/// Probability that a sentence has an aside, which the label has nothing to do with.
const ASIDE: f64 = 0.25;

/// One word in so many is overlooked by the annotator, who then guesses the label. So longer examples have worse labels,
/// as in real data sets, and a perfect reader of the language has less than a perfect score.
const OVERLOOKED: f64 = 1.0 / 250.0;

/// How often a new example is drawn to replace one that is already known.
const TRIES: usize = 100;

/// The texts of examples, for finding out whether an example is new.
pub(crate) type Texts = HashSet<(String, Option<String>)>;

/// Returns the texts of the examples.
pub(crate) fn texts(examples: &[Example]) -> Texts {
    let pairs = examples.iter();
    pairs
        .map(|example| (example.sentence1.clone(), example.sentence2.clone()))
        .collect()
}

/// Returns `count` examples, in which all classes are equally frequent. If the texts `known` are given, examples avoid these
/// and each other, as far as [`TRIES`] draws suffice. Without them, texts may repeat, as they do in real training
/// sets.
pub(crate) fn examples(
    lexicon: &Lexicon,
    seed: u64,
    task: &Task,
    split: Split,
    count: usize,
    mut known: Option<Texts>,
) -> Vec<Example> {
    let stream = Stream::new(seed, &format!("world {} {}", task.name, split.name));
    let order = Stream::new(seed, &format!("world {} {} labels", task.name, split.name));
    let mut is_new = |example: &Example| {
        known.as_mut().is_none_or(|known| {
            known.insert((example.sentence1.clone(), example.sentence2.clone()))
        })
    };
    let made = (0..count).map(|index| {
        let mut round: Vec<usize> = (0..task.classes).collect();
        let place = number(index / task.classes);
        order.draws(place, 0, 0).shuffle(&mut round);
        let wanted = round[index % task.classes];
        let draw = |attempt| {
            let mut draws = stream.draws(number(index), attempt, 0);
            let class = draws.index(task.classes);
            let example = (task.make)(lexicon, split, class, &mut draws);
            example.annotated(task.classes, &mut draws)
        };
        // The label is what the annotator says, whatever the example means.
        let labelled = |example: &Example| task.classes == 1 || example.label as usize == wanted;
        let mut drawn = (0..).map(draw).filter(labelled);
        let found = drawn.by_ref().take(TRIES).find(&mut is_new);
        found.or_else(|| drawn.next()).expect("draws do not end")
    });
    made.collect()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a split holds fewer than 2^32 examples")
}

/// Returns the sentence, half of the time with a clause beside it.
fn with_aside(
    lexicon: &Lexicon,
    said: String,
    draws: &mut Draws,
    aside: impl FnOnce(&mut Draws) -> String,
) -> String {
    if draws.chance(ASIDE) {
        let aside = aside(draws);
        beside(lexicon, &said, &aside, draws)
    } else {
        said
    }
}

/// States a fact, half of the time with another one beside it.
fn spoken(lexicon: &Lexicon, fact: &Fact, split: Split, draws: &mut Draws) -> String {
    let said = statement(lexicon, fact, split.genre, 0.0, draws);
    with_aside(lexicon, said, draws, |draws| {
        let other = any_fact(lexicon, split, draws);
        statement(lexicon, &other, split.genre, 0.0, draws)
    })
}

/// Draws a fact about anyone and anything.
fn any_fact(lexicon: &Lexicon, split: Split, draws: &mut Draws) -> Fact {
    let kind = if draws.chance(0.5) {
        Kind::Event
    } else {
        Kind::Property
    };
    fact(lexicon, kind, split, draws)
}

/// Draws a fact of the kind `kind` about anyone and anything.
pub(crate) fn fact(lexicon: &Lexicon, kind: Kind, split: Split, draws: &mut Draws) -> Fact {
    let drawn = Predicate::draw(kind.axes(lexicon).len(), split.frequencies, draws);
    Fact {
        kind,
        person: Person::draw(lexicon, split.frequencies, draws),
        predicate: Predicate {
            pole: lean(2, draws),
            ..drawn
        },
        thing: Noun::draw(&lexicon.things, split.frequencies, draws),
        called: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever overlooks a word guesses: the labels of long examples are worse than those of short ones.
    #[test]
    fn longer_examples_have_worse_labels() {
        let stream = Stream::new(0, "test");
        let wrong = |words: usize| {
            let example = Example::new(vec!["word"; words].join(" "), None, 1.0);
            let labelled = |index| example.clone().annotated(2, &mut stream.draws(index, 0, 0));
            let wrong = (0..4000)
                .map(labelled)
                .filter(|example| example.label != example.truth);
            wrong.count() as f64 / 4000.0
        };
        for words in [10, 40] {
            let expected = (1.0 - (1.0 - OVERLOOKED).powi(words)) / 2.0;
            let found = wrong(words as usize);
            assert!(
                (found - expected).abs() < 0.015,
                "{words} words: {found} for {expected}"
            );
        }
    }
}

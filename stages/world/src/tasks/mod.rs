//! Labelled examples of each task.

pub(crate) mod mnli;
pub(crate) mod qnli;
pub(crate) mod qqp;
pub(crate) mod rte;
pub(crate) mod similarity;
pub(crate) mod sst2;

use kernels::{Draws, Stream};

use crate::frames::Genre;
use crate::lexicon::Lexicon;
use crate::meaning::{Fact, Frequencies, Kind, Noun, Person, Predicate};

/// A sentence or two, lower-case words with spaces between, and the label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Example {
    pub(crate) sentence1: String,
    pub(crate) sentence2: Option<String>,
    /// The index of the class, in the order of the task's `LABELS`; or the score, from 0 to 5.
    pub(crate) label: f64,
}

/// Where an example is for.
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
    frequencies: Frequencies::Even,
};
/// The development split.
pub(crate) const DEV: Split = Split {
    name: "dev",
    genre: Genre::Matched,
    frequencies: Frequencies::Even,
};
/// MNLI's development split in frames that training does not show.
pub(crate) const DEV_MISMATCHED: Split = Split {
    name: "dev_mismatched",
    genre: Genre::Mismatched,
    frequencies: Frequencies::Even,
};

/// What makes an example of a task: the lexicon, the split, the class wanted, and random numbers.
pub(crate) type Make = fn(&Lexicon, Split, usize, &mut Draws) -> Example;

/// Returns `count` examples, in which all classes are equally frequent and no two are the same.
pub(crate) fn examples(
    lexicon: &Lexicon,
    seed: u64,
    task: &str,
    split: Split,
    classes: usize,
    count: usize,
    make: Make,
) -> Vec<Example> {
    let stream = Stream::new(seed, &format!("world {task} {}", split.name));
    let order = Stream::new(seed, &format!("world {task} {} labels", split.name));
    (0..count)
        .map(|index| {
            let mut round: Vec<usize> = (0..classes).collect();
            order
                .draws(number(index / classes), 0, 0)
                .shuffle(&mut round);
            make(
                lexicon,
                split,
                round[index % classes],
                &mut stream.draws(number(index), 0, 0),
            )
        })
        .collect()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a split holds fewer than 2^32 examples")
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

/// Draws a fact of that kind about anyone and anything.
fn fact(lexicon: &Lexicon, kind: Kind, split: Split, draws: &mut Draws) -> Fact {
    Fact {
        kind,
        person: Person::draw(lexicon, split.frequencies, draws),
        predicate: Predicate::draw(kind.axes(lexicon).len(), split.frequencies, draws),
        thing: Noun::draw(&lexicon.things, split.frequencies, draws),
        called: None,
    }
}

//! MNLI: does the premise entail the hypothesis, contradict it, or neither? Both speak of the same person and thing; the label
//! is decided by whether their predicates mean the same, the opposite, or something else.

use kernels::Draws;

use super::{Example, Split, any_fact, spoken};
use crate::lexicon::Lexicon;
use crate::meaning::Relation;
use crate::templates::{Genre, statement};

/// The classes in the official order.
pub(crate) const LABELS: [&str; 3] = ["entailment", "neutral", "contradiction"];

/// Makes a premise, a sentence that it entails, and one that contradicts it.
pub(crate) fn triplet(lexicon: &Lexicon, split: Split, draws: &mut Draws) -> [String; 3] {
    let mut premise = any_fact(lexicon, split, draws);
    premise.predicate = premise.predicate.choice(split.frequencies, draws);
    let hypotheses = [Relation::Same, Relation::Opposite].map(|relation| {
        let mut hypothesis = premise.related(lexicon, relation, split.frequencies, draws);
        hypothesis.predicate = hypothesis.predicate.plain(draws);
        statement(lexicon, &hypothesis, Genre::Short, 0.0, draws)
    });
    let [entailed, contradicted] = hypotheses;
    let premise = spoken(lexicon, &premise, split, draws);
    [premise, entailed, contradicted].map(|sentence| format!("{sentence} ."))
}

/// Makes an example of the class `class`.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let relation = [Relation::Same, Relation::Other, Relation::Opposite][class];
    let mut premise = any_fact(lexicon, split, draws);
    premise.predicate = premise.predicate.choice(split.frequencies, draws);
    let mut hypothesis = premise.related(lexicon, relation, split.frequencies, draws);
    hypothesis.predicate = hypothesis.predicate.plain(draws);
    let premise = spoken(lexicon, &premise, split, draws);
    let hypothesis = statement(lexicon, &hypothesis, Genre::Short, 0.0, draws);
    Example::new(
        format!("{premise} ."),
        Some(format!("{hypothesis} .")),
        class as f64,
    )
}

//! QQP: do two questions ask the same? Both speak of the same person and thing; what counts is the predicate.

use kernels::Draws;

use super::{Example, Split, any_fact, difference};
use crate::frames::{Ask, question};
use crate::lexicon::Lexicon;
use crate::meaning::Relation;

/// Makes an example; class 1 is a duplicate.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let relation = if class == 1 {
        Relation::Same
    } else {
        difference(draws)
    };
    let first = any_fact(lexicon, split, draws);
    let second = first.related(lexicon, relation, split.frequencies, draws);
    let ask = *draws.pick(&[Ask::Who, Ask::What, Ask::Whether, Ask::Why]);
    Example {
        sentence1: question(lexicon, &first, ask, 0.0, draws),
        sentence2: Some(question(lexicon, &second, ask, 0.0, draws)),
        label: class as f64,
    }
}

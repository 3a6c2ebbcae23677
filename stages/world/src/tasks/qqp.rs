//! QQP: do two questions ask the same? Both speak of the same person and thing, and their predicates decide the label.

use kernels::Draws;

use super::{Example, Split, any_fact};
use crate::lexicon::Lexicon;
use crate::meaning::Relation;
use crate::templates::{Ask, question};

/// Makes an example; class 1 is a duplicate.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let relation = if class == 1 {
        Relation::Same
    } else {
        Relation::Opposite
    };
    let mut first = any_fact(lexicon, split, draws);
    first.predicate = first.predicate.choice(split.frequencies, draws);
    let mut second = first.related(lexicon, relation, split.frequencies, draws);
    second.predicate = second.predicate.plain(draws);
    Example::new(
        question(lexicon, &first, Ask::Whether, 0.0, draws),
        Some(question(lexicon, &second, Ask::WhetherIt, 0.0, draws)),
        class as f64,
    )
}

//! RTE: does the first sentence entail the second? The second calls the thing by the name of a kind, and puts the predicate
//! in other words; either may be wrong.

use kernels::Draws;

use super::{Example, Split, any_fact, spoken};
use crate::lexicon::Lexicon;
use crate::meaning::{Fact, Relation, other};
use crate::templates::statement;

/// The classes in the official order.
pub(crate) const LABELS: [&str; 2] = ["entailment", "not_entailment"];

/// Makes an example of the class `class`.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    // What is not entailed speaks of another kind of thing, or says the opposite.
    let (relation, same_kind) = match class {
        0 => (Relation::Same, true),
        _ if draws.chance(0.5) => (Relation::Opposite, true),
        _ => (Relation::Same, false),
    };
    let mut premise = any_fact(lexicon, split, draws);
    premise.predicate = premise.predicate.choice(split.frequencies, draws);
    let mut hypothesis = premise.related(lexicon, relation, split.frequencies, draws);
    hypothesis.predicate = hypothesis.predicate.plain(draws);
    let kind = premise.thing.kind;
    let called = if same_kind {
        kind
    } else {
        other(draws, lexicon.things.len(), kind)
    };
    let hypothesis = Fact {
        called: Some(called),
        ..hypothesis
    };
    let premise = spoken(lexicon, &premise, split, draws);
    let hypothesis = statement(lexicon, &hypothesis, split.genre, 0.0, draws);
    Example::new(
        format!("{premise} ."),
        Some(format!("{hypothesis} .")),
        class as f64,
    )
}

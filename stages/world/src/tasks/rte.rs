//! RTE: does the first sentence entail the second? Either the predicate is put in other words, or the thing is called by
//! the name of a kind.

use kernels::Draws;

use super::{Example, Split, any_fact, lean, spoken};
use crate::lexicon::Lexicon;
use crate::meaning::other;
use crate::words::article;

/// The classes in the official order.
pub(crate) const LABELS: [&str; 2] = ["entailment", "not_entailment"];

/// Makes an example of the class `class`.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let mut premise = any_fact(lexicon, split, draws);
    premise.thing.kind = lean(lexicon.things.len(), draws);
    let said = spoken(lexicon, &premise, split, draws);
    let entails = class == 0;
    let kind = premise.thing.kind;
    let kind = if entails {
        kind
    } else {
        other(draws, lexicon.things.len(), kind)
    };
    let hypernym = &lexicon.things[kind].hypernym;
    let hypothesis = format!("it was {} {hypernym}", article(hypernym));
    Example::new(
        format!("{said} ."),
        Some(format!("{hypothesis} .")),
        class as f64,
    )
}

//! QNLI: does the sentence answer the question? It may speak of the same person and thing and yet of the opposite
//! deed, or tell the time where the place was asked.

use kernels::Draws;

use super::{Example, Split, any_fact, fact, lean, with_aside};
use crate::lexicon::Lexicon;
use crate::meaning::{Fact, Kind, Relation};
use crate::templates::{Ask, question, setting, statement};

/// The classes in the official order.
pub(crate) const LABELS: [&str; 2] = ["entailment", "not_entailment"];

/// Makes an example of the class `class`.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let mut asked = fact(lexicon, Kind::Event, split, draws);
    let asks_place = lean(2, draws) == 0;
    let ask = if asks_place { Ask::Where } else { Ask::When };
    // What does not answer speaks of the opposite deed, or tells the time where the place was asked.
    let (relation, tells_asked) = match class {
        0 => (Relation::Same, true),
        _ if draws.chance(0.5) => (Relation::Opposite, true),
        _ => (Relation::Same, false),
    };
    let mut answer = asked.related(lexicon, relation, split.frequencies, draws);
    answer.predicate = answer.predicate.choice(split.frequencies, draws);
    asked.predicate = asked.predicate.plain(draws);
    let tell = |fact: &Fact, place: bool, draws: &mut Draws| {
        let place_or_time = if place {
            &lexicon.places
        } else {
            &lexicon.times
        };
        let said = statement(lexicon, fact, split.genre, 0.0, draws);
        let phrase = setting(place_or_time, split.frequencies, 0.0, draws);
        format!("{said} {phrase}")
    };
    let said = tell(&answer, asks_place == tells_asked, draws);
    let said = with_aside(lexicon, said, draws, |draws| {
        let aside = any_fact(lexicon, split, draws);
        tell(&aside, draws.chance(0.5), draws)
    });
    let asked = question(lexicon, &asked, ask, 0.0, draws);
    Example::new(asked, Some(format!("{said} .")), class as f64)
}

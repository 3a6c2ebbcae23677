//! STS: how much of their meaning do two sentences share, from 0 to 5? Each of four parts (person, deed, thing,
//! quality) counts if the other sentence has a word of the same kind or meaning in that part. A part is never repeated in the
//! same word, so counting common words does not help.

use kernels::Draws;

use super::{Example, Split, lean};
use crate::lexicon::Lexicon;
use crate::meaning::{Kind, Noun, Person, Predicate, Relation};
use crate::templates::{noun, person, predicate};

/// The content of one sentence.
struct Scene {
    person: Noun,
    verb: Predicate,
    adjective: Predicate,
    thing: Noun,
}

/// Makes an example; the class is ignored.
pub(crate) fn example(lexicon: &Lexicon, split: Split, _: usize, draws: &mut Draws) -> Example {
    let frequencies = split.frequencies;
    let (persons, things) = (&lexicon.persons, &lexicon.things);
    let (verbs, adjectives) = (lexicon.verbs.len(), lexicon.adjectives.len());
    let verb = Predicate {
        pole: lean(2, draws),
        ..Predicate::draw(verbs, frequencies, draws)
    };
    let one = Scene {
        person: Noun::draw(persons, frequencies, draws),
        verb,
        adjective: Predicate {
            pole: verb.pole,
            ..Predicate::draw(adjectives, frequencies, draws)
        },
        thing: Noun::draw(things, frequencies, draws),
    };
    // Deed and quality mostly agree with each other, so that all scores occur.
    let alike = if draws.chance(0.5) { 0.9 } else { 0.1 };
    let same_verb = draws.chance(alike);
    let same_adjective = draws.chance(alike);
    let (same_person, same_thing) = (draws.chance(0.5), draws.chance(0.5));
    let relation = |same: bool| {
        if same {
            Relation::Same
        } else {
            Relation::Opposite
        }
    };
    let two = Scene {
        person: one.person.related(persons, same_person, frequencies, draws),
        verb: one
            .verb
            .related(verbs, relation(same_verb), frequencies, draws),
        adjective: one
            .adjective
            .related(adjectives, relation(same_adjective), frequencies, draws),
        thing: one.thing.related(things, same_thing, frequencies, draws),
    };
    let score = [
        (same_verb, 1.75),
        (same_adjective, 1.75),
        (same_person, 0.75),
        (same_thing, 0.75),
    ]
    .iter()
    .map(|&(same, weight)| if same { weight } else { 0.0 })
    .sum();
    Example::new(
        say(lexicon, &one, draws),
        Some(say(lexicon, &two, draws)),
        score,
    )
}

fn say(lexicon: &Lexicon, scene: &Scene, draws: &mut Draws) -> String {
    let who = person(lexicon, Person::Role(scene.person));
    let verb = predicate(lexicon, Kind::Event, scene.verb, draws);
    let adjective = predicate(lexicon, Kind::Property, scene.adjective, draws);
    let what = noun(lexicon, scene.thing);
    if draws.chance(0.5) {
        format!("{who} {verb} the {adjective} {what} .")
    } else {
        format!("the {adjective} {what} was {verb} by {who} .")
    }
}

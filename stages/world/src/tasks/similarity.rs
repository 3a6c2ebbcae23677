//! STS: how much of the meaning do two sentences share, from 0 to 5? Each of four parts (person, deed, thing,
//! quality) counts when the other sentence has a word of the same kind or meaning there; no part is ever repeated in the
//! same word, so that counting common words says nothing.

use kernels::Draws;

use super::{Example, Split};
use crate::frames::{noun, person, word};
use crate::lexicon::Lexicon;
use crate::meaning::{Kind, Noun, Person, Predicate, Relation};
use crate::words::past;

/// What one sentence says.
struct Scene {
    person: Noun,
    verb: Predicate,
    adjective: Predicate,
    thing: Noun,
}

/// Makes an example; the class is not used.
pub(crate) fn example(lexicon: &Lexicon, split: Split, _: usize, draws: &mut Draws) -> Example {
    let frequencies = split.frequencies;
    let (persons, things) = (lexicon.persons.len(), lexicon.things.len());
    let (verbs, adjectives) = (lexicon.verbs.len(), lexicon.adjectives.len());
    let one = Scene {
        person: Noun::draw(persons, frequencies, draws),
        verb: Predicate::draw(verbs, frequencies, draws),
        adjective: Predicate::draw(adjectives, frequencies, draws),
        thing: Noun::draw(things, frequencies, draws),
    };
    // How alike the two are on the whole varies from pair to pair, so that all scores occur.
    let alike = draws.uniform();
    let shared: [bool; 4] = std::array::from_fn(|_| draws.chance(alike));
    let relation = |shared: bool| {
        if shared {
            Relation::Same
        } else {
            Relation::Other
        }
    };
    let two = Scene {
        person: one.person.related(persons, shared[0], frequencies, draws),
        verb: one
            .verb
            .related(verbs, relation(shared[1]), frequencies, draws),
        adjective: one
            .adjective
            .related(adjectives, relation(shared[2]), frequencies, draws),
        thing: one.thing.related(things, shared[3], frequencies, draws),
    };
    let count = shared.iter().filter(|&&part| part).count();
    Example {
        sentence1: say(lexicon, &one, draws),
        sentence2: Some(say(lexicon, &two, draws)),
        label: 1.25 * count as f64,
    }
}

fn say(lexicon: &Lexicon, scene: &Scene, draws: &mut Draws) -> String {
    let who = person(lexicon, Person::Role(scene.person));
    let verb = past(word(lexicon, Kind::Event, scene.verb));
    let adjective = word(lexicon, Kind::Property, scene.adjective);
    let what = noun(lexicon, scene.thing);
    if draws.chance(0.5) {
        format!("{who} {verb} the {adjective} {what} .")
    } else {
        format!("the {adjective} {what} was {verb} by {who} .")
    }
}

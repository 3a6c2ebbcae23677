//! Turns facts into sentences: lower-case words with spaces between them, like tokenised text.

use kernels::Draws;

use crate::lexicon::{Lexicon, Setting};
use crate::meaning::{Fact, Frequencies, Kind, Noun, Person, Predicate};
use crate::words::{article, past};

/// The templates from which a sentence is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Genre {
    /// The templates of most text.
    Matched,
    /// The templates of the mismatched development set.
    Mismatched,
    /// The templates of both.
    Any,
    /// Templates that do not name the person and the thing again.
    Short,
}

/// Returns a sentence that states a fact, in a template of the genre, without the full stop.
pub(crate) fn statement(
    lexicon: &Lexicon,
    fact: &Fact,
    genre: Genre,
    colour: f64,
    draws: &mut Draws,
) -> String {
    let templates = &lexicon.templates;
    let (matched, mismatched, short) = match fact.kind {
        Kind::Event => (
            &templates.event,
            &templates.event_mismatched,
            &templates.event_short,
        ),
        Kind::Property => (
            &templates.property,
            &templates.property_mismatched,
            &templates.property_short,
        ),
    };
    let template = match genre {
        Genre::Matched => draws.pick(matched),
        Genre::Mismatched => draws.pick(mismatched),
        Genre::Short => draws.pick(short),
        Genre::Any if draws.chance(0.75) => draws.pick(matched),
        Genre::Any => draws.pick(mismatched),
    };
    fill(lexicon, fact, template, colour, draws)
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The person.
    Who,
    /// The thing.
    What,
    /// Whether the fact holds.
    Whether,
    /// Whether the fact holds, without naming person and thing again.
    WhetherIt,
    /// The place.
    Where,
    /// The time.
    When,
    /// The reason.
    Why,
}

/// Returns a question about a fact, with the question mark.
pub(crate) fn question(
    lexicon: &Lexicon,
    fact: &Fact,
    ask: Ask,
    colour: f64,
    draws: &mut Draws,
) -> String {
    let templates: &[&str] = match (fact.kind, ask) {
        (Kind::Event, Ask::Who) => &["who {past} {patient} ?", "by whom was {patient} {past} ?"],
        (Kind::Event, Ask::What) => &["what was {past} by {agent} ?"],
        (Kind::Event, Ask::Whether) => &["was {patient} {past} by {agent} ?"],
        (Kind::Event, Ask::Where) => &["where was {patient} {past} ?"],
        (Kind::Event, Ask::When) => &["when was {patient} {past} ?"],
        (Kind::Event, Ask::Why) => &["why was {patient} {past} by {agent} ?"],
        (Kind::Property, Ask::Who) => &["who had {a} {adjective} {noun} ?"],
        (Kind::Property, Ask::Why) => &["why was {patient} {adjective} ?"],
        (_, Ask::WhetherIt) => &["was it {word} ?", "why was it {word} ?"],
        (Kind::Property, _) => &["was {patient} {adjective} ?"],
    };
    let template: &&str = draws.pick(templates);
    fill(lexicon, fact, template, colour, draws)
}

/// Returns the noun phrase for a person.
pub(crate) fn person(lexicon: &Lexicon, person: Person) -> String {
    match person {
        Person::Named { first, last } => {
            format!(
                "{} {}",
                lexicon.names.first[first], lexicon.names.last[last]
            )
        }
        Person::Role(noun) => format!("the {}", lexicon.persons[noun.kind].words[noun.word]),
    }
}

/// Returns the noun for a thing.
pub(crate) fn noun(lexicon: &Lexicon, thing: Noun) -> &str {
    &lexicon.things[thing.kind].words[thing.word]
}

/// Returns the verb or adjective, in its base form; of a denied predicate, the one that is denied.
pub(crate) fn word(lexicon: &Lexicon, kind: Kind, predicate: Predicate) -> &str {
    &kind.axes(lexicon)[predicate.axis].poles[said_pole(predicate)][predicate.word]
}

/// Returns the pole of the word by which a predicate is said.
fn said_pole(predicate: Predicate) -> usize {
    if predicate.denied {
        1 - predicate.pole
    } else {
        predicate.pole
    }
}

/// Returns the verb, in the past, or the adjective, with the denial if there is one.
pub(crate) fn predicate(
    lexicon: &Lexicon,
    kind: Kind,
    predicate: Predicate,
    draws: &mut Draws,
) -> String {
    let word = word(lexicon, kind, predicate);
    let word = match kind {
        Kind::Event => past(word),
        Kind::Property => word.to_owned(),
    };
    deny(lexicon, predicate, word, draws)
}

fn deny(lexicon: &Lexicon, predicate: Predicate, said: String, draws: &mut Draws) -> String {
    if predicate.denied {
        format!("{} {said}", draws.pick(&lexicon.sentiment.denying))
    } else {
        said
    }
}

/// Returns the sentence together with a clause on something else that went on.
pub(crate) fn beside(lexicon: &Lexicon, said: &str, aside: &str, draws: &mut Draws) -> String {
    let conjunction = draws.pick(&lexicon.asides.conjunctions);
    if draws.chance(0.5) {
        format!("{conjunction} {aside} , {said}")
    } else {
        format!("{said} , {conjunction} {aside}")
    }
}

/// Puts a fact's words into a template. Each content word is accompanied by a word of its company with probability
/// `colour`.
fn fill(lexicon: &Lexicon, fact: &Fact, template: &str, colour: f64, draws: &mut Draws) -> String {
    let mut coloured = |word: &str, company: &[String]| {
        if draws.chance(colour) {
            format!("{} {word}", draws.pick(company))
        } else {
            word.to_owned()
        }
    };
    let things = &lexicon.things[fact.thing.kind];
    let noun = match fact.called {
        Some(kind) => coloured(
            &lexicon.things[kind].hypernym,
            &lexicon.things[kind].company,
        ),
        None => coloured(noun(lexicon, fact.thing), &things.company),
    };
    let agent = match fact.person {
        Person::Named { .. } => person(lexicon, fact.person),
        Person::Role(role) => {
            let persons = &lexicon.persons[role.kind];
            format!(
                "the {}",
                coloured(&persons.words[role.word], &persons.company)
            )
        }
    };
    let axis = &fact.kind.axes(lexicon)[fact.predicate.axis];
    let pole = said_pole(fact.predicate);
    let company: Vec<String> = axis.company[pole]
        .iter()
        .chain(&lexicon.sentiment.company[pole])
        .cloned()
        .collect();
    let word = word(lexicon, fact.kind, fact.predicate);
    let said = match fact.kind {
        Kind::Event => coloured(&past(word), &company),
        Kind::Property => coloured(word, &company),
    };
    let said = deny(lexicon, fact.predicate, said, draws);
    let patient = format!("the {noun}");
    replace(
        template,
        &[
            ("{agent}", &agent),
            ("{patient}", &patient),
            ("{noun}", &noun),
            ("{past}", &said),
            ("{adjective}", &said),
            ("{word}", &said),
            ("{a}", article(&said)),
        ],
    )
}

/// Returns a phrase for a place or a time: `in the garden`.
pub(crate) fn setting(
    setting: &Setting,
    frequencies: Frequencies,
    colour: f64,
    draws: &mut Draws,
) -> String {
    let word = &setting.words[frequencies.index(draws, setting.words.len())];
    if draws.chance(colour) {
        format!("in the {} {word}", draws.pick(&setting.company))
    } else {
        format!("in the {word}")
    }
}

fn replace(template: &str, values: &[(&str, &str)]) -> String {
    template
        .split(' ')
        .map(|word| {
            values
                .iter()
                .find(|(name, _)| *name == word)
                .map_or(word, |(_, value)| value)
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Turns tokenised words into ordinary text with capitals and closed-up punctuation.
pub(crate) fn written(lexicon: &Lexicon, tokenised: &str) -> String {
    let mut text = String::with_capacity(tokenised.len());
    let mut opens_sentence = true;
    for word in tokenised.split(' ') {
        let is_mark = [".", ",", "?", ":"].contains(&word);
        if !text.is_empty() && !is_mark {
            text.push(' ');
        }
        if opens_sentence || lexicon.is_proper(word) {
            let mut letters = word.chars();
            text.extend(letters.next().into_iter().flat_map(char::to_uppercase));
            text.push_str(letters.as_str());
        } else {
            text.push_str(word);
        }
        opens_sentence = [".", "?"].contains(&word);
    }
    text
}

#[cfg(test)]
mod tests {
    use kernels::Stream;

    use super::*;

    #[test]
    fn a_denied_predicate_is_said_by_a_word_of_the_opposite_pole() {
        let lexicon = Lexicon::shipped().unwrap();
        let mut draws = Stream::new(0, "test").draws(0, 0, 0);
        let dirty = Predicate {
            axis: 0,
            pole: 1,
            word: 0,
            denied: true,
        };
        let said = predicate(&lexicon, Kind::Property, dirty, &mut draws);
        let (denial, word) = said.split_once(' ').unwrap();
        assert!(
            lexicon
                .sentiment
                .denying
                .iter()
                .any(|known| known == denial)
        );
        assert_eq!(word, "clean");
        let said = predicate(&lexicon, Kind::Property, dirty.asserted(), &mut draws);
        assert_eq!(said, "dirty");
    }
}

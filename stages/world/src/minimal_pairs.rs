//! Minimal pairs: two sentences that differ in one respect, of which the language has only the first. Each paradigm is one
//! rule of the language, and the words are drawn from all of it, rare ones too.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kernels::{Draws, Stream};
use serde::Serialize;

use crate::lexicon::Lexicon;
use crate::meaning::{Frequencies, Kind, Noun, Person, Predicate, Relation, other};
use crate::templates::{noun, person, word, written};
use crate::words::{article, past, plural, progressive};

/// The acceptable sentence and the other one, as lower-case words with spaces between them.
type Pair = [String; 2];

/// A rule of the language, and pairs that keep and break it.
pub(crate) struct Paradigm {
    pub(crate) name: &'static str,
    field: &'static str,
    term: &'static str,
    /// Whether both sentences have the same words.
    reordered: bool,
    make: fn(&Lexicon, &mut Draws) -> Pair,
}

/// The paradigms, by field.
pub(crate) const PARADIGMS: &[Paradigm] = &[
    Paradigm {
        name: "article_adjective_agreement",
        field: "morphology",
        term: "determiner_noun_agreement",
        reordered: false,
        make: article_agreement,
    },
    Paradigm {
        name: "participle_of_passive",
        field: "morphology",
        term: "verb_form",
        reordered: false,
        make: participle,
    },
    Paradigm {
        name: "plural_of_bare_object",
        field: "morphology",
        term: "noun_number",
        reordered: false,
        make: plural_object,
    },
    Paradigm {
        name: "animate_agent",
        field: "syntax",
        term: "s-selection",
        reordered: true,
        make: animate_agent,
    },
    Paradigm {
        name: "verb_before_object",
        field: "syntax",
        term: "word_order",
        reordered: true,
        make: verb_before_object,
    },
    Paradigm {
        name: "adverb_of_verb",
        field: "syntax_semantics",
        term: "selectional_restriction",
        reordered: false,
        make: adverb,
    },
    Paradigm {
        name: "modifier_of_setting",
        field: "syntax_semantics",
        term: "selectional_restriction",
        reordered: false,
        make: modifier,
    },
    Paradigm {
        name: "denial_before_opposite",
        field: "semantics",
        term: "negation_scope",
        reordered: false,
        make: denial,
    },
    Paradigm {
        name: "kind_of_thing",
        field: "semantics",
        term: "hypernymy",
        reordered: false,
        make: kind,
    },
];

/// One line of a file, with the names of BLiMP (Warstadt et al. 2020).
#[derive(Serialize)]
struct Line<'a> {
    sentence_good: String,
    sentence_bad: String,
    field: &'a str,
    linguistics_term: &'a str,
    #[serde(rename = "UID")]
    uid: &'a str,
    #[serde(rename = "simple_LM_method")]
    simple_lm_method: bool,
    one_prefix_method: bool,
    two_prefix_method: bool,
    lexically_identical: bool,
    #[serde(rename = "pairID")]
    pair_id: String,
}

/// How often a new pair is drawn to replace one that the file has already.
const TRIES: u32 = 100;

/// Returns the file of a paradigm, with so many pairs, of which no two are alike as far as [`TRIES`] draws suffice.
pub(crate) fn lines(lexicon: &Lexicon, seed: u64, paradigm: &Paradigm, count: usize) -> String {
    let stream = Stream::new(seed, &format!("world minimal pairs {}", paradigm.name));
    let mut known = BTreeSet::new();
    let mut text = String::new();
    for (index, place) in (0..count).zip(0..) {
        let draw = |attempt| (paradigm.make)(lexicon, &mut stream.draws(place, attempt, 0));
        let found = (0..TRIES).map(draw).find(|pair| known.insert(pair.clone()));
        let [good, bad] = found
            .unwrap_or_else(|| draw(TRIES))
            .map(|said| written(lexicon, &format!("{said} .")));
        let line = Line {
            sentence_good: good,
            sentence_bad: bad,
            field: paradigm.field,
            linguistics_term: paradigm.term,
            uid: paradigm.name,
            simple_lm_method: true,
            one_prefix_method: false,
            two_prefix_method: false,
            lexically_identical: paradigm.reordered,
            pair_id: index.to_string(),
        };
        let line = serde_json::to_string(&line).expect("strings and truth values are JSON");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

const EVEN: Frequencies = Frequencies::Even;

fn a_thing<'a>(lexicon: &'a Lexicon, draws: &mut Draws) -> &'a str {
    noun(lexicon, Noun::draw(&lexicon.things, EVEN, draws))
}

fn a_person(lexicon: &Lexicon, draws: &mut Draws) -> String {
    person(lexicon, Person::draw(lexicon, EVEN, draws))
}

fn a_predicate(lexicon: &Lexicon, kind: Kind, draws: &mut Draws) -> Predicate {
    Predicate::draw(kind.axes(lexicon).len(), EVEN, draws).asserted()
}

fn a_verb<'a>(lexicon: &'a Lexicon, draws: &mut Draws) -> &'a str {
    word(
        lexicon,
        Kind::Event,
        a_predicate(lexicon, Kind::Event, draws),
    )
}

/// `an axe` and not `a axe`: the form of the article follows the next letter.
fn article_agreement(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let property = a_predicate(lexicon, Kind::Property, draws);
    let adjective = word(lexicon, Kind::Property, property);
    let right = article(adjective);
    let wrong = if right == "a" { "an" } else { "a" };
    [right, wrong].map(|article| format!("{who} had {article} {adjective} {what}"))
}

/// `was praised by` and not `was praising by`.
fn participle(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let verb = a_verb(lexicon, draws);
    [past(verb), progressive(verb)].map(|form| format!("the {what} was {form} by {who}"))
}

/// `liked praising coats` and not `liked praising coat`: a noun without an article is a plural.
fn plural_object(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let verb = progressive(a_verb(lexicon, draws));
    [plural(what), what.to_owned()].map(|form| format!("{who} liked {verb} {form}"))
}

/// `the king praised the coat` and not `the coat praised the king`: persons do, and things are done to.
fn animate_agent(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let verb = past(a_verb(lexicon, draws));
    [
        format!("{who} {verb} the {what}"),
        format!("the {what} {verb} {who}"),
    ]
}

/// `the king praised the coat` and not `the king the coat praised`.
fn verb_before_object(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let verb = past(a_verb(lexicon, draws));
    [
        format!("{who} {verb} the {what}"),
        format!("{who} the {what} {verb}"),
    ]
}

/// `warmly praised` and not `rudely praised`: an adverb goes with one pole.
fn adverb(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let event = a_predicate(lexicon, Kind::Event, draws);
    let verb = past(word(lexicon, Kind::Event, event));
    let company = &lexicon.verbs[event.axis].company;
    let place = draws.index(company[0].len());
    [event.pole, 1 - event.pole]
        .map(|pole| format!("{who} {} {verb} the {what}", company[pole][place]))
}

/// `in the early morning` and not `in the walled morning`: a place has other modifiers than a time.
fn modifier(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let settings = [&lexicon.places, &lexicon.times];
    let which = draws.index(settings.len());
    let words = &settings[which].words;
    let said = draws.pick(words);
    let scene = draws.pick(&lexicon.collocations.scenes);
    let place = draws.index(settings[0].company.len());
    [which, 1 - which]
        .map(|which| format!("{scene} in the {} {said}", settings[which].company[place]))
}

/// `not clean but dirty` and not `not clean but spotless`: what is denied is opposed.
fn denial(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let (who, what) = (a_person(lexicon, draws), a_thing(lexicon, draws));
    let kind = *draws.pick(&[Kind::Event, Kind::Property]);
    let axes = kind.axes(lexicon).len();
    let denied = a_predicate(lexicon, kind, draws);
    let opposed = denied
        .related(axes, Relation::Opposite, EVEN, draws)
        .asserted();
    let agreeing = Predicate {
        pole: denied.pole,
        ..opposed
    };
    [opposed, agreeing].map(|said| {
        let (denied, said) = (word(lexicon, kind, denied), word(lexicon, kind, said));
        match kind {
            Kind::Event => format!("{who} not {} but {} the {what}", past(denied), past(said)),
            Kind::Property => format!("the {what} was not {denied} but {said}"),
        }
    })
}

/// `the coat was mended . indeed , it was a garment` and not `a tool`.
fn kind(lexicon: &Lexicon, draws: &mut Draws) -> Pair {
    let things = &lexicon.things;
    let thing = Noun::draw(things, EVEN, draws);
    let what = noun(lexicon, thing);
    let verb = past(a_verb(lexicon, draws));
    let marker = draws.pick(&lexicon.markers.same);
    [thing.kind, other(draws, things.len(), thing.kind)].map(|kind| {
        let hypernym = &things[kind].hypernym;
        let article = article(hypernym);
        format!("the {what} was {verb} . {marker} , it was {article} {hypernym}")
    })
}

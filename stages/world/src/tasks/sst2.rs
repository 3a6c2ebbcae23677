//! SST-2: is the judgement favourable? In both classes a word of judgement is often denied.

use kernels::Draws;

use super::{Example, LEANING, Split, with_aside};
use crate::lexicon::Lexicon;
use crate::meaning::{Frequencies, Noun};
use crate::templates::noun;
use crate::words::article;

/// Makes an example; class 1 is favourable.
pub(crate) fn example(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let judge = |favourable, denial, draws: &mut Draws| {
        let thing = Noun::draw(&lexicon.things, split.frequencies, draws);
        judgement(
            lexicon,
            thing,
            favourable,
            denial,
            0.0,
            split.frequencies,
            draws,
        )
    };
    let said = judge(class == 1, 1.0 - LEANING, draws);
    let said = with_aside(lexicon, said, draws, |draws| {
        judge(draws.chance(0.5), 0.5, draws)
    });
    Example::new(format!("{said} ."), None, class as f64)
}

/// Judges a thing, without the full stop: `the lamp was hardly awful`.
pub(crate) fn judgement(
    lexicon: &Lexicon,
    thing: Noun,
    favourable: bool,
    denial: f64,
    colour: f64,
    frequencies: Frequencies,
    draws: &mut Draws,
) -> String {
    let sentiment = &lexicon.sentiment;
    let denied = draws.chance(denial);
    let qualifiers = if denied {
        &sentiment.denying
    } else {
        &sentiment.asserting
    };
    let qualifier = draws.pick(qualifiers);
    let words = if favourable != denied {
        &sentiment.good
    } else {
        &sentiment.bad
    };
    let word = &words[frequencies.index(draws, words.len())];
    let company = &sentiment.company[usize::from(favourable == denied)];
    let word = if draws.chance(colour) {
        format!("{} {word}", draws.pick(company))
    } else {
        word.clone()
    };
    let noun = noun(lexicon, thing);
    match draws.below(3) {
        0 => format!("the {noun} was {qualifier} {word}"),
        1 => format!("it was {qualifier} {} {word} {noun}", article(&word)),
        _ => format!("everyone found the {noun} {qualifier} {word}"),
    }
}

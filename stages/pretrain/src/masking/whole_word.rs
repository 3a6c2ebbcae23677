//! Whole-word masking: all tokens of a word or none (Devlin et al., the `whole_word_masking` models of May 2019).

use kernels::Draws;

use super::units::deal;
use super::{Choose, Tokens, Units, Wanted};

/// Words in random order, until there are as many tokens as wanted. How the last word is decided, and why the rate is right in the mean
/// whatever the lengths of words, says [`deal`].
#[derive(Debug)]
pub(super) struct WholeWord;

impl Choose for WholeWord {
    fn choose(&self, tokens: &Tokens<'_>, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units> {
        let mut words = Units::default();
        for word in tokens.words() {
            words.push(word);
        }
        deal(&words, wanted, draws)
    }
}

//! The strategies by name.

use std::sync::Arc;

use kernels::Draws;
use serde::{Deserialize, Serialize};

use super::pmi::{Ngrams, Pmi};
use super::spanbert::SpanBertSpans;
use super::t5::T5Spans;
use super::uniform::Uniform;
use super::whole_word::WholeWord;
use super::{Choose, Tokens, Units, Wanted};

/// How the positions to mask are chosen, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyName {
    /// Every token equally likely.
    Uniform,
    /// Whole words.
    WholeWord,
    /// Spans of whole words, of geometrically distributed lengths.
    SpanbertSpans,
    /// Spans of tokens, by a random composition.
    T5Spans,
    /// Words that often go together, whole.
    Pmi,
}

impl StrategyName {
    /// The names of all strategies, as parameters take them.
    pub const NAMES: &'static [&'static str] =
        &["uniform", "whole-word", "spanbert-spans", "t5-spans", "pmi"];
}

/// A strategy with its settings.
#[derive(Clone, Debug)]
pub struct Strategy(Arc<dyn Choose>);

impl Strategy {
    /// Every token equally likely.
    pub fn uniform() -> Self {
        Self(Arc::new(Uniform))
    }

    /// Whole words.
    pub fn whole_word() -> Self {
        Self(Arc::new(WholeWord))
    }

    /// SpanBERT's spans: lengths in words are geometrically distributed with parameter `p`, up to `longest`.
    pub fn spanbert_spans(p: f64, longest: usize) -> Self {
        Self(Arc::new(SpanBertSpans::new(p, longest)))
    }

    /// T5's spans of a mean length in tokens.
    pub fn t5_spans(mean: f64) -> Self {
        Self(Arc::new(T5Spans::new(mean)))
    }

    /// The n-grams of a list, and the other words.
    pub fn pmi(ngrams: Ngrams) -> Self {
        Self(Arc::new(Pmi::new(ngrams)))
    }

    /// A strategy of one's own.
    pub fn own(choose: impl Choose + 'static) -> Self {
        Self(Arc::new(choose))
    }

    /// Chooses units ([`Choose::choose`]).
    pub fn choose(
        &self,
        tokens: &Tokens<'_>,
        wanted: &Wanted<'_>,
        draws: &mut Draws,
    ) -> Vec<Units> {
        self.0.choose(tokens, wanted, draws)
    }
}

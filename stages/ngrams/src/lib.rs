//! N-grams whose words go together, for PMI masking (Levine et al., *PMI-Masking: Principled masking of correlated spans*, ICLR 2021,
//! arXiv 2010.01825).
//!
//! The stage kind `ngrams` ([`NgramsStage`]) counts the n-grams of a corpus, of two to five words, scores those that are frequent enough
//! and keeps the best of each length.
//!
//! * `words` makes words of a document's tokens, and knows their spelling;
//! * `counter` counts keys beyond what fits in memory;
//! * [`score`] is the measure;
//! * `choose` ranks.

mod choose;
mod counter;
pub mod score;
mod stage;
mod words;

pub use stage::NgramsStage;

/// The most words of an n-gram.
pub const LONGEST: usize = 5;

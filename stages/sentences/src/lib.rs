//! Sentences cut from the documents of a corpus, for contrastive training.
//!
//! The stage kind `sentences` ([`SentencesStage`]) gives what a list of sentences gives (`benchmarks` with `task = "sentences"`), from
//! texts that nobody has cut; or pairs of a sentence and one that follows it in its document, which are the positives of the
//! next-sentence objective (Logeswaran and Lee 2018, *Quick-Thought*; Gao et al. 2021, table 2).
//!
//! * [`cut`] cuts a document, [`draw`] draws sentences of all of them.

pub mod cut;
pub mod draw;
mod stage;

pub use stage::SentencesStage;

//! The built-in world: a seeded generator of a small English-like language, its documents, and benchmark files in the
//! official layouts.
//!
//! With nothing downloaded, a pipeline still has data, which passes the same readers as real data. The language is
//! small enough to be learned in a minute, and built so that learning it helps: labels follow from who did what, from
//! synonymy, opposition, negation and hypernymy, none of which a single word or the length of a sentence gives away. The text
//! repeats its facts in other words and other templates, and marks how a sentence relates to the one before it, so an
//! encoder that has learned to fill in masked words has learned what the tasks ask for.
//!
//! * `lexicon`, `words`: the words of `data/world.toml` and their inflection.
//! * `meaning`: facts, and facts with the same, the opposite or another meaning.
//! * `templates`: from a fact to a sentence.
//! * `documents`: running text.
//! * `tasks`: labelled examples. `layout` writes them as the official distributions do.
//! * `squad`, `minimal_pairs`: questions on passages, and sentences beside others that break a rule of the language.
//! * `transfer`: SentEval's transfer tasks, by a stage kind of their own.
//! * `card`: the scores that each task allows without understanding, and its ceiling.
//!
//! Every document and every example is a function of (seed, task, split, index) alone.

mod card;
mod documents;
mod layout;
mod lexicon;
mod meaning;
mod minimal_pairs;
mod squad;
mod stage;
mod tasks;
mod templates;
mod transfer;
mod words;

pub use stage::{Size, WorldStage, generate};
pub use transfer::WorldTransferStage;

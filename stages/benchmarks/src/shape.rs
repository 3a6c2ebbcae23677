//! The shapes of tasks. A shape is a form of examples, and decides how artifacts are read, what is predicted and how it is scored.
//!
//! | shape | an example | its prediction | scored by |
//! | --- | --- | --- | --- |
//! | labelled | one sentence or two, with a class or a number | [`Prediction`](crate::Prediction) | [`Task::scores`], GLUE's metrics |
//! | pairs | two sentences and their similarity, in sets | a number that ranks pairs | Spearman over sets (stage kind `sts`) |
//! | spans | a question and a text that may answer it | a part of the text, or nothing | [`SpanTask::scores`], exact match and F1 |
//! | triplets | a sentence, perhaps one that belongs to it and one that does not | none: it is trained on | |
//! | transfer | one sentence or two, with a class, in sets | the class | accuracy over sets (stage kind `transfer`) |
//! | minimal pairs | an acceptable sentence and one that is not | which of the two is likelier | accuracy over paradigms (stage kind `minimal-pairs`) |

use serde::{Deserialize, Serialize};

use crate::{MinimalPair, SpanTask, StsPair, Task, TransferSet, Triplet};

/// The shape of a task's examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// One sentence or two, with a class or a number.
    Labelled,
    /// Pairs of sentences that are ranked by their similarity.
    Pairs,
    /// Questions whose answers are spans of a text.
    Spans,
    /// Sentences of which one is acceptable and the other is not.
    MinimalPairs,
    /// Sentences to train on, alone or with ones that belong to them.
    Triplets,
    /// Sets of sentences with classes, for a classifier over frozen vectors.
    Transfer,
}

impl Shape {
    /// Returns a name for tasks of the shape, and how to get one, for messages.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Labelled => (
                "a GLUE task",
                "give a benchmark of a GLUE task: `task = \"sst2\"`",
            ),
            Self::Pairs => (
                "the similarity sets",
                "give a benchmark with `task = \"sts\"`",
            ),
            Self::Spans => (
                "questions about texts",
                "give a benchmark with `task = \"squad\"`",
            ),
            Self::MinimalPairs => (
                "minimal pairs",
                "give a benchmark with `task = \"minimal-pairs\"`",
            ),
            Self::Triplets => (
                "sentences to train on",
                "give a benchmark with `task = \"sentences\"` or `task = \"triplets\"`",
            ),
            Self::Transfer => (
                "the transfer sets",
                "give a benchmark with `task = \"transfer\"`",
            ),
        }
    }
}

/// The contents of a benchmark artifact.
#[derive(Clone, Debug, PartialEq)]
pub enum Benchmark {
    /// Examples with a class or a number.
    Labelled(Task),
    /// Pairs of sentences with a gold similarity.
    Pairs(Vec<StsPair>),
    /// Questions about texts.
    Spans(SpanTask),
    /// Sentences of which one is acceptable and the other is not.
    MinimalPairs(Vec<MinimalPair>),
    /// Sentences to train on, alone or with ones that belong to them.
    Triplets(Vec<Triplet>),
    /// Sets of sentences with classes, for a classifier over frozen vectors.
    Transfer(Vec<TransferSet>),
}

impl Benchmark {
    /// Returns the shape of the benchmark's examples.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Labelled(_) => Shape::Labelled,
            Self::Pairs(_) => Shape::Pairs,
            Self::Spans(_) => Shape::Spans,
            Self::MinimalPairs(_) => Shape::MinimalPairs,
            Self::Triplets(_) => Shape::Triplets,
            Self::Transfer(_) => Shape::Transfer,
        }
    }

    /// Returns the number of examples in all splits.
    pub fn examples(&self) -> usize {
        match self {
            Self::Labelled(task) => {
                let mismatched = task.validation_mismatched.as_ref().map_or(0, Vec::len);
                task.train.len() + task.validation.len() + mismatched
            }
            Self::Pairs(pairs) => pairs.len(),
            Self::Spans(task) => task.train.len() + task.validation.len(),
            Self::MinimalPairs(pairs) => pairs.len(),
            Self::Triplets(triplets) => triplets.len(),
            Self::Transfer(sets) => {
                let splits = sets.iter().flat_map(|set| set.splits.named());
                splits.map(|(_, examples)| examples.len()).sum()
            }
        }
    }
}

//! The one place of the runner that names stage kinds.
//!
//! Everything else sees a stage as a [`Signature`](contract::Signature) and a function. A new kind of stage is a crate
//! below `stages/` and a line in [`Registry::shipped`].

use std::collections::BTreeMap;

use contract::Stage;

/// The stage kinds that a pipeline may use, by name.
#[derive(Clone)]
pub struct Registry {
    stages: BTreeMap<&'static str, &'static dyn Stage>,
}

impl Registry {
    /// The kinds that come with the program.
    pub fn shipped() -> Self {
        Self::new(&[
            &world::WorldStage,
            &corpus::CorpusStage,
            &tokenize::TokenizerStage,
            &tokenize::TokenizeStage,
            &benchmarks::BenchmarksStage,
            &baseline::MajorityStage,
            &baseline::BagOfWordsStage,
            &pretrain::PretrainStage,
            &finetune::FinetuneStage,
            &evaluate::EmbedStage,
            &evaluate::StsStage,
        ])
    }

    /// A registry of exactly these kinds; of two with one name the later holds.
    pub fn new(stages: &[&'static dyn Stage]) -> Self {
        Self {
            stages: stages
                .iter()
                .map(|stage| (stage.signature().kind, *stage))
                .collect(),
        }
    }

    /// Returns the stage of that kind.
    pub fn get(&self, kind: &str) -> Option<&'static dyn Stage> {
        self.stages.get(kind).copied()
    }

    /// Returns the names of all kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.stages.keys().copied()
    }

    /// Returns all stages, sorted by kind.
    pub fn stages(&self) -> impl Iterator<Item = &'static dyn Stage> + '_ {
        self.stages.values().copied()
    }
}

//! The one place of the runner that names stage kinds.
//!
//! Everything else sees a stage as a [`Signature`](contract::Signature) and a function. A new kind of stage is a crate
//! below `stages/` and a line in [`Registry::shipped`].

use std::collections::BTreeMap;
use std::path::Path;

use contract::{ArtifactType, Context, Params, Stage, StageError};

// Tools of kinds that are no stages: what `pipe export --to`, `pipe encode`, `pipe predict` and `pipe masks` do.
pub use benchmarks::PredictionTable;
pub use evaluate::mteb;
pub use evaluate::take;
pub use evaluate::vectors;
pub use pretrain::demonstration as masks;

/// The folder of a fine-tuned model in the artifact of the stage that has kept it, and the parameter by which that is asked for.
pub const KEPT: (&str, &str) = (finetune::kept::FOLDER, "keep_model");

/// Writes a fine-tuned model, which a stage of that kind has kept in `folder`, for the libraries of Hugging Face.
///
/// # Errors
/// When the kind keeps no model, or the errors of its tool.
pub fn take_kept(
    kind: &str,
    folder: &Path,
    to: &Path,
    context: &Context,
) -> Result<take::ModelCard, StageError> {
    match is_spans(kind) {
        true => spans::kept::take(folder, to, context),
        false => finetune::kept::take(folder, to, context),
    }
}

/// Predicts the texts of a file by a model that a stage of that kind has kept in `folder`. `task` is the kind and the parameters of the stage
/// that made the examples, which say how columns are called; none where they are a user's.
///
/// # Errors
/// Those of the kind's tool.
pub fn predict(
    kind: &str,
    folder: &Path,
    task: Option<(&str, &Params)>,
    file: &Path,
    context: &Context,
) -> Result<PredictionTable, StageError> {
    let (made_by, params) = match task {
        Some((kind, params)) => (kind, params.clone()),
        None => ("", Params::default()),
    };
    match is_spans(kind) {
        true => spans::predict::predict(folder, file, context),
        false => {
            let texts = benchmarks::OwnTexts::of(made_by, &params);
            finetune::predict::predict(folder, &texts, file, context)
        }
    }
}

fn is_spans(kind: &str) -> bool {
    kind == spans::FinetuneSpansStage.signature().kind
}

/// The inputs of the stage kind whose results MTEB has a form for: vectors and pairs. `None` for other kinds.
pub fn mteb_inputs(kind: &str) -> Option<[&'static str; 2]> {
    let is_scored = kind == evaluate::StsStage.signature().kind;
    is_scored.then_some(["embeddings", "data"])
}

/// The pooling by which a stage with these complete parameters trains vectors of sentences, if it does. The folder that it writes says so
/// itself where sentence-transformers has such a pooling.
pub fn trained_pooling(kind: &str, params: &Params) -> Option<take::Pooling> {
    let trains = kind == contrast::ContrastStage.signature().kind;
    trains.then(|| contrast::pooling(params)).flatten()
}

/// The crates below `crates/` and `stages/`, each with a fingerprint of its source and of those that it builds on (`build.rs`).
const SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The stage kinds that a pipeline may use, by name.
#[derive(Clone)]
pub struct Registry {
    stages: BTreeMap<&'static str, &'static dyn Stage>,
}

impl Registry {
    /// The kinds that come with the program.
    pub fn shipped() -> Self {
        Self::new(&[
            &command::CommandStage,
            &world::WorldStage,
            &world::WorldTransferStage,
            &corpus::CorpusStage,
            &tokenize::TokenizerStage,
            &tokenize::TokenizeStage,
            &ngrams::NgramsStage,
            &sentences::SentencesStage,
            &benchmarks::BenchmarksStage,
            &benchmarks::TaskStage,
            &baseline::MajorityStage,
            &baseline::BagOfWordsStage,
            &pretrain::PretrainStage,
            &pretrain::MaskedExampleStage,
            &contrast::ContrastStage,
            &finetune::FinetuneStage,
            &finetune::IntermediateStage,
            &evaluate::EmbedStage,
            &evaluate::StsStage,
            &evaluate::WhitenStage,
            &flow::FlowStage,
            &evaluate::GeometryStage,
            &evaluate::TransferStage,
            &likelihood::EffectiveRankStage,
            &spans::FinetuneSpansStage,
            &spans::AnswersStage,
            &likelihood::MinimalPairsStage,
            &likelihood::ValidationLossStage,
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

    /// Returns a fingerprint of the source code of a kind and of what it builds on, if it comes with the program.
    pub fn source(&self, kind: &str) -> Option<&'static str> {
        let crate_name = self.get(kind)?.crate_name();
        let found = SOURCES.iter().find(|(name, _)| *name == crate_name)?;
        Some(found.1)
    }

    /// Whether a file that a job of that kind made goes along where results travel without their weight
    /// ([`Signature::is_light`](contract::Signature::is_light)). Of kinds that this program does not know, scores alone go
    /// along.
    pub fn is_light(&self, kind: &str, output: ArtifactType, path: &str) -> bool {
        match self.get(kind) {
            Some(stage) => stage.signature().is_light(path, output),
            None => output == ArtifactType::Scores,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_takes_what_every_stage_has() {
        for stage in Registry::shipped().stages() {
            let mut fields = stage.signature().fields.iter();
            let reserved = fields.find(|field| ["use", "resources"].contains(&field.name));
            assert!(reserved.is_none(), "{}", stage.signature().kind);
        }
    }

    #[test]
    fn every_shipped_kind_has_a_fingerprint_of_its_source() {
        let registry = Registry::shipped();
        for kind in registry.kinds() {
            assert!(registry.source(kind).is_some(), "{kind}");
        }
        assert_ne!(registry.source("pretrain"), registry.source("finetune"));
        assert_eq!(registry.source("embed"), registry.source("sts"));
    }
}

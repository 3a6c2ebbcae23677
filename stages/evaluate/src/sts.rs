//! The stage kind `sts`.

use std::collections::BTreeSet;

use benchmarks::BenchmarksStage;
use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, Params, ScoreName, Signature,
    Stage, StageError,
};
use metrics::predictions::{self, Name, Row};
use metrics::scores;
use serde::Deserialize;

use crate::Embeddings;
use crate::protocol::{Aggregate, SPLIT, score, score_names, split_of};

/// The number of sets over which papers average.
const SETS: usize = 7;

/// Scores vectors on the sets of semantic textual similarity.
pub struct StsStage;

#[derive(Deserialize)]
struct Parameters {
    aggregate: Aggregate,
}

impl Stage for StsStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "sts",
            // Version 2: a correlation with a constant is undefined, not 0. Version 3: predictions are written. Version 4: Pearson's
            // correlation stands beside Spearman's.
            version: 4,
            about: "Scores sentence vectors on the sets of semantic textual similarity by SentEval's protocol",
            fields: const {
                &[
                    Field::new(
                        "embeddings",
                        FieldType::Input(ArtifactType::Embeddings),
                        FieldDefault::Required,
                        "The vectors, from stage kind `embed`.",
                    ),
                    Field::new(
                        "data",
                        FieldType::Input(ArtifactType::Benchmark),
                        FieldDefault::Required,
                        "The sentence pairs of task `sts`, the same that were embedded.",
                    ),
                    Field::new(
                        "aggregate",
                        FieldType::Choice(&["all", "mean", "wmean"]),
                        FieldDefault::Text("all"),
                        "How a set's subsets become one number in the main score: pairs together, mean over \
                            subsets, or mean weighted by pairs; all three are written, by Spearman's and by Pearson's correlation.",
                    ),
                ]
            },
            output: ArtifactType::Scores,
            numerics: None,
            files: &[scores::DOCUMENTED, predictions::DOCUMENTED],
        }
    }

    fn scores(
        &self,
        _: Option<&Params>,
        maker: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        // Pairs that a user's program or folder gives may be of any set.
        let known = maker("data") == Some(BenchmarksStage.signature().kind);
        known.then(score_names)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let embeddings = Embeddings::read(inputs.path("embeddings")?)?;
        let pairs = benchmarks::read_pairs(inputs.path("data")?)?;
        let similarities = pairs
            .iter()
            .map(|pair| {
                let left = embeddings.vector(&pair.sentence1)?;
                Ok(embeddings
                    .description
                    .similarity
                    .of(left, embeddings.vector(&pair.sentence2)?))
            })
            .collect::<Result<Vec<_>, StageError>>()?;
        let sets: BTreeSet<&str> = pairs
            .iter()
            .map(|pair| pair.set.as_str())
            .filter(|set| split_of(set) == SPLIT)
            .collect();
        if sets.len() < SETS {
            let names = sets.iter().copied().collect::<Vec<_>>().join(", ");
            let present = sets.len();
            context.note(format!(
                "the average is over {present} of the {SETS} STS sets: {names}"
            ));
        }
        let rows: Vec<Row> = pairs
            .iter()
            .zip(&similarities)
            .map(|(pair, similarity)| Row {
                name: Name {
                    set: pair.set.clone(),
                    subset: pair.subset.clone(),
                    split: split_of(&pair.set).to_owned(),
                    example: pair.id.clone(),
                },
                label: pair.score,
                prediction: *similarity,
                probabilities: Vec::new(),
            })
            .collect();
        let scores = score(&pairs, &similarities, parameters.aggregate)?;
        predictions::write(context.output(), &rows)?;
        scores::write(context.output(), &scores)
    }
}

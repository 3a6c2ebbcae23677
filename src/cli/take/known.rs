//! The scores that a store knows of a model: its own, and those of results that read it.

use std::collections::BTreeSet;

use contract::ArtifactType;

use crate::cli::failure::CommandFailure;
use crate::cli::one::One;
use crate::report::main_score;
use crate::store::{Content, Digest, Found, Lookup, Store};

/// A score and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KnownScore {
    /// What the job was called that scored: `finetune[task=mnli]`.
    pub(super) label: String,
    pub(super) name: String,
    pub(super) split: String,
    pub(super) value: f64,
    pub(super) unit: String,
    pub(super) examples: u64,
}

/// Returns the main score of the model's own result and of all results that rest on it, but for those that rest on another model which was
/// trained from it. In the order of labels, names and values, so that the order of files decides nothing.
///
/// What a stage has kept along the way has no score of its own: the stage's is that of the end.
pub(super) fn scores(of: &One) -> Result<Vec<KnownScore>, CommandFailure> {
    let (store, model) = (&of.store, of.result());
    let known = store.known()?;
    let artifact = of.artifact().to_string();
    let mut reached = BTreeSet::from([artifact.clone()]);
    let mut open = vec![artifact];
    let mut scores = Vec::new();
    for one in &known {
        if one.record.key == model.key && of.part.is_none() {
            scores.extend(read(store, model, &one.record.label)?);
        }
    }
    while let Some(artifact) = open.pop() {
        let users = known.iter().filter(|one| {
            let mut inputs = one.record.parts.inputs.values();
            inputs.any(|input| *input == artifact)
        });
        for one in users {
            let Lookup::Hit(found) = store.lookup(&one.record.key)? else {
                continue;
            };
            match found.manifest.content {
                Content::Artifact(ArtifactType::Scores) => {
                    scores.extend(read(store, &found, &one.record.label)?);
                }
                Content::Artifact(ArtifactType::Embeddings) => {
                    let digest = found.artifact.to_string();
                    if reached.insert(digest.clone()) {
                        open.push(digest);
                    }
                }
                _ => {}
            }
        }
    }
    scores.sort_by(|a, b| {
        let place = |score: &KnownScore| (score.label.clone(), score.name.clone());
        place(a)
            .cmp(&place(b))
            .then(a.value.total_cmp(&b.value))
            .then(a.examples.cmp(&b.examples))
    });
    scores.dedup();
    Ok(scores)
}

fn read(store: &Store, found: &Found, label: &str) -> Result<Option<KnownScore>, CommandFailure> {
    let artifact: &Digest = &found.artifact;
    let score = main_score(store, artifact, &found.manifest)?;
    let score = score.filter(|score| score.undefined.is_none());
    Ok(score.map(|score| KnownScore {
        label: label.to_owned(),
        name: score.name,
        split: score.split,
        value: score.value,
        unit: score.unit,
        examples: score.examples,
    }))
}

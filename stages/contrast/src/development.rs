//! The similarity task by which a run is judged on its way, and its weights chosen.

use std::path::Path;

use benchmarks::Kind;
use contract::StageError;
use metrics::geometry::{alignment, uniformity, unit};
use tokenize::Tokenizer;

use crate::model::Model;

/// The gold score from which a pair counts as one that belongs together, of 5: that of the public re-implementations, as the paper
/// names none.
const SIMILAR: f64 = 4.0;

/// Pairs of sentences with a similarity, tokenised.
#[derive(Debug)]
pub(crate) struct Development {
    /// The distinct sentences.
    sentences: Vec<Vec<u32>>,
    /// For each pair: its sentences, and the gold score.
    pairs: Vec<([usize; 2], f64)>,
}

impl Development {
    /// Reads the development split of a task that scores pairs.
    pub(crate) fn read(
        folder: &Path,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, StageError> {
        let task = benchmarks::read_labelled(folder)?;
        if task.kind != Kind::Regression {
            return Err(StageError::input(
                "development",
                format!("the task `{}` has classes, not scores", task.name),
                "give a benchmark with `task = \"stsb\"`",
            ));
        }
        let mut sentences = Vec::new();
        let mut known = std::collections::BTreeMap::new();
        let mut pairs = Vec::with_capacity(task.validation.len());
        for example in &task.validation {
            let Some(second) = &example.sentence2 else {
                return Err(StageError::input(
                    "development",
                    format!("the task `{}` is of single sentences", task.name),
                    "give a benchmark with `task = \"stsb\"`",
                ));
            };
            let places = [&example.sentence1, second].map(|text| {
                let ids = tokenizer.single(text, Some(max_length));
                *known.entry(ids).or_insert_with_key(|ids| {
                    sentences.push(ids.clone());
                    sentences.len() - 1
                })
            });
            pairs.push((places, example.label));
        }
        Ok(Self { sentences, pairs })
    }

    /// Returns the number of pairs.
    pub(crate) fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Returns Spearman's correlation of cosine and gold score × 100, alignment and uniformity; NaN where one is undefined.
    pub(crate) fn measure(&self, model: &Model) -> Result<Vec<f64>, StageError> {
        let vectors = model.embed(&self.sentences)?;
        let units: Vec<Vec<f64>> = vectors.iter().map(|vector| unit(vector)).collect();
        let cosine = |[a, b]: [usize; 2]| -> f64 {
            units[a].iter().zip(&units[b]).map(|(a, b)| a * b).sum()
        };
        let cosines: Vec<f64> = self.pairs.iter().map(|(pair, _)| cosine(*pair)).collect();
        if cosines.iter().any(|cosine| !cosine.is_finite()) {
            return Err(StageError::failed(
                "a vector is not finite: the run has diverged; lower lr or set max_grad_norm",
            ));
        }
        let gold: Vec<f64> = self.pairs.iter().map(|(_, gold)| *gold).collect();
        let similar = self.pairs.iter().filter(|(_, gold)| *gold >= SIMILAR);
        let similar = similar.map(|([a, b], _)| (units[*a].as_slice(), units[*b].as_slice()));
        Ok(vec![
            metrics::spearman(&cosines, &gold).map_or(f64::NAN, |value| 100.0 * value),
            alignment(similar).unwrap_or(f64::NAN),
            uniformity(&units).unwrap_or(f64::NAN),
        ])
    }
}

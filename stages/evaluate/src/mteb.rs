//! Results on semantic textual similarity in the form of MTEB's result files: what `pipe export --mteb` writes.
//!
//! MTEB (Muennighoff et al., *MTEB: Massive Text Embedding Benchmark*, EACL 2023) scores a set by the correlation over all of its pairs
//! together, as a number up to 1 (`AbsTaskSTS`). The form is that of `mteb.TaskResult`.

use std::path::Path;

use benchmarks::{SICKR_ALL, sts_sets};
use contract::{StageError, read_json};
use metrics::predictions::{self, Row};
use metrics::{MetricError, pearson, spearman};
use serde_json::{Value, json};

use crate::Similarity;
use crate::embeddings::{DESCRIPTION, Description};
use crate::protocol::SPLIT;

/// MTEB's names of the sets in the order of [`sts_sets`], and how many pairs their test splits have there.
const TASKS: [(&str, usize); 7] = [
    ("STS12", 3108),
    ("STS13", 1500),
    ("STS14", 3750),
    ("STS15", 3000),
    ("STS16", 1186),
    ("STSBenchmark", 1379),
    (SICK, 9927),
];
/// The task of the set [`SICKR_ALL`], which MTEB scores, beside that of its test split.
const SICK: &str = "SICK-R";
/// The file of a model's properties beside its results.
pub const MODEL: &str = "model_meta.json";

/// What is written of a result.
#[derive(Clone, Debug)]
pub struct Results {
    /// The files by name.
    pub files: Vec<(String, Value)>,
    /// What a reader of the files should know.
    pub notes: Vec<String>,
}

/// Whose results they are.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The model's name: `owner/name`.
    pub name: &'a str,
    /// What tells the model from others of its name.
    pub revision: &'a str,
    /// What tells the pairs from others of the sets' names.
    pub data: &'a str,
}

/// Returns the results of a stage of kind `sts`, whose artifact lies in `folder`, on vectors that `embeddings.json` at `vectors`
/// describes.
///
/// # Errors
/// When a file cannot be read, vectors are not compared by cosines, or a set is none of MTEB's.
pub fn results(folder: &Path, vectors: &Path, whose: Whose<'_>) -> Result<Results, StageError> {
    let vectors: Description = read_json(vectors, "give what the stage `embed` has written")?;
    if vectors.similarity != Similarity::Cosine {
        return Err(StageError::input(
            DESCRIPTION,
            "its folder compares vectors by another similarity than the cosine, and MTEB's main score is of cosines",
            "embed with a pooling by name, which is compared by cosines",
        ));
    }
    let rows = predictions::read(folder)?;
    let known = |row: &Row| {
        let mut sets = sts_sets().chain([SICKR_ALL]);
        sets.any(|set| set == row.name.set)
    };
    if let Some(row) = rows.iter().find(|row| !known(row)) {
        return Err(StageError::input(
            predictions::FILE,
            format!("`{}` is no set that MTEB has a task for", row.name.set),
            "export results on STS12 to STS16, STSBenchmark and SICK-R",
        ));
    }
    let mut all = Results {
        files: Vec::new(),
        notes: Vec::new(),
    };
    let has_all = rows.iter().any(|row| row.name.set == SICKR_ALL);
    for (set, (task, pairs)) in sts_sets().zip(TASKS) {
        let set = match task {
            SICK if has_all => SICKR_ALL,
            _ => set,
        };
        let of_set = rows.iter().filter(|row| row.name.set == set);
        let (found, judged): (Vec<f64>, Vec<f64>) =
            of_set.map(|row| (row.prediction, row.label)).unzip();
        if found.is_empty() {
            continue;
        }
        let (pearson, spearman) = match (pearson(&found, &judged), spearman(&found, &judged)) {
            (Ok(pearson), Ok(spearman)) => (pearson, spearman),
            (Err(MetricError::Undefined(why)), _) | (_, Err(MetricError::Undefined(why))) => {
                all.notes
                    .push(format!("{task} is left out: its score is undefined, {why}"));
                continue;
            }
            (Err(error), _) | (_, Err(error)) => return Err(error.into()),
        };
        if found.len() != pairs {
            all.notes.push(format!(
                "{task}: {} pairs, and MTEB's test split has {pairs}: do not hold this score against MTEB's board",
                found.len()
            ));
        }
        all.files.push((
            format!("{task}.json"),
            file(task, whose, [pearson, spearman]),
        ));
    }
    all.files.push((MODEL.to_owned(), model(whose, vectors)));
    Ok(all)
}

/// Returns the result of a task. MTEB has not run, so neither its version nor its time is said.
fn file(task: &str, whose: Whose<'_>, [pearson, spearman]: [f64; 2]) -> Value {
    let scores = json!({
        "main_score": spearman,
        "cosine_spearman": spearman,
        "cosine_pearson": pearson,
        "spearman": spearman,
        "pearson": pearson,
        "hf_subset": "default",
        "languages": ["eng-Latn"],
    });
    json!({
        "task_name": task,
        "dataset_revision": whose.data,
        "mteb_version": null,
        "scores": {SPLIT: [scores]},
        "evaluation_time": null,
        "kg_co2_emissions": null,
    })
}

/// Returns the properties of the model as `mteb.ModelMeta` takes them; what is not known is null.
fn model(whose: Whose<'_>, vectors: Description) -> Value {
    json!({
        "loader": null,
        "name": whose.name,
        "revision": whose.revision,
        "release_date": null,
        "languages": ["eng-Latn"],
        "n_parameters": null,
        "memory_usage_mb": null,
        "max_tokens": vectors.max_length,
        "embed_dim": vectors.dimension,
        "license": null,
        "open_weights": null,
        "public_training_code": null,
        "public_training_data": null,
        "framework": [],
        "similarity_fn_name": "cosine",
        "use_instructions": null,
        "training_datasets": null,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use encoder::Pooling;
    use metrics::predictions::Name;

    use super::*;

    fn row(set: &str, label: f64, prediction: f64) -> Row {
        Row {
            name: Name {
                set: set.to_owned(),
                subset: "a".to_owned(),
                split: SPLIT.to_owned(),
                example: label.to_string(),
            },
            label,
            prediction,
            probabilities: Vec::new(),
        }
    }

    fn of(rows: &[Row], similarity: Similarity) -> Result<Results, StageError> {
        let folder = tempfile::tempdir().unwrap();
        predictions::write(folder.path(), rows).unwrap();
        let path = folder.path().join(DESCRIPTION);
        let description = Description {
            pooling: Pooling::Cls,
            normalised: false,
            dimension: 4,
            sentences: 2,
            max_length: 32,
            truncated: 0,
            similarity,
        };
        fs::write(&path, serde_json::to_string(&description).unwrap()).unwrap();
        let whose = Whose {
            name: "pipe/x",
            revision: "1",
            data: "2",
        };
        results(folder.path(), &path, whose)
    }

    #[test]
    fn a_task_has_its_name_and_its_correlations_up_to_1() {
        let rows = [
            row("stsb", 0.0, 0.1),
            row("stsb", 1.0, 0.2),
            row("stsb", 2.0, 0.9),
            row("sts12", 1.0, 0.5),
            row("sts12", 2.0, 0.5),
        ];
        let all = of(&rows, Similarity::Cosine).unwrap();
        let names: Vec<&str> = all.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["STSBenchmark.json", MODEL]);
        let scores = &all.files[0].1["scores"]["test"][0];
        assert_eq!(scores["main_score"], 1.0);
        let pearson = scores["cosine_pearson"].as_f64().unwrap();
        assert!(
            (pearson - 0.917_662_935_482_247_1).abs() < 1e-12,
            "{pearson}"
        );
        assert_eq!(all.notes.len(), 2);
        assert!(all.notes[0].starts_with("STS12 is left out"), "{all:?}");
        assert!(all.notes[1].contains("MTEB's test split has 1379"));
    }

    #[test]
    fn all_pairs_of_sick_are_the_task_where_they_are() {
        let test = [row("sickr", 1.0, 0.5), row("sickr", 2.0, 0.4)];
        let mut both = test.to_vec();
        both.extend((0..9927_u32).map(|pair| row(SICKR_ALL, f64::from(pair), f64::from(pair))));
        for (rows, score, notes) in [(&test[..], -1.0, 1), (&both, 1.0, 0), (&both[2..], 1.0, 0)] {
            let all = of(rows, Similarity::Cosine).unwrap();
            assert_eq!(all.files[0].0, "SICK-R.json");
            assert_eq!(all.files.len(), 2);
            let found = all.files[0].1["scores"]["test"][0]["main_score"].as_f64();
            assert!((found.unwrap() - score).abs() < 1e-9, "{found:?}");
            assert_eq!(all.notes.len(), notes, "{:?}", all.notes);
        }
    }

    #[test]
    fn what_mteb_has_no_task_for_is_refused() {
        let error = of(&[row("mine", 1.0, 0.5)], Similarity::Cosine).unwrap_err();
        assert!(error.to_string().contains("`mine` is no set"), "{error}");
        let error = of(&[row("stsb", 1.0, 0.5)], Similarity::Dot).unwrap_err();
        assert!(error.to_string().contains("another similarity"), "{error}");
    }

    #[test]
    fn the_tasks_are_all_sets() {
        assert_eq!(sts_sets().count(), TASKS.len());
    }
}

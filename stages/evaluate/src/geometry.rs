//! The stage kind `geometry`.

use std::collections::{BTreeMap, BTreeSet};

use benchmarks::StsPair;
use contract::{
    ArtifactType, Column, ColumnType, Context, Field, FieldDefault, FieldType, Inputs, OutputFile,
    Params, ScoreName, Signature, Stage, StageError,
};
use metrics::geometry::{self, Spectrum};
use metrics::scores::{self, Score};
use serde::Deserialize;

use crate::Embeddings;

/// The file of singular values.
const SPECTRUM: &str = "spectrum.parquet";
const COLUMNS: &[Column] = &[
    Column::new("place", ColumnType::Integer, "from 1, the largest first"),
    Column::new(
        "value",
        ColumnType::Number,
        "the singular value over the largest one",
    ),
];
/// The split that the scores are named after.
const SPLIT: &str = "test";
/// The value of `set` that stands for all.
const ALL: &str = "all";

/// The scores and their units, the main one first.
const SCORES: [(&str, &str); 9] = [
    ("uniformity", "nats"),
    ("alignment", "squared distance"),
    ("mean_cosine", "cosine"),
    ("isotropy", "share"),
    ("effective_rank", "dimensions"),
    ("largest_share", "share"),
    ("singular_10", "of the largest"),
    ("singular_50", "of the largest"),
    ("singular_90", "of the largest"),
];

/// The files that the stage writes.
const FILES: &[OutputFile] = &[
    scores::DOCUMENTED,
    OutputFile::table(SPECTRUM, COLUMNS, "the singular values of the vectors"),
];

/// Measures how sentence vectors lie in their space.
pub struct GeometryStage;

#[derive(Deserialize)]
struct Parameters {
    set: String,
    threshold: f64,
}

impl Stage for GeometryStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "geometry",
            version: 2,
            about: "Measures how sentence vectors lie in their space: alignment, uniformity, isotropy, singular values",
            fields: const {
                &[
                    Field::new(
                        "embeddings",
                        FieldType::Input(ArtifactType::Embeddings),
                        FieldDefault::Required,
                        "The vectors, from stage kind `embed` or `whiten`.",
                    ),
                    Field::new(
                        "data",
                        FieldType::Input(ArtifactType::Benchmark),
                        FieldDefault::Required,
                        "The sentence pairs of task `sts`, the same that were embedded.",
                    ),
                    Field::new(
                        "set",
                        FieldType::Choice(&[
                            "stsb", "sickr", "sts12", "sts13", "sts14", "sts15", "sts16", ALL,
                        ]),
                        FieldDefault::Text("stsb"),
                        "The set whose sentences are measured.",
                    ),
                    Field::new(
                        "threshold",
                        FieldType::Number { min: 0.0, max: 5.0 },
                        FieldDefault::Number(4.0),
                        "The gold score from which a pair belongs together, for alignment.",
                    ),
                ]
            },
            output: ArtifactType::Scores,
            numerics: None,
            files: FILES,
        }
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let names = SCORES.iter().map(|(name, _)| ScoreName::new(*name, SPLIT));
        Some(names.collect())
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let embeddings = Embeddings::read(inputs.path("embeddings")?)?;
        let pairs = benchmarks::read_pairs(inputs.path("data")?)?;
        let pairs = pairs.iter();
        let pairs: Vec<&StsPair> = pairs
            .filter(|pair| parameters.set == ALL || pair.set == parameters.set)
            .collect();
        let texts = pairs
            .iter()
            .flat_map(|pair| [&pair.sentence1, &pair.sentence2]);
        let texts: BTreeSet<&str> = texts.map(String::as_str).collect();
        if texts.len() < 2 {
            return Err(StageError::input(
                "data",
                format!("the set `{}` has fewer than two sentences", parameters.set),
                "give the benchmark that was embedded, or another `set`",
            ));
        }
        let vectors = texts.iter().map(|text| embeddings.vector(text));
        let vectors: Vec<&[f32]> = vectors.collect::<Result<_, _>>()?;
        if vectors
            .iter()
            .any(|vector| !vector.iter().all(|value| value.is_finite()))
        {
            return Err(StageError::input(
                "embeddings",
                "a vector is not finite",
                "its encoder is of a training that diverged, or damaged: give another",
            ));
        }
        context.keep_going()?;
        let units: Vec<Vec<f64>> = vectors
            .iter()
            .map(|vector| geometry::unit(vector))
            .collect();
        let places: BTreeMap<&str, &[f64]> = texts
            .iter()
            .copied()
            .zip(units.iter().map(Vec::as_slice))
            .collect();
        let unit = |text: &String| places[text.as_str()];
        let similar = pairs
            .iter()
            .filter(|pair| pair.score >= parameters.threshold);
        let similar: Vec<(&[f64], &[f64])> = similar
            .map(|pair| (unit(&pair.sentence1), unit(&pair.sentence2)))
            .collect();
        let spectrum = Spectrum::of(&vectors);
        let found = [
            geometry::uniformity(&units),
            geometry::alignment(similar.iter().copied()),
            geometry::mean_cosine(&units),
            spectrum.isotropy(),
            spectrum.effective_rank(),
            spectrum.largest_share(),
            spectrum.relative_at(0.1),
            spectrum.relative_at(0.5),
            spectrum.relative_at(0.9),
        ];
        let all = SCORES.iter().zip(found).enumerate();
        let all: Vec<Score> = all
            .map(|(place, ((name, unit), value))| Score {
                name: (*name).to_owned(),
                value: value.unwrap_or(f64::NAN),
                unit: (*unit).to_owned(),
                split: SPLIT.to_owned(),
                examples: texts.len() as u64,
                main: place == 0,
                undefined: value.is_none().then(|| match place {
                    1 => format!("no pair has a gold score of {}", parameters.threshold),
                    _ => "all vectors are equal".to_owned(),
                }),
            })
            .collect();
        let values = spectrum.relative();
        let places: Vec<i64> = (1..=values.len() as i64).collect();
        let columns = vec![places.into_iter().collect(), values.into_iter().collect()];
        columnar::write(
            &context.output().join(SPECTRUM),
            &columnar::Schema::of(COLUMNS),
            columns,
        )?;
        scores::write(context.output(), &all)
    }
}

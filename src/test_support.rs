//! Small stages for the tests of declarations and graph: they declare much and do nothing.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use contract::{
    ArtifactType, Context, Device, Field, FieldDefault, FieldType, Inputs, Params, Problem,
    Signature, Stage, StageError,
};

use crate::declare::Pipeline;
use crate::declare::grammar::{OutputKind, Takes, key};
use crate::errors::Report;
use crate::graph;
use crate::registry::Registry;

struct Fake(Signature);

impl Stage for Fake {
    fn signature(&self) -> Signature {
        self.0
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        let masking = |key: &str| params.0.get("masking")?.get(key)?.as_f64();
        match (masking("corrupt"), masking("predict")) {
            (Some(corrupt), Some(predict)) if predict > 4.0 * corrupt => vec![
                Problem::value("masking.predict", "predicts too much")
                    .with_help("at most four times what is corrupted"),
            ],
            _ => Vec::new(),
        }
    }

    fn run(&self, _: &Params, _: &Inputs, _: &Context) -> Result<(), StageError> {
        Ok(())
    }
}

const fn field(name: &'static str, takes: FieldType, default: FieldDefault) -> Field {
    Field::new(name, takes, default, "a parameter")
}

const fn input(name: &'static str, takes: ArtifactType) -> Field {
    Field::new(
        name,
        FieldType::Input(takes),
        FieldDefault::Required,
        "an input",
    )
}

fn class(_: &Params, _: Device) -> &'static str {
    kernels::numerics::CLASS
}

const fn kind(
    kind: &'static str,
    fields: &'static [Field],
    output: ArtifactType,
    numeric: bool,
) -> Fake {
    Fake(Signature {
        kind,
        version: 1,
        about: "A fake.",
        fields,
        output,
        numerics: if numeric { Some(class) } else { None },
        files: &[],
    })
}

const SEED: Field = field(
    "seed",
    FieldType::Integer {
        min: 0,
        max: i64::MAX,
    },
    FieldDefault::Integer(0),
);
const SHARE: FieldType = FieldType::Number { min: 0.0, max: 1.0 };

static WORLD: Fake = kind("world", &[SEED], ArtifactType::Folder, false);
static CORPUS: Fake = kind(
    "corpus",
    &[
        input("source", ArtifactType::Folder),
        Field::new(
            "extra",
            FieldType::Input(ArtifactType::Folder),
            FieldDefault::Absent,
            "more text",
        ),
    ],
    ArtifactType::Corpus,
    false,
);
static TRAIN: Fake = kind(
    "train",
    &[
        input("corpus", ArtifactType::Corpus),
        field(
            "steps",
            FieldType::Integer {
                min: 0,
                max: i64::MAX,
            },
            FieldDefault::Required,
        ),
        field(
            "size",
            FieldType::Choice(&["nano", "tiny", "base"]),
            FieldDefault::Text("nano"),
        ),
        field(
            "masking",
            FieldType::Table(&[
                field("corrupt", SHARE, FieldDefault::Number(0.4)),
                field("predict", SHARE, FieldDefault::Number(0.4)),
            ]),
            FieldDefault::Table,
        ),
        SEED,
    ],
    ArtifactType::Encoder,
    true,
);
static TUNE: Fake = kind(
    "tune",
    &[
        input("encoder", ArtifactType::Encoder),
        field(
            "task",
            FieldType::Choice(&["mnli", "qnli", "sst2"]),
            FieldDefault::Required,
        ),
        SEED,
    ],
    ArtifactType::Scores,
    true,
);
static MAJORITY: Fake = kind(
    "majority",
    &[field(
        "task",
        FieldType::Choice(&["mnli", "qnli", "sst2"]),
        FieldDefault::Required,
    )],
    ArtifactType::Scores,
    false,
);

/// A kind that reads what it makes, so that two of its stages can be a cycle.
static LOOP: Fake = kind(
    "loop",
    &[input("from", ArtifactType::Corpus)],
    ArtifactType::Corpus,
    false,
);

/// Returns a registry of the fakes.
pub(crate) fn registry() -> Registry {
    Registry::new(&[&WORLD, &CORPUS, &TRAIN, &TUNE, &MAJORITY, &LOOP])
}

/// A kind of output without columns, and with a key of its own.
pub(crate) static LISTING: OutputKind = OutputKind {
    word: "listing",
    keys: &[
        key("cell", Takes::Stage, "The stage whose scores are listed."),
        key("over", Takes::Grid, "What is gathered in each line."),
        key("rows", Takes::Lines, "The lines."),
        key(
            "between",
            Takes::Text,
            "What stands between label and scores.",
        ),
    ],
    needs: &["rows"],
};

/// A small pipeline with two tables.
pub(crate) const PIPELINE: &str = r#"
[vars]
m = 0.40
m_corr = "${m}"
m_pred = "${m}"
text = "@world/text"
size = "nano"
task = "sst2"
seed = 0

[stage.world]
use = "world"

[stage.corpus]
use = "corpus"
source = "${text}"

[stage.train]
use = "train"
corpus = "@corpus"
steps = 10
size = "${size}"
masking = { corrupt = "${m_corr}", predict = "${m_pred}" }

[stage.tune]
use = "tune"
encoder = "@train"
task = "${task}"
seed = "${seed}"

[stage.majority]
use = "majority"
task = "${task}"

[table.rates]
title = "Masking rate"
cell = "@tune"
over = { seed = [0, 1, 2] }
rows = [
    { label = "15 %", m = 0.15 },
    { label = "40 %", m = 0.40 },
    { label = "majority", cell = "@majority" },
]
columns = [
    { label = "MNLI", task = "mnli" },
    { label = "SST-2", task = "sst2" },
    { label = "perplexity", cell = "@train", metric = "perplexity" },
]

[table.split]
cell = "@tune"
rows = [{ m_corr = 0.4, m_pred = 0.2 }, { m_corr = 0.4, m_pred = 0.4 }]
columns = [{ label = "MNLI", task = "mnli" }]

[profile.small]
default = true

[profile.large]
extends = "small"
[profile.large.vars]
size = "base"
[profile.large.table.rates]
over = { seed = [0] }
"#;

/// Loads `text` as the pipeline file of a folder of its own.
pub(crate) fn load(
    text: &str,
    profile: Option<&str>,
    set: &[(&str, &str)],
) -> Result<Pipeline, Report> {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), text, profile, set)
}

/// Loads `text` as the pipeline file of `folder`.
pub(crate) fn load_in(
    folder: &Path,
    text: &str,
    profile: Option<&str>,
    set: &[(&str, &str)],
) -> Result<Pipeline, Report> {
    let file = folder.join("pipeline.toml");
    fs::write(&file, text).unwrap();
    let set: Vec<_> = set
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    graph::load(&file, profile.map(Into::into), &set, &registry())
}

/// Returns the messages of a report.
pub(crate) fn messages(report: &Report) -> Vec<&str> {
    report
        .diagnostics()
        .iter()
        .map(|diagnostic| diagnostic.message())
        .collect()
}

/// Waits until something is so, for locks that were dropped: a process that another test is just starting has all files of
/// this one for the instant before its own program runs.
pub(crate) fn in_time(mut is: impl FnMut() -> bool) -> bool {
    for _ in 0..1000 {
        if is() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}

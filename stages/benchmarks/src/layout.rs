//! The nine GLUE tasks, as data.

use crate::{Kind, Metric};

/// The layout of a task's files: where columns and splits are, and how labels are spelled.
pub(crate) struct Layout {
    /// Name of the task, as in `task = "…"`.
    pub(crate) task: &'static str,
    /// Folder of the task below `glue_data`.
    pub(crate) folder: &'static str,
    pub(crate) columns: Columns,
    /// The columns that together name an example, where the file has them.
    pub(crate) naming: &'static [&'static str],
    pub(crate) answer: Answer,
    /// The official metrics, the main one first.
    pub(crate) metrics: &'static [Metric],
    /// File of the development split; for MNLI, that of the matched genres.
    pub(crate) validation: &'static str,
    /// File of MNLI's second development split.
    pub(crate) mismatched: Option<&'static str>,
    pub(crate) quirk: Quirk,
}

/// How the columns are found.
pub(crate) enum Columns {
    /// By their names in the header: the sentences, and the label.
    Named {
        sentence1: &'static str,
        sentence2: Option<&'static str>,
        label: &'static str,
    },
    /// By position from 0, in files without a header.
    Positions {
        width: usize,
        sentence1: usize,
        label: usize,
    },
}

/// The content of the label column.
pub(crate) enum Answer {
    /// One of these spellings, each with the name of its class. The index in the list is the class index, in the order
    /// of the Hugging Face `glue` dataset.
    Classes(&'static [(&'static str, &'static str)]),
    /// A number in this range.
    Score(f64, f64),
}

impl Answer {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Classes(_) => Kind::Classification,
            Self::Score(..) => Kind::Regression,
        }
    }

    /// Returns the names of the classes.
    pub(crate) fn labels(&self) -> Vec<String> {
        match self {
            Self::Classes(classes) => classes.iter().map(|(_, name)| (*name).to_owned()).collect(),
            Self::Score(..) => Vec::new(),
        }
    }
}

/// A peculiarity of a task's files besides columns and labels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    None,
    /// Sentences with quotation marks are quoted as in CSV, and the official file has rows with missing columns, which
    /// GLUE's loaders leave out.
    QuotedAndShortRows,
    /// Examples on which the annotators did not agree have the label `-`, and are left out.
    Undecided,
    /// The folder may hold the corpus in the form in which Microsoft released it.
    MicrosoftRelease,
}

const ENTAILMENT: Answer = Answer::Classes(&[
    ("entailment", "entailment"),
    ("not_entailment", "not_entailment"),
]);

/// The tasks, in the order of the GLUE paper.
pub(crate) const LAYOUTS: &[Layout] = &[
    Layout {
        task: "cola",
        folder: "CoLA",
        columns: Columns::Positions {
            width: 4,
            sentence1: 3,
            label: 1,
        },
        answer: Answer::Classes(&[("0", "unacceptable"), ("1", "acceptable")]),
        metrics: &[Metric::Matthews],
        ..PLAIN
    },
    Layout {
        task: "sst2",
        folder: "SST-2",
        columns: Columns::Named {
            sentence1: "sentence",
            sentence2: None,
            label: "label",
        },
        answer: Answer::Classes(&[("0", "negative"), ("1", "positive")]),
        ..PLAIN
    },
    Layout {
        task: "mrpc",
        folder: "MRPC",
        columns: Columns::Named {
            sentence1: "#1 String",
            sentence2: Some("#2 String"),
            label: "Quality",
        },
        naming: &["#1 ID", "#2 ID"],
        answer: Answer::Classes(&[("0", "not_equivalent"), ("1", "equivalent")]),
        metrics: &[Metric::F1, Metric::Accuracy],
        quirk: Quirk::MicrosoftRelease,
        ..PLAIN
    },
    Layout {
        task: "qqp",
        folder: "QQP",
        columns: Columns::Named {
            sentence1: "question1",
            sentence2: Some("question2"),
            label: "is_duplicate",
        },
        naming: &["id"],
        answer: Answer::Classes(&[("0", "not_duplicate"), ("1", "duplicate")]),
        metrics: &[Metric::F1, Metric::Accuracy],
        quirk: Quirk::QuotedAndShortRows,
        ..PLAIN
    },
    Layout {
        task: "stsb",
        folder: "STS-B",
        columns: Columns::Named {
            sentence1: "sentence1",
            sentence2: Some("sentence2"),
            label: "score",
        },
        answer: Answer::Score(0.0, 5.0),
        metrics: &[Metric::Spearman, Metric::Pearson],
        ..PLAIN
    },
    Layout {
        task: "mnli",
        folder: "MNLI",
        columns: Columns::Named {
            sentence1: "sentence1",
            sentence2: Some("sentence2"),
            label: "gold_label",
        },
        answer: Answer::Classes(&[
            ("entailment", "entailment"),
            ("neutral", "neutral"),
            ("contradiction", "contradiction"),
        ]),
        validation: "dev_matched.tsv",
        mismatched: Some("dev_mismatched.tsv"),
        quirk: Quirk::Undecided,
        ..PLAIN
    },
    Layout {
        task: "qnli",
        folder: "QNLI",
        columns: Columns::Named {
            sentence1: "question",
            sentence2: Some("sentence"),
            label: "label",
        },
        ..PLAIN
    },
    Layout {
        task: "rte",
        folder: "RTE",
        ..PLAIN
    },
    Layout {
        task: "wnli",
        folder: "WNLI",
        answer: Answer::Classes(&[("0", "not_entailment"), ("1", "entailment")]),
        ..PLAIN
    },
];

/// The layout that most tasks share: that of RTE.
const PLAIN: Layout = Layout {
    task: "",
    folder: "",
    columns: Columns::Named {
        sentence1: "sentence1",
        sentence2: Some("sentence2"),
        label: "label",
    },
    naming: &["index"],
    answer: ENTAILMENT,
    metrics: &[Metric::Accuracy],
    validation: "dev.tsv",
    mismatched: None,
    quirk: Quirk::None,
};

//! What a user declares of a table of examples.

use contract::{Field, FieldDefault, FieldType, Problem};
use metrics::Metric;
use serde::Deserialize;

use super::delimited::{Form, Separator};
use crate::Kind;

/// The fields beside the inputs, as they are written.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Parameters {
    pub(crate) name: String,
    pub(crate) texts: Vec<String>,
    pub(crate) label: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) score: Option<String>,
    pub(crate) lowest: Option<f64>,
    pub(crate) highest: Option<f64>,
    pub(crate) metrics: Vec<String>,
    pub(crate) id: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) dev_share: f64,
    pub(crate) separator: Separator,
    pub(crate) quotes: Option<bool>,
}

/// Number of [`FIELDS`].
pub(crate) const COUNT: usize = 13;

/// The fields beside the inputs.
pub(crate) const FIELDS: &[Field] = &[
    Field::new(
        "texts",
        FieldType::TextList,
        FieldDefault::Required,
        "the column that holds the text, or the two columns of texts that make a pair",
    ),
    Field::new(
        "label",
        FieldType::Text,
        FieldDefault::Absent,
        "the column that holds the class; it or `score` is needed",
    ),
    Field::new(
        "labels",
        FieldType::TextList,
        FieldDefault::List,
        "the words that `label` may hold, one for each class; of two classes F1 is of the second",
    ),
    Field::new(
        "score",
        FieldType::Text,
        FieldDefault::Absent,
        "in the place of `label`, the column that holds a number to predict",
    ),
    Field::new(
        "lowest",
        FieldType::Number {
            min: f64::MIN,
            max: f64::MAX,
        },
        FieldDefault::Absent,
        "the lowest number that `score` may hold; scores are learnt and predicted on a scale on which it is 0",
    ),
    Field::new(
        "highest",
        FieldType::Number {
            min: f64::MIN,
            max: f64::MAX,
        },
        FieldDefault::Absent,
        "the highest number that `score` may hold, which is 5 on that scale, as in STS-B",
    ),
    Field::new(
        "metrics",
        FieldType::TextList,
        FieldDefault::List,
        "accuracy, f1, matthews; for scores spearman, pearson: the main one first; if left out, accuracy, or both of scores",
    ),
    Field::new(
        "id",
        FieldType::Text,
        FieldDefault::Absent,
        "the column that names each example; if left out, examples are named by their place in the file, from 0",
    ),
    Field::new(
        "dev_share",
        FieldType::Number {
            min: 0.001,
            max: 0.9,
        },
        FieldDefault::Number(0.2),
        "without `dev`, the share of the examples that is scored and not trained on; on which side one lies follows from its \
            texts alone, so that equal texts lie on one side, and none changes sides when others come or go",
    ),
    Field::new(
        "group",
        FieldType::Text,
        FieldDefault::Absent,
        "a column whose value decides the side in the place of the texts, so that examples of one document or author stay together",
    ),
    Field::new(
        "separator",
        FieldType::Choice(Separator::NAMES),
        FieldDefault::Text("auto"),
        "what lies between the columns of a text file; `auto`: a comma in `.csv`, a tab in `.tsv`",
    ),
    Field::new(
        "quotes",
        FieldType::Bool,
        FieldDefault::Absent,
        "whether texts in quotation marks are read as in CSV, a doubled mark being one of the text's own; if left out, unless \
            columns are separated by tabs",
    ),
    Field::new(
        "name",
        FieldType::Text,
        FieldDefault::Text("own"),
        "the task's name, for predictions and messages",
    ),
];

/// What is declared, checked.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    /// One column or two.
    pub(crate) texts: Vec<String>,
    pub(crate) answer: Answer,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) id: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) dev_share: f64,
    pub(crate) form: Form,
}

/// The column of answers, and what it may hold.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// One of these words; the place in the list is the class.
    Classes { column: String, labels: Vec<String> },
    /// A number in this range.
    Score {
        column: String,
        lowest: f64,
        highest: f64,
    },
}

impl Answer {
    pub(crate) fn column(&self) -> &str {
        match self {
            Self::Classes { column, .. } | Self::Score { column, .. } => column,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Classes { .. } => Kind::Classification,
            Self::Score { .. } => Kind::Regression,
        }
    }

    /// Returns the metrics that go with such answers, the usual one first.
    fn metrics(&self) -> &'static [Metric] {
        match self {
            Self::Classes { .. } => &[Metric::Accuracy, Metric::F1, Metric::Matthews],
            Self::Score { .. } => &[Metric::Spearman, Metric::Pearson],
        }
    }
}

impl Parameters {
    /// Returns all that is wrong with the declaration by itself.
    pub(crate) fn check(&self) -> Vec<Problem> {
        self.declaration().err().unwrap_or_default()
    }

    /// Returns what is declared, or else all that is wrong with it.
    pub(crate) fn declaration(&self) -> Result<Declaration, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, message: String, help: &str| {
            problems.push(Problem::value(key, message).with_help(help));
        };
        if !(1..=2).contains(&self.texts.len()) {
            wrong(
                "texts",
                format!("{} columns of texts", self.texts.len()),
                "name one column, or the two of a pair: texts = [\"question\", \"answer\"]",
            );
        }
        let answer = match (&self.label, &self.score) {
            (Some(column), None) => {
                self.check_classes(&mut wrong);
                Some(Answer::Classes {
                    column: column.clone(),
                    labels: self
                        .labels
                        .iter()
                        .map(|one| one.trim().to_owned())
                        .collect(),
                })
            }
            (None, Some(column)) => match (self.lowest, self.highest) {
                (Some(lowest), Some(highest)) if lowest < highest => {
                    if !self.labels.is_empty() {
                        wrong(
                            "labels",
                            "scores have no classes".to_owned(),
                            "leave `labels` out, or write `label` in the place of `score`",
                        );
                    }
                    Some(Answer::Score {
                        column: column.clone(),
                        lowest,
                        highest,
                    })
                }
                (Some(lowest), Some(highest)) => {
                    wrong(
                        "highest",
                        format!("{highest} is not above `lowest`, {lowest}"),
                        "give the lowest and the highest score that there can be",
                    );
                    None
                }
                _ => {
                    wrong(
                        "score",
                        "the range of the scores is not said".to_owned(),
                        "add the lowest and the highest score that there can be: lowest = 1, highest = 10",
                    );
                    None
                }
            },
            (Some(_), Some(_)) => {
                wrong(
                    "score",
                    "the task has classes already, by `label`".to_owned(),
                    "leave one of the two out",
                );
                None
            }
            (None, None) => {
                wrong(
                    "label",
                    "neither `label` nor `score` names the column to predict".to_owned(),
                    "write label = \"COLUMN\" and labels = [\"…\", \"…\"], or score = \"COLUMN\", lowest and highest",
                );
                None
            }
        };
        if let Some(answer) = &answer
            && self.texts.iter().any(|text| text == answer.column())
        {
            wrong(
                "texts",
                format!("the column `{}` is to be predicted", answer.column()),
                "name the columns of the texts alone",
            );
        }
        let metrics = answer
            .as_ref()
            .map(|answer| self.metrics(answer, &mut wrong));
        match (answer, metrics) {
            (Some(answer), Some(metrics)) if problems.is_empty() => Ok(Declaration {
                name: self.name.clone(),
                texts: self.texts.clone(),
                answer,
                metrics,
                id: self.id.clone(),
                group: self.group.clone(),
                dev_share: self.dev_share,
                form: Form {
                    separator: self.separator,
                    quotes: self.quotes,
                },
            }),
            _ => Err(problems),
        }
    }

    fn check_classes(&self, wrong: &mut impl FnMut(&str, String, &str)) {
        let labels: Vec<_> = self.labels.iter().map(|label| label.trim()).collect();
        for (place, label) in labels.iter().enumerate() {
            if label.is_empty() || labels[..place].contains(label) {
                let reason = match label.is_empty() {
                    true => "a label is empty".to_owned(),
                    false => format!("`{label}` is there twice"),
                };
                wrong("labels", reason, "name each class once");
            }
        }
        if labels.len() == 1 {
            wrong(
                "labels",
                format!("`{}` is the only class", labels[0]),
                "name every word that the column may hold",
            );
        }
    }

    /// Returns the declared metrics, or the usual ones.
    fn metrics(&self, answer: &Answer, wrong: &mut impl FnMut(&str, String, &str)) -> Vec<Metric> {
        let legal = answer.metrics();
        if self.metrics.is_empty() {
            return match answer.kind() {
                Kind::Classification => vec![Metric::Accuracy],
                Kind::Regression => legal.to_vec(),
            };
        }
        let mut metrics = Vec::new();
        for name in &self.metrics {
            let metric = legal.iter().find(|metric| metric.name() == name);
            match metric {
                Some(Metric::F1) if self.labels.len() > 2 => wrong(
                    "metrics",
                    format!("f1 is of two classes, and there are {}", self.labels.len()),
                    "take accuracy, or matthews, which weighs classes of different sizes",
                ),
                Some(metric) if metrics.contains(metric) => {
                    wrong(
                        "metrics",
                        format!("`{name}` is there twice"),
                        "name it once",
                    );
                }
                Some(metric) => metrics.push(*metric),
                None => {
                    let names: Vec<_> = legal.iter().map(|metric| metric.name()).collect();
                    let what = match answer.kind() {
                        Kind::Classification => "classes",
                        Kind::Regression => "scores",
                    };
                    wrong(
                        "metrics",
                        format!("`{name}` is no metric of {what}"),
                        &format!("take of {}", names.join(", ")),
                    );
                }
            }
        }
        metrics
    }
}

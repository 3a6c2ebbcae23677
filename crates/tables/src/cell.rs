use std::borrow::Cow;
use std::collections::BTreeMap;

use metrics::{mean, standard_deviation};

use crate::{Chosen, Citation, Mark};

/// One cell of a table: a score gathered over seeds, beside the published value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The scores, one per seed, in the order of the seeds.
    pub values: Vec<f64>,
    /// The texts, one per seed, where the cell shows texts in the place of scores.
    pub texts: Vec<String>,
    /// The index of each score or text among those that the cell should have: some may be missing or undefined.
    pub places: Vec<usize>,
    /// By score: the independent run that it belongs to, where several are of one (fine-tunings of one encoder). Empty where each
    /// score is a run of its own.
    pub units: Vec<usize>,
    /// Remarks on the scores, a sentence fragment each. Equal remarks of several cells share one note.
    pub remarks: Vec<String>,
    /// Why scores are missing, a sentence fragment each: `pretrain[m=0.4] failed, see …/log`. Equal reasons
    /// of several cells share one note.
    pub reasons: Vec<String>,
    /// How many scores are still to come. Undefined scores do not count: they will never come, and `reasons` names them.
    pub lacking: usize,
    /// The value that the paper prints in this cell.
    pub published: Option<Published>,
    /// The chosen point of a grid, where a grid was searched.
    pub chosen: Option<Chosen>,
    /// What is said of the cell beside that of the row that others are compared with, where the difference is settled.
    pub mark: Option<Mark>,
    /// Notes of stages that concern the cell: indices into the table's `footnotes`.
    pub footnotes: Vec<usize>,
}

/// A value that a paper prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The value, in the unit of its column.
    pub value: f64,
    /// How many decimals the paper prints in that column.
    pub decimals: usize,
    /// Where it was read.
    pub citation: Citation,
    /// Whether the value was read in a source, rather than remembered.
    pub verified: bool,
}

/// Count, mean and spread of a cell's scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The number of independent runs: of scores, if none belong together.
    pub n: usize,
    /// The arithmetic mean of the runs' scores.
    pub mean: f64,
    /// The sample standard deviation (divisor n - 1); `None` for one score, or where it is not finite.
    pub standard_deviation: Option<f64>,
}

impl Cell {
    /// Adds to the reasons how many scores of the cell are undefined, and why. `undefined_for` holds a reason for each of them.
    pub fn add_undefined(&mut self, undefined_for: &[String]) {
        let all = self.values.len() + self.lacking + undefined_for.len();
        for (place, why) in undefined_for.iter().enumerate() {
            if undefined_for[..place].contains(why) {
                continue;
            }
            let count = undefined_for.iter().filter(|other| *other == why).count();
            self.reasons.push(match (count, all) {
                (count, all) if count == all => format!("undefined: {why}"),
                (count, all) => format!("undefined for {count} of {all}: {why}"),
            });
        }
    }

    /// Returns the number of scores or texts.
    pub fn count(&self) -> usize {
        self.values.len() + self.texts.len()
    }

    /// Returns the cell's texts, each once, in the order of the seeds: `tf-idf / counts`.
    pub fn text(&self) -> Option<String> {
        let mut distinct: Vec<&str> = Vec::new();
        for text in &self.texts {
            if !distinct.contains(&text.as_str()) {
                distinct.push(text);
            }
        }
        (!distinct.is_empty()).then(|| distinct.join(" / "))
    }

    /// Returns count, mean and spread of the scores, or `None` for no scores.
    pub fn summary(&self) -> Option<Summary> {
        let runs = self.runs();
        (!runs.is_empty()).then(|| Summary {
            n: runs.len(),
            mean: mean(&runs),
            standard_deviation: standard_deviation(&runs),
        })
    }

    /// Returns a score for each independent run: the mean of those that belong to it.
    fn runs(&self) -> Cow<'_, [f64]> {
        if self.units.is_empty() {
            return Cow::Borrowed(&self.values);
        }
        let mut runs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (unit, value) in self.units.iter().zip(&self.values) {
            runs.entry(*unit).or_default().push(*value);
        }
        Cow::Owned(runs.values().map(|values| mean(values)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn scores_of_one_run_are_averaged_before_they_spread() {
        let mut cell = Cell {
            values: vec![1.0, 3.0, 5.0, 7.0],
            ..Cell::default()
        };
        assert_eq!(cell.summary().unwrap().n, 4);
        cell.units = vec![0, 0, 1, 1];
        let summary = cell.summary().unwrap();
        assert_eq!((summary.n, summary.mean), (2, 4.0));
        assert_eq!(summary.standard_deviation, Some(8.0f64.sqrt()));
    }

    #[test]
    fn what_is_undefined_is_counted_and_said_once() {
        let undefined = |values: &[f64], lacking, reasons: &[&str]| {
            let mut cell = Cell {
                values: values.to_vec(),
                lacking,
                ..Cell::default()
            };
            let reasons: Vec<String> = reasons.iter().map(|&reason| reason.to_owned()).collect();
            cell.add_undefined(&reasons);
            cell.reasons
        };
        let (predictions, labels) = ("constant predictions", "constant labels");
        assert!(undefined(&[1.0], 0, &[]).is_empty());
        assert_eq!(
            undefined(&[], 0, &[predictions, predictions]),
            ["undefined: constant predictions"]
        );
        assert_eq!(
            undefined(&[1.0, 2.0], 1, &[predictions, labels, predictions]),
            [
                "undefined for 2 of 6: constant predictions",
                "undefined for 1 of 6: constant labels"
            ]
        );
    }
}

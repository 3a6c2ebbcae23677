use metrics::{mean, standard_deviation};

use crate::{Chosen, Citation};

/// One cell of a table: a score gathered over seeds, beside the published value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The scores, one per seed, in the order of the seeds.
    pub values: Vec<f64>,
    /// Of each score, which of those that the cell gathers it is: others may be lacking or undefined.
    pub places: Vec<usize>,
    /// What else there is to say of the scores, a sentence fragment each. Equal remarks of several cells share one note.
    pub remarks: Vec<String>,
    /// Why scores are lacking, a sentence fragment each: `pretrain[m=0.4] failed, see …/log`. Equal reasons
    /// of several cells share one note.
    pub reasons: Vec<String>,
    /// How many scores are not there yet. Those that are undefined are lacking for good: `reasons` alone tell of them.
    pub lacking: usize,
    /// What the paper prints in this place.
    pub published: Option<Published>,
    /// Which point of a grid the scores are of, where one was searched.
    pub chosen: Option<Chosen>,
    /// The notes of stages that concern it: places in the table's `footnotes`.
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
    /// Whether it was read in a source, rather than remembered.
    pub verified: bool,
}

/// What a cell says of its scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many scores there are.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divisor n - 1), if there is more than one and it is a number.
    pub standard_deviation: Option<f64>,
}

impl Cell {
    /// Adds to the reasons how many scores of the cell are undefined, and why: `undefined_for` has a reason for each.
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

    /// Returns count, mean and spread of the scores, or `None` when there are none.
    pub fn summary(&self) -> Option<Summary> {
        (!self.values.is_empty()).then(|| Summary {
            n: self.values.len(),
            mean: mean(&self.values),
            standard_deviation: standard_deviation(&self.values),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

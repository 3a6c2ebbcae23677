use metrics::{mean, standard_deviation};

use crate::{Chosen, Citation};

/// One cell of a table: a score gathered over seeds, beside the published value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The scores, one per seed, in the order of the seeds.
    pub values: Vec<f64>,
    /// Why scores are lacking, a sentence fragment each: `pretrain[m=0.4] failed, see …/log`. Equal reasons
    /// of several cells share one note.
    pub reasons: Vec<String>,
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
    /// Their sample standard deviation (divisor n - 1), if there is more than one.
    pub standard_deviation: Option<f64>,
}

impl Cell {
    /// Returns count, mean and spread of the scores, or `None` when there are none.
    pub fn summary(&self) -> Option<Summary> {
        (!self.values.is_empty()).then(|| Summary {
            n: self.values.len(),
            mean: mean(&self.values),
            standard_deviation: standard_deviation(&self.values),
        })
    }
}

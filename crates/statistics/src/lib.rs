//! Whether one procedure scores better than another, over seeds and examples.
//!
//! | question | answered by |
//! | --- | --- |
//! | how the difference varies over seeds and examples | [`Bootstrap`]: the Multi-Bootstrap of Sellam et al. 2022, paired, unpaired or nested |
//! | whether few seeds show it | [`Student`]: the t test over seed differences, or Welch's |
//! | whether it rests on a distribution | [`Permutation`]: of signs, or of samples |
//! | whether it is one of many | [`holm`] |
//! | how many seeds would tell | [`seeds_needed`] |
//!
//! With few seeds the bootstrap is too narrow where seeds matter: of S seeds it finds (S - 1) / S of their variance. Student's t is
//! too narrow where examples matter, of which it knows nothing. So a [`Verdict`] takes the intervals of both, and of Student's t with
//! the examples' part of the error added, whatever the number of seeds (`examples/coverage.rs` measures how often each is wrong), and
//! there is none for two seeds. Runs that share a seed are no replicates: their scores are averaged in one [`Unit`]. With one score on
//! each side the bootstrap draws examples alone, and what it says holds of these two runs.
//!
//! All draws are functions of (seed, purpose, draw), so results depend neither on threads nor on what else is compared.

mod bootstrap;
mod comparison;
mod permutation;
mod power;
mod special;
mod student;

pub use bootstrap::{
    Drawing, Drawn, Picked, Score, Stratum, Unit, differences, quantile, resample,
};
pub use comparison::{Bootstrap, Comparison, FEWEST, Judged, Options, Verdict, holm, judge};
pub use permutation::Permutation;
pub use power::{Needed, seeds_needed};
pub use student::{Student, normal_quantile, quantile as t_quantile, two_sided};

/// Where a difference lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Returns the arithmetic mean; NaN for no values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

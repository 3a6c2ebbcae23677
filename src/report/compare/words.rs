//! Verdicts in words.

use metrics::Direction;
use statistics::{Judged, Verdict, judge};

use super::{Answer, Compared};

/// What is said of the second row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is better than the first.
    Better,
    /// It is worse.
    Worse,
    /// The difference may be chance.
    NotSettled,
    /// There are too few seeds for a verdict.
    TooFew,
}

impl Told {
    /// Returns the words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NotSettled => "not settled",
            Self::TooFew => "no verdict",
        }
    }
}

/// Judges answers that are told together, those with a comparison: what is said of each, and the corrected probability.
pub fn told(answers: &[&Answer], level: f64) -> Vec<Option<(Told, Option<f64>)>> {
    let compared = answers.iter().filter_map(|answer| answer.as_ref().ok());
    let comparisons: Vec<_> = compared.map(|compared| &compared.comparison).collect();
    let mut judged = judge(&comparisons, level).into_iter();
    let told = answers.iter().map(|answer| {
        let compared = answer.as_ref().ok()?;
        let Judged { verdict, p } = judged.next()?;
        Some((word(compared, verdict), p))
    });
    told.collect()
}

fn word(compared: &Compared, verdict: Verdict) -> Told {
    match (verdict, compared.direction) {
        (Verdict::Higher, Direction::Higher) | (Verdict::Lower, Direction::Lower) => Told::Better,
        (Verdict::Higher, Direction::Lower) | (Verdict::Lower, Direction::Higher) => Told::Worse,
        (Verdict::NotSettled, _) => Told::NotSettled,
        (Verdict::TooFew | Verdict::NothingToGoBy, _) => Told::TooFew,
    }
}

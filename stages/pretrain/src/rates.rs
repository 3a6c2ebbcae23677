//! Masking rates that change: over the updates of a run, or from sequence to sequence.
//!
//! Schedules are those of Ankner et al., *Dynamic Masking Rate Schedules for MLM Pretraining* (EACL 2024, arXiv 2305.15096): with p₀ and
//! p₁ at the ends and t of T updates made,
//!
//! * linear: p₀ + (t/T) · (p₁ − p₀);
//! * cosine: p₀ + (p₁ − p₀)/2 · (1 + cos((1 − t/T) · π));
//! * step: p₀ in the first half, p₁ from update T/2 on.
//!
//! All sequences of an update have one rate, but for the copies of a sequence that are divided between two updates: they have the rate of
//! the first, so that they stay disjoint. The schedule knows nothing of that of the learning rate.
//!
//! A rate of the shape `random` is drawn for each sequence and visit anew, uniformly between the ends, as in training by masked
//! diffusion (without its weights).

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::copies::Rates;

/// A rate, as it is declared: a number, or its course.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rate {
    /// The same for all sequences.
    Constant(f64),
    /// One that changes.
    Course(Course),
}

/// A rate that changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The rate of the first update; one end of the rates drawn.
    pub from: f64,
    /// The rate that the run ends with; the other end.
    pub to: Option<f64>,
    /// The way from one to the other.
    pub shape: Shape,
}

/// The way of a rate from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// The first value throughout.
    Constant,
    /// In equal steps.
    Linear,
    /// Along half a cosine.
    Cosine,
    /// At once, halfway.
    Step,
    /// None: each sequence draws a value between the two.
    Random,
}

impl Shape {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["constant", "linear", "cosine", "step", "random"];
}

impl Rate {
    /// Returns the rate after the share `done` of the updates, for a sequence that drew `u`; both in [0, 1).
    pub fn at(&self, done: f64, u: f64) -> f64 {
        let course = match self {
            Self::Constant(rate) => return *rate,
            Self::Course(course) => course,
        };
        let (from, to) = (course.from, course.to.unwrap_or(course.from));
        match course.shape {
            Shape::Constant => from,
            Shape::Linear => from + done * (to - from),
            // libm's cosine is the same on every machine; the standard library's depends on the platform.
            Shape::Cosine => from + (to - from) / 2.0 * (1.0 + libm::cos((1.0 - done) * PI)),
            Shape::Step if done < 0.5 => from,
            Shape::Step => to,
            Shape::Random => from + u * (to - from),
        }
    }

    /// Returns the rate that a run ends with; the mean of those that are drawn.
    pub fn last(&self) -> f64 {
        self.at(1.0, 0.5)
    }

    /// Returns both ends: the same one twice for a constant rate.
    pub fn ends(&self) -> [f64; 2] {
        match self {
            Self::Constant(rate) => [*rate; 2],
            Self::Course(course) => [course.from, course.to.unwrap_or(course.from)],
        }
    }

    /// Whether each sequence draws its own.
    pub fn is_random(&self) -> bool {
        matches!(self, Self::Course(course) if course.shape == Shape::Random)
    }
}

/// The rates of corruption and prediction over a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Share of a sequence's tokens that is corrupted.
    pub corrupt: Rate,
    /// Share that is predicted; `None` for what is corrupted.
    pub predict: Option<Rate>,
}

impl Schedule {
    /// The same rates for all sequences.
    pub fn constant(rates: Rates) -> Self {
        Self {
            corrupt: Rate::Constant(rates.corrupt),
            predict: Some(Rate::Constant(rates.predict)),
        }
    }

    /// Returns the rates after the share `done` of the updates, for a sequence that drew `u`.
    pub fn at(&self, done: f64, u: f64) -> Rates {
        let corrupt = self.corrupt.at(done, u);
        Rates {
            corrupt,
            predict: self.predict.map_or(corrupt, |rate| rate.at(done, u)),
        }
    }

    /// Returns the rates that a run ends with; the means of those that are drawn.
    pub fn last(&self) -> Rates {
        let corrupt = self.corrupt.last();
        Rates {
            corrupt,
            predict: self.predict.map_or(corrupt, |rate| rate.last()),
        }
    }

    /// Whether sequences draw rates.
    pub fn is_random(&self) -> bool {
        self.corrupt.is_random() || self.predict.is_some_and(|rate| rate.is_random())
    }

    /// Returns two numbers of copies of a sequence that the rates take at different times, if there are such.
    pub fn differing_copies(&self) -> Option<[usize; 2]> {
        const POINTS: u32 = 1000;
        let copies = |point: u32| {
            let share = f64::from(point) / f64::from(POINTS);
            self.at(share, share).copies()
        };
        let first = copies(0);
        let other = (1..=POINTS).map(copies).find(|&other| other != first)?;
        Some([first, other])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(from: f64, to: f64, shape: Shape) -> Rate {
        Rate::Course(Course {
            from,
            to: Some(to),
            shape,
        })
    }

    #[test]
    fn schedules_have_the_published_forms() {
        for (shape, expected) in [
            (Shape::Constant, [0.3, 0.3, 0.3, 0.3]),
            (Shape::Linear, [0.3, 0.2625, 0.225, 0.1875]),
            (
                Shape::Cosine,
                [
                    0.3,
                    0.278_033_008_588_991_06,
                    0.225,
                    0.171_966_991_411_008_9,
                ],
            ),
            (Shape::Step, [0.3, 0.3, 0.15, 0.15]),
        ] {
            let rate = course(0.3, 0.15, shape);
            for (done, expected) in [0.0, 0.25, 0.5, 0.75].into_iter().zip(expected) {
                let found = rate.at(done, 0.9);
                assert!((found - expected).abs() < 1e-12, "{shape:?} {done} {found}");
            }
        }
        assert_eq!(course(0.3, 0.15, Shape::Linear).last(), 0.15);
        assert!((course(0.3, 0.1, Shape::Random).last() - 0.2).abs() < 1e-12);
        assert!((course(0.2, 0.6, Shape::Random).at(0.7, 0.25) - 0.3).abs() < 1e-12);
        assert_eq!(Rate::Constant(0.4).at(0.3, 0.9), 0.4);
    }

    #[test]
    fn a_changing_number_of_copies_is_found() {
        let falls = course(0.3, 0.15, Shape::Linear);
        let schedule = |corrupt, predict| Schedule { corrupt, predict };
        assert_eq!(schedule(falls, None).differing_copies(), None);
        // The control of Ankner et al.: corruption falls, and the loss is on 15 % throughout.
        let loss_on_15 = schedule(falls, Some(Rate::Constant(0.15)));
        assert_eq!(loss_on_15.differing_copies(), None);
        let loss_on_30 = schedule(falls, Some(Rate::Constant(0.30)));
        assert_eq!(loss_on_30.differing_copies(), Some([1, 2]));
    }
}

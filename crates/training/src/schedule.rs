//! The learning rate over time.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The course of the learning rate after the warm-up. The names are those of Hugging Face's schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The rate falls linearly to zero (Wettig et al. 2023, after Izsak et al. 2021).
    #[default]
    Linear,
    /// The rate stays at the peak.
    Constant,
    /// The rate stays at the peak, then falls linearly to zero over the last share of all updates (Zhai et al. 2022; Hu et al. 2024
    /// call this warmup-stable-decay).
    WarmupStableDecay,
    /// The rate falls to zero along half a cosine (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

impl Shape {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] =
        &["linear", "constant", "warmup-stable-decay", "cosine"];
}

/// Linear warm-up from zero to a peak, followed by a course of one of the [`Shape`]s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f64,
    /// Updates until the rate reaches the peak.
    pub warmup_steps: u32,
    /// Updates at the end over which the rate of [`Shape::WarmupStableDecay`] falls.
    pub decay_steps: u32,
    /// Updates of the whole run.
    pub total_steps: u32,
    /// Course after the warm-up.
    pub shape: Shape,
}

impl Schedule {
    /// Makes a schedule of a warm-up and a linear fall.
    pub fn linear(peak: f64, warmup_steps: u32, total_steps: u32) -> Self {
        Self {
            peak,
            warmup_steps,
            decay_steps: 0,
            total_steps,
            shape: Shape::Linear,
        }
    }

    /// Returns the learning rate of update `step`, counted from 0.
    ///
    /// In the warm-up the rate is `peak · (step + 1) / warmup_steps`, so that no update is wasted at rate 0. In the linear fall
    /// it is `peak · (total_steps - step) / (total_steps - warmup_steps)`, which would reach 0 one update after the last.
    pub fn rate(&self, step: u32) -> f64 {
        if step < self.warmup_steps {
            return self.peak * f64::from(step + 1) / f64::from(self.warmup_steps);
        }
        let left = self.total_steps.saturating_sub(step);
        let after_warmup = self.total_steps.saturating_sub(self.warmup_steps);
        match self.shape {
            Shape::Constant => self.peak,
            Shape::Linear => self.fall(left, after_warmup),
            Shape::WarmupStableDecay => {
                let decay = self.decay_steps.min(after_warmup);
                match left < decay {
                    true => self.fall(left, decay),
                    false => self.peak,
                }
            }
            Shape::Cosine if after_warmup == 0 => 0.0,
            Shape::Cosine => {
                let done = f64::from(after_warmup - left) / f64::from(after_warmup);
                // libm's cosine is the same on every machine; the standard library's depends on the platform.
                self.peak * 0.5 * (1.0 + libm::cos(PI * done))
            }
        }
    }

    fn fall(&self, left: u32, over: u32) -> f64 {
        match over {
            0 => 0.0,
            over => self.peak * f64::from(left) / f64::from(over),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(schedule: Schedule, steps: u32) -> Vec<f64> {
        (0..steps).map(|step| schedule.rate(step)).collect()
    }

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let rates = rates(Schedule::linear(2.0, 4, 12), 14);
        assert_eq!(rates[..4], [0.5, 1.0, 1.5, 2.0]);
        assert_eq!(
            rates[4..],
            [2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
        );
    }

    #[test]
    fn without_warm_up_the_first_update_has_the_peak() {
        assert_eq!(rates(Schedule::linear(1.0, 0, 2), 3), [1.0, 0.5, 0.0]);
    }

    #[test]
    fn a_constant_rate_stays_and_a_late_decay_falls_at_the_end() {
        let schedule = |shape| Schedule {
            peak: 2.0,
            warmup_steps: 2,
            decay_steps: 4,
            total_steps: 10,
            shape,
        };
        let constant = rates(schedule(Shape::Constant), 12);
        assert_eq!(constant[..2], [1.0, 2.0]);
        assert!(constant[2..].iter().all(|rate| *rate == 2.0));
        assert_eq!(
            rates(schedule(Shape::WarmupStableDecay), 11),
            [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0]
        );
    }

    #[test]
    fn half_a_cosine_is_at_the_half_in_the_middle() {
        let schedule = Schedule {
            peak: 2.0,
            warmup_steps: 2,
            decay_steps: 0,
            total_steps: 10,
            shape: Shape::Cosine,
        };
        let rates = rates(schedule, 11);
        assert_eq!((rates[1], rates[2], rates[10]), (2.0, 2.0, 0.0));
        assert!((rates[6] - 1.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn no_rate_is_beyond_the_peak_or_below_zero(
            shape in prop::sample::select(vec![
                Shape::Linear, Shape::Constant, Shape::WarmupStableDecay, Shape::Cosine,
            ]),
            warmup_steps in 0..50_u32, decay_steps in 0..50_u32, total_steps in 0..50_u32, step in 0..60_u32,
        ) {
            let schedule = Schedule { peak: 3.0, warmup_steps, decay_steps, total_steps, shape };
            let rate = schedule.rate(step);
            prop_assert!((0.0..=3.0).contains(&rate), "{}", rate);
        }
    }
}

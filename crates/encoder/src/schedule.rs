//! Learning rate over time.

/// Linear warm-up from zero to a peak, then linear decay to zero (Wettig et al. 2023, after Izsak et al. 2021).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f64,
    /// Updates until the peak.
    pub warmup_steps: u32,
    /// Updates in all.
    pub total_steps: u32,
}

impl Schedule {
    /// Returns the learning rate of update `step`, counted from 0.
    ///
    /// The warm-up takes `peak · (step + 1) / warmup_steps`, so that no update is wasted at rate 0; after it comes
    /// `peak · (total_steps - step) / (total_steps - warmup_steps)`, which would be 0 for the update after the last.
    pub fn rate(&self, step: u32) -> f64 {
        if step < self.warmup_steps {
            return self.peak * f64::from(step + 1) / f64::from(self.warmup_steps);
        }
        let decay = self.total_steps.saturating_sub(self.warmup_steps);
        let left = self.total_steps.saturating_sub(step);
        if decay == 0 {
            0.0
        } else {
            self.peak * f64::from(left) / f64::from(decay)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let schedule = Schedule {
            peak: 2.0,
            warmup_steps: 4,
            total_steps: 12,
        };
        let rates: Vec<f64> = (0..=13).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates[..4], [0.5, 1.0, 1.5, 2.0]);
        assert_eq!(
            rates[4..],
            [2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
        );
    }

    #[test]
    fn without_warm_up_the_first_update_has_the_peak() {
        let schedule = Schedule {
            peak: 1.0,
            warmup_steps: 0,
            total_steps: 2,
        };
        assert_eq!(
            [schedule.rate(0), schedule.rate(1), schedule.rate(2)],
            [1.0, 0.5, 0.0]
        );
    }
}

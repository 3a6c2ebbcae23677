//! The speed of a stage, and the amount of its work.

use std::time::Instant;

use crate::{Context, Event};

/// Counts the tokens that an encoder reads and the operations that this takes, for progress lines and the cost record. When
/// dropped, the meter reports both counts to the context.
pub struct Meter<'a> {
    context: &'a Context,
    began: Instant,
    tokens: usize,
    operations: f64,
}

impl<'a> Meter<'a> {
    /// Starts the clock.
    pub fn start(context: &'a Context) -> Self {
        Self {
            context,
            began: Instant::now(),
            tokens: 0,
            operations: 0.0,
        }
    }

    /// Adds tokens, and floating-point operations of matrix products.
    pub fn count(&mut self, tokens: usize, operations: f64) {
        self.tokens += tokens;
        self.operations += operations;
    }

    /// Returns the speed so far: `4.1k tok/s`, followed by `72% of peak` if the machine's peak is known.
    pub fn speed(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64().max(1e-9);
        let tokens = self.tokens as f64 / seconds / 1e3;
        match self.context.peak() {
            Some(peak) => {
                let share = self.operations / seconds / peak;
                format!("{tokens:.1}k tok/s · {:.0}% of peak", 100.0 * share)
            }
            None => format!("{tokens:.1}k tok/s"),
        }
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        for (amount, unit) in [
            (self.tokens as f64, "token"),
            (self.operations, Event::OPERATION),
        ] {
            self.context.tell(&Event::Worked {
                amount,
                unit: unit.into(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::Observer;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<Event>>>);

    impl Observer for Heard {
        fn observe(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn what_was_counted_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let heard = Heard::default();
        let context = Context::in_folder(folder.path())
            .unwrap()
            .with_observer(Box::new(heard.clone()));
        let mut meter = Meter::start(&context);
        assert!(meter.speed().ends_with("k tok/s"));
        meter.count(3, 1e3);
        meter.count(4, 1e3);
        drop(meter);
        let worked = |amount, unit: &str| Event::Worked {
            amount,
            unit: unit.into(),
        };
        let expected = [worked(7.0, "token"), worked(2e3, "flop")];
        assert_eq!(*heard.0.lock().unwrap(), expected);
        let context = context.with_peak(Some(1e30));
        assert!(
            Meter::start(&context)
                .speed()
                .ends_with("k tok/s · 0% of peak")
        );
    }
}

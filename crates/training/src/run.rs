//! The training loop.

use contract::{Context, Event, Meter, StageError};
use encoder::{AdamW, Mode, audit_except};
use metrics::log::Log;

use crate::log;
use crate::objective::{Further, Measure, Objective};
use crate::options::Options;
use crate::reduction::Reduction;
use crate::start::{STATE_FILE, Start};
use crate::{best, checkpoint, kept};

/// The outcome of a run, besides the objective's parameters and the files that the run wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The measurement of the weights that the run ends with; `None` where none was made.
    pub measured: Option<Vec<f64>>,
}

/// Makes the updates of a run and leaves the objective's parameters as the run ends: as they are after the last update, or as
/// they were at the best measurement. Log, measurements, kept encoders and training state are written to the context's output
/// folder.
///
/// Must be called on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// When a parameter receives no gradient, or a loss, gradient or measurement is not finite (the error names the update); when the
/// stage was asked to stop; when a file cannot be read or written; and the errors of the objective.
pub fn train<O: Objective>(
    objective: &mut O,
    options: &Options,
    updates: u32,
    start: Start<'_>,
    context: &Context,
) -> Result<Trained, StageError> {
    let parameters = objective.parameters();
    let measure = O::MEASURE.filter(|measure| measure.always || options.validate_every > 0);
    let mut run = Run {
        options,
        updates,
        context,
        optimizer: AdamW::new(parameters, options.optimizer())?,
        reduction: Reduction::new(parameters, options.gradient_parts),
        log: Log::new(O::LOG).shown(context.rows(log::FILE)),
        further: objective.further().map(|further| {
            let log = Log::new(further.columns).shown(context.rows(further.file));
            (further, log)
        }),
        measured: measure.map(|measure| {
            let log = Log::new(measure.columns).shown(context.rows(measure.file));
            (measure, log)
        }),
        objective,
    };
    let first = start.begin(&mut run.optimizer, updates)?;
    kept::check(&options.keep_at, first)?;
    run.train(first)?;
    run.finish()
}

/// The state of a run.
struct Run<'a, O> {
    objective: &'a mut O,
    options: &'a Options,
    updates: u32,
    context: &'a Context,
    optimizer: AdamW,
    reduction: Reduction,
    log: Log,
    /// The objective's further log, if it keeps one.
    further: Option<(Further, Log)>,
    /// The measurements and their log, if the objective makes any.
    measured: Option<(Measure, Log)>,
}

impl<O: Objective> Run<'_, O> {
    /// Makes the remaining updates. The first `first` updates were made by another run.
    fn train(&mut self, first: u32) -> Result<(), StageError> {
        let total = self.updates;
        let schedule = self.options.schedule(total);
        let start = self.restore(first)?;
        if start == first {
            self.keep(start)?;
        }
        let mut meter = Meter::start(self.context);
        for step in start..total {
            self.update(step, schedule.rate(step), step == start, &mut meter)?;
            let done = step + 1;
            self.tell(done, &meter);
            self.keep(done)?;
            if done < total && is_due(done, self.options.validate_every) {
                self.measure(done)?;
            }
            let stop = self.context.should_stop();
            if stop || (done < total && is_due(done, self.options.checkpoint_every)) {
                self.save(done)?;
            }
            if stop {
                return Err(StageError::Interrupted);
            }
        }
        self.measure(total)?;
        self.tell(total, &meter);
        Ok(())
    }

    /// Goes on from the newest checkpoint if all that belongs to it is whole, and returns the number of updates made.
    fn restore(&mut self, first: u32) -> Result<u32, StageError> {
        let Some(found) = self.context.latest_checkpoint()? else {
            return Ok(first);
        };
        let done = u32::try_from(found.done).map_err(StageError::failed)?;
        let (checkpoints, keep_at) = (self.context.checkpoints(), &self.options.keep_at);
        let mut missing = kept::missing(checkpoints, keep_at, done)?;
        if let Some((measure, _)) = self.measured.as_ref().filter(|_| self.options.keep_best) {
            let mut log = Log::new(measure.columns);
            log.extend_from(&found.path.join(measure.file))?;
            let best = best::missing(checkpoints, measure, &log, done)?;
            missing = missing.or(best);
        }
        if missing.is_some() {
            // Only a new beginning makes it again.
            self.context.tell(&Event::PassedOver {
                done: found.done,
                beside: missing,
            });
            return Ok(first);
        }
        let parameters = self.objective.parameters();
        checkpoint::restore(&found.path, parameters, &mut self.optimizer)?;
        self.log.extend_from(&found.path.join(log::FILE))?;
        if let Some((further, log)) = &mut self.further {
            log.extend_from(&found.path.join(further.file))?;
        }
        if let Some((measure, log)) = &mut self.measured {
            log.extend_from(&found.path.join(measure.file))?;
        }
        self.context.tell(&Event::Resumed { done: found.done });
        Ok(done)
    }

    fn save(&self, done: u32) -> Result<(), StageError> {
        let parameters = self.objective.parameters();
        checkpoint::save(self.context, done, parameters, &self.optimizer, |folder| {
            self.write_logs(folder)
        })
    }

    fn write_logs(&self, folder: &std::path::Path) -> Result<(), StageError> {
        self.log.write(&folder.join(log::FILE))?;
        if let Some((further, log)) = &self.further {
            log.write(&folder.join(further.file))?;
        }
        match &self.measured {
            Some((measure, log)) => log.write(&folder.join(measure.file)),
            None => Ok(()),
        }
    }

    /// Reports progress after `done` updates.
    fn tell(&self, done: u32, meter: &Meter<'_>) {
        let loss = self.log.last();
        let loss = loss.map(|(_, numbers)| format!("loss {:.2}", numbers[0]));
        let measured = self.measured.as_ref().and_then(|(measure, log)| {
            let (_, numbers) = log.last()?;
            Some(format!("{} {:.1}", measure.columns[1].name, numbers[0]))
        });
        let parts = [loss, measured, Some(meter.speed())];
        let note: Vec<String> = parts.into_iter().flatten().collect();
        let total = u64::from(self.updates);
        self.context
            .progress(u64::from(done), total, "step", note.join(" · "));
    }

    /// Makes the update `step`, counted from 0. With `audited`, fails if a parameter receives no gradient.
    fn update(
        &mut self,
        step: u32,
        rate: f64,
        audited: bool,
        meter: &mut Meter<'_>,
    ) -> Result<(), StageError> {
        let number = i64::from(step) + 1;
        let batch = self.objective.batch(step)?;
        let extent = self.objective.extent(&batch);
        meter.count(extent.tokens, 3.0 * extent.forward);
        let mode = Mode::Train {
            seed: self.options.seed,
            step,
        };
        let objective = &*self.objective;
        let sum = self
            .reduction
            .sum(objective, &batch, extent.samples, mode)?;
        let gradients = self.reduction.gradients();
        gradients.scale(1.0 / extent.terms as f64);
        let loss = sum / extent.terms as f64;
        let finite = |what: &str, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(StageError::failed(format!(
                "the {what} of update {number} is not finite ({value}): the run has diverged; lower lr or set max_grad_norm"
            ))),
        };
        finite("loss", loss)?;
        let parameters = objective.parameters();
        if audited {
            audit_except(parameters, gradients, O::HIDDEN_AT_FIRST)?;
        }
        let limit = self.options.max_grad_norm;
        let norm = match limit > 0.0 {
            true => gradients.clip(limit),
            false => gradients.norm(),
        };
        finite("gradient", norm)?;
        self.optimizer.step(parameters, gradients, rate)?;
        let mut row = vec![loss, rate, norm];
        row.extend(objective.row(&batch));
        self.log.push(number, &row);
        if let Some((_, log)) = &mut self.further {
            log.push(number, &objective.further_row(&batch));
        }
        Ok(())
    }

    /// Keeps the encoder if `keep_at` names `done`.
    fn keep(&self, done: u32) -> Result<(), StageError> {
        if !self.options.keep_at.contains(&done) {
            return Ok(());
        }
        let checkpoints = self.context.checkpoints();
        kept::keep(checkpoints, done, |folder| self.objective.save(folder))
    }

    /// Measures the parameters after `done` updates, if the objective makes measurements.
    fn measure(&mut self, done: u32) -> Result<(), StageError> {
        let Some((measure, log)) = &mut self.measured else {
            return Ok(());
        };
        let numbers = self.objective.measure()?;
        log.push(i64::from(done), &numbers);
        if self.options.keep_best {
            let parameters = self.objective.parameters();
            best::offer(self.context.checkpoints(), measure, log, parameters)?;
        }
        Ok(())
    }

    /// Writes the run's files, and sets the parameters to the weights that the run ends with.
    fn finish(self) -> Result<Trained, StageError> {
        let (output, checkpoints) = (self.context.output(), self.context.checkpoints());
        self.write_logs(output)?;
        kept::give(checkpoints, &self.options.keep_at, self.updates, output)?;
        if self.options.keep_state {
            self.optimizer.save(&output.join(STATE_FILE))?;
        }
        let measured = match &self.measured {
            None => None,
            Some((measure, log)) if self.options.keep_best => {
                best::restore(checkpoints, measure, log, self.objective.parameters())?
            }
            Some((_, log)) => log.last().map(|(_, numbers)| numbers),
        };
        Ok(Trained {
            measured: measured.map(<[f64]>::to_vec),
        })
    }
}

/// Whether an event that happens every `every` updates (0: never) happens after `done` updates.
fn is_due(done: u32, every: u32) -> bool {
    every > 0 && done.is_multiple_of(every)
}

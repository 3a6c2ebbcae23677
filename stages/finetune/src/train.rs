//! The training loop.

use std::path::Path;

use benchmarks::Task;
use contract::{Column, ColumnType, Context, Meter, OutputFile, StageError};
use encoder::{
    AdamW, Encoder, Gradients, Mode, Schedule, audit, restore_checkpoint, save_checkpoint,
};
use metrics::log::Log;
use metrics::scores;
use tokenize::Tokenizer;

use crate::examples::{self, Encoded, Reader};
use crate::held_out;
use crate::model::Model;
use crate::order::Order;
use crate::parameters::Parameters;
use crate::predictions;

/// Loss, learning rate and gradient norm of each update.
type TrainingLog = Log<3>;

/// The file of these.
const LOG: &str = "log.parquet";

/// Its columns.
const UPDATES: &[Column] = &[
    Column::new("step", ColumnType::Integer, "the update, counted from 1"),
    Column::new(
        "loss",
        ColumnType::Number,
        "mean over the batch: cross-entropy in nats, or squared error",
    ),
    Column::new(
        "learning_rate",
        ColumnType::Number,
        "the rate that the update was made with",
    ),
    Column::new(
        "gradient_norm",
        ColumnType::Number,
        "Euclidean norm of the gradient, before clipping",
    ),
];

/// The files of what fine-tuning makes.
pub(crate) const FILES: &[OutputFile] = &[
    scores::DOCUMENTED,
    OutputFile::log(LOG, UPDATES, "the training, a row for each update"),
    metrics::predictions::DOCUMENTED,
];

/// Trains the encoder in the folder `encoder` on the benchmark artifact `data` and writes scores, predictions and the
/// log to the context's output folder.
///
/// Call it on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// # Errors
/// When a folder does not hold what it should, a parameter receives no gradient, a loss, gradient or prediction is not
/// finite, the stage is asked to stop, or a file cannot be written.
pub(crate) fn train(
    parameters: &Parameters,
    encoder: &Path,
    data: &Path,
    context: &Context,
) -> Result<(), StageError> {
    let mut task = benchmarks::read_labelled(data)?;
    examples::limit(
        &mut task,
        parameters.train_examples,
        parameters.eval_examples,
    );
    let held_out = held_out::set_aside(&mut task, parameters.held_out)?;
    let folder = encoder;
    let encoder = Encoder::load_unless_stopped(folder, context)?
        .with_precision(parameters.precision.resolve()?)
        .with_dropout(
            parameters.dropout,
            parameters.attention_dropout,
            parameters.head_dropout,
        )?;
    let tokenizer = Tokenizer::load(folder)?;
    let reader = Reader::new(&tokenizer, encoder.config(), parameters.max_length)?;
    let train = reader.read(&task.train);
    reader.note_cut("training", &train, context);
    let model = Model::new(encoder, &task, parameters.pooling, parameters.seed)?;

    let log = Run {
        parameters,
        context,
        order: Order::new(parameters.seed, train.len(), parameters.batch),
        optimizer: AdamW::new(model.parameters(), parameters.optimizer())?,
        gradients: Gradients::zeros(model.parameters()),
        log: Log::new(UPDATES).shown(context.rows(LOG)),
        examples: &train,
        model: &model,
    }
    .updates()?;

    log.write(&context.output().join(LOG))?;
    score(&task, held_out.as_ref(), &model, &reader, context)
}

/// Predicts the development splits and what was set aside, and writes predictions and scores.
fn score(
    task: &Task,
    held_out: Option<&Task>,
    model: &Model,
    reader: &Reader<'_>,
    context: &Context,
) -> Result<(), StageError> {
    let validation = reader.read(&task.validation);
    let mismatched = task.validation_mismatched.as_ref();
    let mismatched = mismatched.map(|examples| reader.read(examples));
    let scored = validation.iter().chain(mismatched.iter().flatten());
    reader.note_cut("development", scored, context);
    let validation = model.predict(&validation)?;
    let mismatched = match mismatched {
        Some(examples) => Some(model.predict(&examples)?),
        None => None,
    };
    let mut splits = vec![("validation", &task.validation[..], &validation[..])];
    if let (Some(examples), Some(found)) = (&task.validation_mismatched, &mismatched) {
        splits.push(("validation_mismatched", examples, found));
    }
    let mut all = task.scores(&validation, mismatched.as_deref())?;
    let predicted;
    if let Some(held_out) = held_out {
        predicted = model.predict(&reader.read(&held_out.validation))?;
        all.extend(held_out::scores(held_out, &predicted)?);
        splits.push((held_out::SPLIT, &held_out.validation, &predicted));
    }
    predictions::write(context.output(), task, &splits)?;
    scores::write(context.output(), &all)
}

/// A run under way.
struct Run<'a> {
    parameters: &'a Parameters,
    context: &'a Context,
    order: Order,
    optimizer: AdamW,
    gradients: Gradients,
    log: TrainingLog,
    examples: &'a [Encoded],
    model: &'a Model,
}

impl Run<'_> {
    /// Makes all updates that are still to make and returns the log.
    fn updates(mut self) -> Result<TrainingLog, StageError> {
        let total = self.order.updates() * self.parameters.epochs;
        let schedule = Schedule {
            peak: self.parameters.lr,
            warmup_steps: (self.parameters.warmup * f64::from(total)).round() as u32,
            total_steps: total,
        };
        let trained = self.model.parameters();
        let start = restore_checkpoint(self.context, trained, &mut self.optimizer, |folder| {
            self.log.extend_from(&folder.join(LOG))
        })?;
        let mut meter = Meter::start(self.context);
        for step in start..total {
            let loss = self.update(step, schedule.rate(step), step == start, &mut meter)?;
            let done = step + 1;
            let note = format!("loss {loss:.2} · {}", meter.speed());
            self.context
                .progress(u64::from(done), u64::from(total), "step", note);
            let stop = self.context.should_stop();
            let due = done < total && done.is_multiple_of(self.parameters.checkpoint_every);
            if stop || due {
                save_checkpoint(self.context, done, trained, &self.optimizer, |folder| {
                    self.log.write(&folder.join(LOG))
                })?;
            }
            if stop {
                return Err(StageError::Interrupted);
            }
        }
        Ok(self.log)
    }

    /// Makes the update `step` (from 0) and returns its loss. With `audited`, refuses to if a parameter receives no
    /// gradient.
    fn update(
        &mut self,
        step: u32,
        rate: f64,
        audited: bool,
        meter: &mut Meter<'_>,
    ) -> Result<f64, StageError> {
        let number = i64::from(step) + 1;
        let chosen: Vec<&Encoded> = self
            .order
            .update(step)
            .iter()
            .map(|&at| &self.examples[at])
            .collect();
        let lengths = chosen.iter().map(|example| example.ids.len());
        let forward = self.model.config().forward_operations(lengths.clone(), 0);
        meter.count(lengths.sum(), 3.0 * forward);
        let mode = Mode::Train {
            seed: self.parameters.seed,
            step,
        };
        let gradients = &mut self.gradients;
        let loss = self.model.loss(&chosen, mode, gradients)?;
        if !loss.is_finite() {
            return Err(not_finite("loss", number));
        }
        let trained = self.model.parameters();
        if audited {
            audit(trained, gradients)?;
        }
        let norm = if self.parameters.clip > 0.0 {
            gradients.clip(self.parameters.clip)
        } else {
            gradients.norm()
        };
        if !norm.is_finite() {
            return Err(not_finite("gradient", number));
        }
        self.optimizer.step(trained, gradients, rate)?;
        self.log.push(number, [loss, rate, norm]);
        Ok(loss)
    }
}

fn not_finite(what: &str, update: i64) -> StageError {
    StageError::failed(format!(
        "the {what} of update {update} is not finite: the run has diverged; lower lr or set clip"
    ))
}

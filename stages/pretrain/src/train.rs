//! The training loop.

use std::path::Path;

use contract::{Context, Meter, StageError};
use encoder::{
    AdamW, Encoder, Gradients, Mode, Schedule, audit, restore_checkpoint, save_checkpoint,
};
use kernels::Stream;
use metrics::scores::{self, Score};
use tokenize::{Blocks, Split, Tokenizer};

use crate::feed::Feed;
use crate::log::{Log, TrainingRow, ValidationRow};
use crate::loss::update_gradients;
use crate::masking::{Masker, Vocabulary};
use crate::parameters::{Initial, Parameters};
use crate::plan::Plan;
use crate::recipe::Recipe;
use crate::shown::Shown;
use crate::validation::{Perplexities, Perplexity, Validation};

/// Trains an encoder on the tokens artifact `tokens` and writes it, with its log, scores and recipe, to the context's
/// output folder.
///
/// Call it on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// # Errors
/// When the artifact lacks blocks or its blocks exceed the encoder's positions; when a parameter receives no gradient,
/// or a loss or gradient is not finite (the update is named); when asked to stop; when a file cannot be read or written.
pub fn train(parameters: &Parameters, tokens: &Path, context: &Context) -> Result<(), StageError> {
    let data = Data::open(parameters, tokens)?;
    let masker = data.masker(parameters);
    let plan = parameters.plan();
    let specials = data.tokenizer.specials();
    let config = parameters.config(data.tokenizer.vocabulary(), specials.pad);
    let encoder = match parameters.initial {
        Initial::Normal => Encoder::new(config, parameters.seed)?,
        Initial::Mimetic => Encoder::new(config, parameters.seed)?.with_mimetic_start()?,
    };
    let encoder = encoder.with_precision(parameters.precision.resolve()?);
    let validation = Validation::new(&data.validation, &masker, parameters.validation_blocks)?;

    let mut run = Run {
        parameters,
        context,
        plan,
        optimizer: AdamW::new(encoder.parameters(), parameters.optimizer())?,
        gradients: Gradients::zeros(encoder.parameters()),
        encoder,
        feed: Feed::new(&data.train, masker, plan, parameters.seed),
        validation,
        log: Log::default(),
    };
    let found = run.updates()?;

    let folder = context.output();
    run.encoder.save(folder)?;
    let longest = run.encoder.config().max_length();
    data.tokenizer.copy_files_for(longest, folder)?;
    run.log.write(folder)?;
    let scalars = run.encoder.parameters().scalars();
    Recipe::new(parameters, &plan, data.train.len(), scalars)?.write(folder)?;
    scores::write(
        folder,
        &[
            score(PERPLEXITY, found.own, true),
            score(PERPLEXITY_15, found.yardstick, false),
        ],
    )
}

/// What the scores are called: that at the rate of training, and that at a rate of 15 %.
pub(crate) const PERPLEXITY: &str = "perplexity";
pub(crate) const PERPLEXITY_15: &str = "perplexity_15";

fn score(name: &str, perplexity: Perplexity, main: bool) -> Score {
    Score {
        name: name.into(),
        value: perplexity.value,
        unit: scores::PERPLEXITY.into(),
        split: Split::Validation.name().into(),
        examples: perplexity.predicted,
        main,
        undefined: None,
    }
}

/// The input artifact.
struct Data {
    tokenizer: Tokenizer,
    train: Blocks,
    validation: Blocks,
}

impl Data {
    fn open(parameters: &Parameters, folder: &Path) -> Result<Self, StageError> {
        let train = Blocks::open(folder, Split::Train)?;
        let validation = Blocks::open(folder, Split::Validation)?;
        for (blocks, split) in [(&train, Split::Train), (&validation, Split::Validation)] {
            if blocks.is_empty() {
                return Err(StageError::input(
                    folder.display(),
                    format!("there is no {} block", split.name()),
                    "give a longer corpus, or change validation_share of the `tokenize` stage",
                ));
            }
        }
        let length = train.summary().length;
        if length > parameters.max_positions {
            return Err(StageError::input(
                "max_positions",
                format!(
                    "the blocks are up to {length} tokens long, beyond {} positions",
                    parameters.max_positions
                ),
                format!("give at least {length}, or tokenize to shorter blocks"),
            ));
        }
        Ok(Self {
            tokenizer: Tokenizer::load(&folder.join("tokenizer"))?,
            train,
            validation,
        })
    }

    fn masker(&self, parameters: &Parameters) -> Masker {
        let specials = self.tokenizer.specials();
        let special = [
            specials.pad,
            specials.unk,
            specials.cls,
            specials.sep,
            specials.mask,
        ];
        Masker {
            strategy: parameters.masking.strategy,
            rates: parameters.masking.rates(),
            replacement: parameters.masking.replacement(),
            mask_special: parameters.masking.mask_special,
            vocabulary: Vocabulary::new(self.tokenizer.vocabulary(), specials.mask, &special)
                .with_word_starts(self.tokenizer.word_starts()),
            stream: Stream::new(parameters.seed, "mask"),
        }
    }
}

/// A run under way.
struct Run<'a> {
    parameters: &'a Parameters,
    context: &'a Context,
    plan: Plan,
    encoder: Encoder,
    optimizer: AdamW,
    gradients: Gradients,
    feed: Feed<'a>,
    validation: Validation,
    log: Log,
}

impl Run<'_> {
    /// Makes all updates that are still to make and returns the final perplexities.
    fn updates(&mut self) -> Result<Perplexities, StageError> {
        let total = self.plan.updates;
        let schedule = Schedule {
            peak: self.parameters.lr,
            warmup_steps: self.plan.warmup(self.parameters.warmup),
            total_steps: total,
        };
        let weights = self.encoder.parameters();
        let start = restore_checkpoint(self.context, weights, &mut self.optimizer, |folder| {
            self.log = Log::read(folder)?;
            Ok(())
        })?;
        let mut shown = Shown::begin(&self.log, self.context);
        let mut meter = Meter::start(self.context);
        for step in start..total {
            let row = self.update(step, schedule.rate(step), step == start, &mut meter)?;
            self.log.training.push(row);
            shown.update(&row);
            let done = step + 1;
            self.tell(done, &meter);
            if done < total && is_due(done, self.parameters.validate_every) {
                self.validate(done, &mut shown)?;
            }
            let stop = self.context.should_stop();
            if stop || (done < total && is_due(done, self.parameters.checkpoint_every)) {
                let weights = self.encoder.parameters();
                save_checkpoint(self.context, done, weights, &self.optimizer, |folder| {
                    self.log.write(folder)
                })?;
            }
            if stop {
                return Err(StageError::Interrupted);
            }
        }
        let found = self.validate(total, &mut shown)?;
        self.tell(total, &meter);
        Ok(found)
    }

    /// Tells how it goes after `done` updates.
    fn tell(&self, done: u32, meter: &Meter<'_>) {
        let loss = self.log.training.last();
        let loss = loss.map(|row| format!("loss {:.2}", row.loss));
        let measured = self.log.validation.last();
        let measured = measured.map(|row| format!("perplexity {:.1}", row.perplexity));
        let parts = [loss, measured, Some(meter.speed())];
        let note: Vec<String> = parts.into_iter().flatten().collect();
        let total = u64::from(self.plan.updates);
        self.context
            .progress(u64::from(done), total, "step", note.join(" · "));
    }

    /// Makes the update `step` (from 0) and returns its row of the log. With `audited`, refuses to if a parameter
    /// receives no gradient.
    fn update(
        &mut self,
        step: u32,
        learning_rate: f64,
        audited: bool,
        meter: &mut Meter<'_>,
    ) -> Result<TrainingRow, StageError> {
        let number = i64::from(step) + 1;
        let examples = self.feed.update(step)?;
        let lengths = examples.sequences.iter().map(|sequence| sequence.ids.len());
        let config = self.encoder.config();
        let forward = config.forward_operations(lengths, examples.predicted());
        meter.count(examples.tokens(), 3.0 * forward);
        let mode = Mode::Train {
            seed: self.parameters.seed,
            step,
        };
        let gradients = &mut self.gradients;
        let micro_batch = self.parameters.micro_batch;
        let loss = update_gradients(&self.encoder, &examples, micro_batch, mode, gradients)?;
        let Some(loss) = loss else {
            return Err(StageError::input(
                "masking.predict",
                format!("update {number} has no token to predict"),
                "raise masking.predict, masking.corrupt or batch, or tokenize to longer blocks",
            ));
        };
        let not_finite = |what: &str, value: f64| {
            StageError::failed(format!(
                "the {what} of update {number} is not finite ({value}): the run has diverged; \
                 lower lr or set clip"
            ))
        };
        if !loss.is_finite() {
            return Err(not_finite("loss", loss));
        }
        if audited {
            audit(self.encoder.parameters(), gradients)?;
        }
        let clip = self.parameters.clip;
        let gradient_norm = if clip > 0.0 {
            gradients.clip(clip)
        } else {
            gradients.norm()
        };
        if !gradient_norm.is_finite() {
            return Err(not_finite("gradient", gradient_norm));
        }
        self.optimizer
            .step(self.encoder.parameters(), gradients, learning_rate)?;
        Ok(TrainingRow {
            step: number,
            loss,
            learning_rate,
            gradient_norm,
            predicted_tokens: examples.predicted() as i64,
            tokens: examples.tokens() as i64,
        })
    }

    /// Measures both perplexities after `done` updates and logs them.
    fn validate(&mut self, done: u32, shown: &mut Shown) -> Result<Perplexities, StageError> {
        let found = self.validation.measure(&self.encoder)?;
        let row = ValidationRow {
            step: i64::from(done),
            perplexity: found.own.value,
            perplexity_15: found.yardstick.value,
        };
        self.log.validation.push(row);
        shown.measurement(&row);
        Ok(found)
    }
}

/// Whether something that happens every so many updates (0: never) happens after `done`.
fn is_due(done: u32, every: u32) -> bool {
    every > 0 && done.is_multiple_of(every)
}

//! A run from its inputs to its artifact.

use std::path::Path;
use std::sync::Arc;

use contract::{Context, StageError};
use contrastive::{Contrast, Similarity, TokenContrast};
use encoder::{Config, Encoder};
use kernels::Stream;
use metrics::scores::{self, Score};
use tokenize::{Blocks, Split, Tokenizer};
use training::{Objective, Start, StartFrom, Trained};

use crate::beside::Beside;
use crate::compute;
use crate::contrast::objective::{Beyond, WithBeyond};
use crate::contrast::sequences::Sequences;
use crate::contrast::tokens::Tokens;
use crate::contrast::{Level, Views};
use crate::feed::Feed;
use crate::masking::{Masker, Strategy, StrategyName, Vocabulary};
use crate::network::Network;
use crate::ngrams;
use crate::objective::MaskedLm;
use crate::parameters::{Initial, Masking, Parameters};
use crate::plan::Updates;
use crate::recipe::Recipe;
use crate::start;
use crate::validation::Validation;

/// The inputs of a run.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The tokens artifact to train on.
    pub tokens: &'a Path,
    /// The encoder to start from.
    pub start: Option<&'a Path>,
    /// The encoder that a contrastive loss of tokens compares with.
    pub teacher: Option<&'a Path>,
    /// The n-grams that are masked together.
    pub ngrams: Option<&'a Path>,
}

/// Trains an encoder on the tokens, from new weights or those of the encoder to start from, and writes it, with its
/// log, scores and recipe, to the context's output folder.
///
/// Must be called on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// # Errors
/// When the artifact has no blocks or its blocks are longer than the encoder's positions; when the encoder to start from has another
/// shape; when the list of n-grams is none; when a file cannot be read or written; and the errors of [`training::train`].
pub fn train(
    parameters: &Parameters,
    sources: Sources<'_>,
    context: &Context,
) -> Result<(), StageError> {
    let Sources { tokens, start, .. } = sources;
    let options = &parameters.training;
    let data = Data::open(parameters, tokens)?;
    let given = (
        &data.tokenizer,
        Arc::new(vocabulary(&data.tokenizer)),
        Stream::new(options.seed, "mask"),
    );
    let masker = masker(&parameters.masking, given, sources.ngrams, context)?;
    let plan = parameters.plan();
    if parameters.masking.updates == Updates::EqualCompute {
        let ordinary = match parameters.contrast.level() {
            None => "whose layers all read [MASK]",
            Some(_) => "on masked tokens alone",
        };
        context.note(format!(
            "{} updates cost the multiply-adds of {} {ordinary}",
            plan.updates, parameters.steps
        ));
    }
    let config = parameters.config(data.tokenizer.vocabulary(), data.tokenizer.specials().pad);
    let encoder = match start {
        Some(folder) => start::load(folder, config, &data.tokenizer, context)?,
        None => fresh(parameters, config)?,
    };
    compute::check_length(parameters, data.train.summary().length)?;
    let encoder = encoder.with_precision(options.precision.resolve()?);
    let network = Network::new(encoder, parameters, data.tokenizer.specials().mask, start)?;
    let validation = Validation::new(&data.validation, &masker, parameters.validation_blocks)?;
    let beside = beside(parameters, &masker);
    let objective = MaskedLm {
        validation,
        network,
        tokenizer: &data.tokenizer,
        feed: Feed::new(&data.train, masker, plan, options.seed)?
            .with_rates(parameters.masking.schedule())
            .with_beside(beside),
        micro_batch: parameters.micro_batch,
        is_tallied: !parameters.masking.is_plain(),
    };
    let start = match (options.start_from, start) {
        (StartFrom::State, Some(folder)) => Start::State(folder),
        (StartFrom::State, None) => return Err(start::none_given()),
        (StartFrom::Weights, _) => Start::New,
    };
    let run = Run {
        parameters,
        start,
        context,
    };
    let (objective, trained) = run.any(objective, sources.teacher)?;

    let folder = context.output();
    Objective::save(&objective, folder)?;
    Recipe::new(parameters, &plan, data.train.len(), &objective.network)?.write(folder)?;
    let measured = trained.measured.unwrap_or_default();
    let predicted = objective.validation.predicted();
    let names = [PERPLEXITY, PERPLEXITY_15].into_iter();
    let scores = names.zip(measured).zip(predicted);
    let scores: Vec<Score> = scores
        .map(|((name, value), examples)| Score {
            name: name.into(),
            value,
            unit: scores::PERPLEXITY.into(),
            split: Split::Validation.name().into(),
            examples,
            main: name == PERPLEXITY,
            undefined: None,
        })
        .collect();
    scores::write(folder, &scores)
}

/// What the training of any objective takes.
struct Run<'a> {
    parameters: &'a Parameters,
    start: Start<'a>,
    context: &'a Context,
}

impl Run<'_> {
    /// Trains on masked tokens, and on what the parameters say beside them.
    fn any<'o>(
        &self,
        mut masked_lm: MaskedLm<'o>,
        teacher: Option<&Path>,
    ) -> Result<(MaskedLm<'o>, Trained), StageError> {
        let contrast = &self.parameters.contrast;
        match contrast.level() {
            None => {
                let trained = self.train(&mut masked_lm)?;
                Ok((masked_lm, trained))
            }
            Some(Level::Sequences) => {
                let loss = Sequences {
                    weight: contrast.weight,
                    pooling: contrast.pooling,
                    contrast: Contrast {
                        similarity: Similarity::Cosine,
                        temperature: contrast.temperature,
                        negative_weight: 1.0,
                    },
                };
                self.with_beyond(masked_lm, loss)
            }
            Some(Level::Tokens) => {
                let folder = teacher.ok_or_else(no_teacher)?;
                let encoder = &masked_lm.network.encoder;
                let (config, tokenizer) = (encoder.config(), masked_lm.tokenizer);
                let teacher = start::load_teacher(folder, config, tokenizer, self.context)?;
                let loss = Tokens {
                    weight: contrast.weight,
                    contrast: TokenContrast {
                        temperature: contrast.temperature,
                    },
                    teacher: teacher.with_precision(encoder.precision()),
                };
                self.with_beyond(masked_lm, loss)
            }
        }
    }

    fn train(&self, objective: &mut impl Objective) -> Result<Trained, StageError> {
        let updates = self.parameters.plan().updates;
        let options = &self.parameters.training;
        training::train(objective, options, updates, self.start, self.context)
    }

    /// Trains with a loss beside that of masked tokens, and returns the objective without it.
    fn with_beyond<'o>(
        &self,
        masked_lm: MaskedLm<'o>,
        loss: impl Beyond,
    ) -> Result<(MaskedLm<'o>, Trained), StageError> {
        let mut objective = WithBeyond { masked_lm, loss };
        let trained = self.train(&mut objective)?;
        Ok((objective.masked_lm, trained))
    }
}

/// Returns what a contrastive loss needs beside each masked sequence.
fn beside(parameters: &Parameters, masker: &Masker) -> Beside {
    let contrast = &parameters.contrast;
    match (contrast.level(), contrast.views) {
        (None, _) => Beside::Nothing,
        (Some(Level::Sequences), Views::Masks) => Beside::Masked(Masker {
            stream: Stream::new(parameters.training.seed, "second view"),
            ..masker.clone()
        }),
        (Some(Level::Sequences), Views::Dropout) => Beside::Repeated,
        (Some(Level::Tokens), _) => Beside::Clean,
    }
}

fn no_teacher() -> StageError {
    StageError::input(
        "teacher",
        "contrast.level = \"tokens\" compares with an encoder, and none is given",
        "name the one that `start` names: teacher = \"@stage\"",
    )
}

/// Names of the scores: the perplexity at the training run's own rate, and that at a rate of 15 %.
pub(crate) const PERPLEXITY: &str = "perplexity";
pub(crate) const PERPLEXITY_15: &str = "perplexity_15";

/// Returns an encoder with new weights.
fn fresh(parameters: &Parameters, config: Config) -> Result<Encoder, StageError> {
    let encoder = Encoder::new(config, parameters.training.seed)?;
    Ok(match parameters.initial {
        Initial::Normal => encoder,
        Initial::Mimetic => encoder.with_mimetic_start()?,
    })
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
                    format!(
                        "there is no {} block: the corpus makes {} in all, of up to {} tokens",
                        split.name(),
                        train.len() + validation.len(),
                        train.summary().length
                    ),
                    "give a longer corpus, or sequence_length or validation_share of the `tokenize` stage another value",
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
}

/// Returns the masker that the settings of masking mean, for a vocabulary and a source of random numbers.
pub(crate) fn masker(
    masking: &Masking,
    (tokenizer, vocabulary, stream): (&Tokenizer, Arc<Vocabulary>, Stream),
    list: Option<&Path>,
    context: &Context,
) -> Result<Masker, StageError> {
    let strategy = match masking.strategy {
        StrategyName::Uniform => Strategy::uniform(),
        StrategyName::WholeWord => Strategy::whole_word(),
        StrategyName::SpanbertSpans => {
            Strategy::spanbert_spans(masking.span_p, masking.longest_span)
        }
        StrategyName::T5Spans => Strategy::t5_spans(masking.mean_span),
        StrategyName::Pmi => {
            let list = list.ok_or_else(ngrams::missing)?;
            Strategy::pmi(ngrams::read(list, tokenizer, context)?)
        }
    };
    Ok(Masker {
        strategy,
        rates: masking.rates(),
        count: masking.count,
        replacement: masking.replacement(),
        mask_special: masking.mask_special,
        vocabulary,
        stream,
    })
}

/// Returns what masking has to know of a tokenizer.
pub(crate) fn vocabulary(tokenizer: &Tokenizer) -> Vocabulary {
    let specials = tokenizer.specials();
    let special = [
        specials.pad,
        specials.unk,
        specials.cls,
        specials.sep,
        specials.mask,
    ];
    Vocabulary::new(tokenizer.vocabulary(), specials.mask, &special)
        .with_word_starts(tokenizer.word_starts())
}

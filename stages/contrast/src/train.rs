//! A run from its inputs to its artifact.

use std::path::Path;

use benchmarks::Triplet;
use contract::{Context, StageError};
use encoder::{Encoder, Projection};
use metrics::scores::{self, Score};
use tokenize::Tokenizer;
use training::{Epochs, Start};

use crate::batch::Maker;
use crate::development::Development;
use crate::folder;
use crate::model::Model;
use crate::objective::Contrastive;
use crate::parameters::{Parameters, ProjectionUse};

/// The split that the scores are of.
pub(crate) const SPLIT: &str = "validation";
/// The scores, with their units; the first is the main one.
pub(crate) const SCORES: [(&str, &str); 3] = [
    ("spearman", "×100"),
    ("alignment", "squared distance"),
    ("uniformity", "nats"),
];

/// The inputs of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) encoder: &'a Path,
    pub(crate) data: &'a Path,
    pub(crate) development: Option<&'a Path>,
}

/// Trains the encoder on the sentences and writes it, with its log and scores, to the context's output folder.
///
/// Must be called on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// # Errors
/// When a folder has wrong contents, and the errors of [`training::train`].
pub(crate) fn train(
    parameters: &Parameters,
    sources: Sources<'_>,
    context: &Context,
) -> Result<(), StageError> {
    let options = &parameters.training;
    if options.validate_every > 0 && sources.development.is_none() {
        return Err(StageError::input(
            "validate_every",
            "there is no `development` to measure on",
            "name a task that scores pairs: development = \"@stsb\"; or leave validate_every out",
        ));
    }
    let triplets = sentences(parameters, sources.data)?;
    let encoder = Encoder::load_unless_stopped(sources.encoder, context)?
        .with_precision(options.precision.resolve()?)
        .with_dropout(options.dropout, options.attention_dropout, 0.0)?;
    let tokenizer = Tokenizer::load(sources.encoder)?;
    tokenizer.check_embedded(encoder.config().vocab_size, sources.encoder)?;
    if parameters.masked_lm > 0.0 && !encoder.has_head() {
        return Err(StageError::input(
            "masked_lm",
            "the encoder has no head that predicts tokens",
            "give an encoder that was trained by masked language modelling, or leave masked_lm out",
        ));
    }
    let positions = encoder.config().max_length();
    if parameters.max_length > positions {
        return Err(StageError::input(
            "max_length",
            format!(
                "{} tokens, but the encoder has {positions} positions",
                parameters.max_length
            ),
            format!("give at most {positions}"),
        ));
    }
    let projection = match parameters.projection {
        ProjectionUse::None => None,
        ProjectionUse::Training | ProjectionUse::Kept => {
            let projection = Projection::new(encoder.config(), options.seed)?;
            Some(projection.with_precision(encoder.precision()))
        }
    };
    let development = match sources.development {
        // Sentences are read whole where they are scored, as in evaluation.
        Some(folder) => Some(Development::read(folder, &tokenizer, positions)?),
        None => None,
    };
    let has_head = parameters.masked_lm > 0.0;
    let is_dropped = parameters.projection == ProjectionUse::Training;
    let model = Model::new(
        encoder,
        parameters.pooling,
        projection,
        is_dropped,
        has_head,
    )?;
    let model = match parameters.encoders {
        1 => model,
        _ => model.with_second_encoder()?,
    };
    let epochs = Epochs::new(options.seed, triplets.len())?;
    let updates = epochs.updates(parameters.batch) * parameters.epochs;
    let mut objective = Contrastive {
        model: &model,
        tokenizer: &tokenizer,
        maker: Maker::new(parameters, &tokenizer, &triplets, parameters.max_length),
        epochs,
        batch: parameters.batch,
        micro_batch: parameters.micro_batch,
        contrast: parameters.contrast(),
        masked_lm: parameters.masked_lm,
        development,
    };
    let trained = training::train(&mut objective, options, updates, Start::New, context)?;
    let output = context.output();
    training::Objective::save(&objective, output)?;
    let kept_steps = training::kept_steps(&options.keep_at, updates);
    let kept = kept_steps.map(|step| output.join(training::kept_name(step)));
    for folder in kept.chain([output.to_path_buf()]) {
        let width = model.encoder.config().hidden_size;
        let projection = model.kept_projection();
        folder::write(&folder, parameters.pooling, projection, width, positions)?;
    }
    match (&objective.development, trained.measured) {
        (Some(development), measured) => {
            let measured = match measured {
                Some(measured) => measured,
                None => development.measure(&model)?,
            };
            write_scores(output, development.pairs(), &measured)
        }
        (None, _) => Ok(()),
    }
}

/// Reads the sentences that are used.
fn sentences(parameters: &Parameters, data: &Path) -> Result<Vec<Triplet>, StageError> {
    let mut triplets = benchmarks::read_triplets(data)?;
    if parameters.sentences > 0 {
        triplets.truncate(parameters.sentences);
    }
    if triplets.len() < 2 {
        return Err(StageError::input(
            "data",
            "a single sentence has no other to be compared with",
            "give at least two sentences",
        ));
    }
    Ok(triplets)
}

fn write_scores(folder: &Path, pairs: usize, measured: &[f64]) -> Result<(), StageError> {
    let scores = SCORES.iter().zip(measured).enumerate();
    let scores: Vec<Score> = scores
        .map(|(place, ((name, unit), &value))| Score {
            name: (*name).to_owned(),
            value,
            unit: (*unit).to_owned(),
            split: SPLIT.to_owned(),
            examples: pairs as u64,
            main: place == 0,
            undefined: value
                .is_nan()
                .then(|| "all cosines are equal, or no pair is similar".to_owned()),
        })
        .collect();
    scores::write(folder, &scores)
}

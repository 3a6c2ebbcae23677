//! The stage kind `validation-loss`.

use std::path::Path;
use std::sync::Arc;

use contract::{
    ArtifactType, Column, ColumnType, Context, Field, FieldDefault, FieldType, FileOf, Inputs,
    Meter, OutputFile, Params, Problem, Reads, ScoreName, Signature, Sizes, Stage, StageError,
};
use encoder::{Config, DeclaredPrecision, Encoder, Mode};
use metrics::predictions::{self, Name};
use metrics::scores::{self, PERPLEXITY, Score};
use pretrain::feed::Examples;
use pretrain::masking::Vocabulary;
use pretrain::validation::{common_masks, spread};
use serde::Deserialize;
use tokenize::{Blocks, Split, Summary, Tokenizer};

/// Number of sequences that go through the encoder at a time.
pub(crate) const SEQUENCES: usize = 32;
/// Number of predicted tokens whose vocabulary scores are computed at a time.
const ROWS: usize = 1024;
/// Number of validation blocks where neither parameters nor inputs give it: those that `pretrain` measures on.
pub(crate) const USUAL: f64 = 256.0;
const LOSS: &str = "loss";

/// The file of losses.
const PREDICTIONS: OutputFile = OutputFile::table(
    predictions::FILE,
    &[
        predictions::SET,
        predictions::SUBSET,
        predictions::SPLIT,
        predictions::EXAMPLE,
        Column::new(
            LOSS,
            ColumnType::Number,
            "mean cross-entropy in nats over the block's predicted tokens",
        ),
        Column::new(
            "weight",
            ColumnType::Number,
            "how many tokens were predicted",
        ),
    ],
    "the losses, a row for each block of which a token was predicted; `example` is its place among the validation blocks",
)
.light();

/// Measures the loss of a masked language model at a masking rate of one's choice.
#[derive(Clone, Copy, Debug)]
pub struct ValidationLossStage;

#[derive(Deserialize)]
pub(crate) struct Parameters {
    pub(crate) rate: f64,
    pub(crate) blocks: usize,
    pub(crate) precision: DeclaredPrecision,
}

impl Stage for ValidationLossStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "validation-loss",
            version: 1,
            about: "Measures the loss of a masked language model on held-out text at a masking rate of one's choice",
            fields: const {
                &[
                    Field::new(
                        "encoder",
                        FieldType::Input(ArtifactType::Encoder),
                        FieldDefault::Required,
                        "The encoder, with its masked language modelling head.",
                    ),
                    Field::new(
                        "tokens",
                        FieldType::Input(ArtifactType::Tokens),
                        FieldDefault::Required,
                        "The blocks, of the tokenizer that the encoder was trained with.",
                    ),
                    Field::new(
                        "rate",
                        FieldType::Number { min: 0.0, max: 1.0 },
                        FieldDefault::Required,
                        "Share of the tokens that are masked and predicted: uniformly chosen, an exact count of each block, always \
                         [MASK], and the same ones for every encoder.",
                    ),
                    Field::new(
                        "blocks",
                        FieldType::Integer {
                            min: 0,
                            max: u32::MAX as i64,
                        },
                        FieldDefault::Integer(0),
                        "Validation blocks that are measured, spread evenly over all; 0 for all.",
                    ),
                    DeclaredPrecision::FIELD,
                ]
            },
            output: ArtifactType::Scores,
            numerics: Some(DeclaredPrecision::numerics),
            files: &[scores::DOCUMENTED, PREDICTIONS],
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(|Parameters { rate, .. }| {
            if *rate > 0.0 && *rate < 1.0 {
                return Vec::new();
            }
            let problem = Problem::value("rate", format!("{rate} is not between 0 and 1"));
            vec![problem.with_help("give a share of the tokens: 0.15 for 15 %")]
        })
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let split = Split::Validation.name();
        let names = [LOSS, PERPLEXITY].into_iter();
        Some(names.map(|name| ScoreName::new(name, split)).collect())
    }

    /// Blocks times the operations of one.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let Parameters { blocks, .. } = params.parse().ok()?;
        let blocks = match blocks {
            0 => USUAL,
            blocks => blocks as f64,
        };
        Some(blocks * inputs.factor("tokens") * inputs.get("encoder")?)
    }

    /// For the encoder: operations per token. For the tokens: length of a sequence.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "encoder" => {
                let config = Config::read(&file("config.json")?).ok()?;
                Some(config.token_operations())
            }
            "tokens" => {
                let summary = Summary::read(&file(Summary::FILE)?).ok()?;
                Some(summary.length as f64)
            }
            _ => None,
        }
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "encoder" => encoder::READS,
            _ => Reads::default(),
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let folder = inputs.path("encoder")?;
        let encoder = Encoder::load_unless_stopped(folder, context)?
            .with_precision(parameters.precision.resolve()?);
        let (blocks, examples) = mask(&parameters, &encoder, folder, inputs.path("tokens")?)?;
        let losses = losses(&encoder, &examples, context)?;
        write(context.output(), &blocks, &examples, &losses)
    }
}

/// Masks validation blocks as the parameters say. Returns their places among all, and what is made of them.
pub(crate) fn mask(
    parameters: &Parameters,
    encoder: &Encoder,
    folder: &Path,
    tokens: &Path,
) -> Result<(Vec<u32>, Examples), StageError> {
    let tokenizer = Tokenizer::load(&tokens.join("tokenizer"))?;
    if let Some((id, wanted, found)) = tokenizer.first_difference(&Tokenizer::load(folder)?) {
        let token =
            |token: Option<String>| token.map_or("nothing".into(), |token| format!("`{token}`"));
        return Err(StageError::input(
            "encoder",
            format!(
                "it has another tokenizer: id {id} is {} there, and {} in `tokens`",
                token(found),
                token(wanted)
            ),
            "tokenize the corpus with the tokenizer that the encoder was trained with",
        ));
    }
    tokenizer.check_embedded(encoder.config().vocab_size, folder)?;
    let blocks = Blocks::open(tokens, Split::Validation)?;
    let (length, positions) = (blocks.summary().length, encoder.config().max_length());
    if length > positions {
        return Err(StageError::input(
            "tokens",
            format!(
                "the blocks are up to {length} tokens long, beyond the encoder's {positions} positions"
            ),
            format!("tokenize to blocks of at most {positions}"),
        ));
    }
    let count = match parameters.blocks {
        0 => blocks.len(),
        count => count,
    };
    let places = spread(blocks.len(), count)?;
    let specials = tokenizer.specials();
    let vocabulary = Vocabulary::new(tokenizer.vocabulary(), specials.mask, &specials.all());
    let masks = common_masks(Arc::new(vocabulary), parameters.rate);
    let read = blocks.read(&places)?;
    let mut examples = Examples::default();
    for (at, &place) in places.iter().enumerate() {
        for masked in masks.copies(0, place, &read.get(at)) {
            examples.push(masked);
        }
    }
    if examples.predicted() == 0 {
        let count = places.len();
        return Err(StageError::input(
            "rate",
            format!("no token is predicted in {count} validation blocks"),
            "raise rate or blocks, or set more of the corpus aside for validation",
        ));
    }
    Ok((places, examples))
}

/// Returns, for each sequence, the sum of the cross-entropies in nats of what it asks for.
fn losses(
    encoder: &Encoder,
    examples: &Examples,
    context: &Context,
) -> Result<Vec<f64>, StageError> {
    let mut sums = Vec::with_capacity(examples.sequences.len());
    let mut meter = Meter::start(context);
    for (sequences, targets) in examples.parts(SEQUENCES) {
        context.keep_going()?;
        let (rows, ids, batch) = pretrain::loss::pack(encoder, sequences, targets)?;
        let hidden = encoder.forward(&batch, Mode::Evaluate)?.detach();
        let mut losses = Vec::with_capacity(rows.len());
        for (rows, ids) in rows.chunks(ROWS).zip(ids.chunks(ROWS)) {
            losses.extend(encoder.masked_lm_losses(&hidden, rows, ids)?);
        }
        let mut rest = losses.as_slice();
        for targets in targets {
            let (own, after) = rest.split_at(targets.ids.len());
            sums.push(kernels::sum(own));
            rest = after;
        }
        let lengths = || sequences.iter().map(|sequence| sequence.ids.len());
        let forward = encoder.config().forward_operations(lengths(), rows.len());
        meter.count(lengths().sum(), forward);
        let (done, total) = (sums.len() as u64, examples.sequences.len() as u64);
        context.progress(done, total, "block", meter.speed());
    }
    match sums.iter().all(|sum| sum.is_finite()) {
        true => Ok(sums),
        false => Err(StageError::input(
            "encoder",
            "its loss is not finite",
            "its weights are of a training that diverged, or damaged: give another encoder",
        )),
    }
}

fn write(
    folder: &Path,
    places: &[u32],
    examples: &Examples,
    losses: &[f64],
) -> Result<(), StageError> {
    let split = Split::Validation.name();
    let all = places.iter().zip(&examples.targets).zip(losses);
    let rows: Vec<(Name, [f64; 2])> = all
        .filter(|((_, targets), _)| !targets.ids.is_empty())
        .map(|((place, targets), loss)| {
            let name = Name {
                split: split.to_owned(),
                example: place.to_string(),
                ..Name::default()
            };
            let weight = targets.ids.len() as f64;
            (name, [loss / weight, weight])
        })
        .collect();
    predictions::write_measures(folder, &PREDICTIONS, &rows)?;
    let predicted = examples.predicted();
    let loss = kernels::sum(losses) / predicted as f64;
    let score = |name: &str, value: f64, unit: &str| Score {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        split: split.to_owned(),
        examples: predicted as u64,
        main: name == LOSS,
        undefined: None,
    };
    let perplexity = kernels::exp(loss);
    if !perplexity.is_finite() {
        return Err(StageError::failed(format!(
            "the validation perplexity is not finite: {loss} nats a token"
        )));
    }
    scores::write(
        folder,
        &[
            score(LOSS, loss, "nats"),
            score(PERPLEXITY, perplexity, PERPLEXITY),
        ],
    )
}

//! The stage kind `effective-rank`.

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, FileOf, Inputs, Meter, Params, Problem,
    Reads, ScoreName, Signature, Sizes, Stage, StageError,
};
use encoder::{Batch, DeclaredPrecision, Encoder, Mode, Sequence};
use metrics::scores::{self, Score};
use pretrain::feed::Examples;
use tokenize::{Blocks, Split, Tokenizer};

use crate::spectrum::Gram;
use crate::validation_loss::{Parameters, SEQUENCES, ValidationLossStage, mask};

/// The score of states in text as it is.
const PLAIN: &str = "effective_rank";
/// The score of states in text of which other tokens are masked.
const MASKED: &str = "effective_rank_masked";
const UNIT: &str = "dimensions";

/// Measures how many dimensions the last layer's states of ordinary tokens use (Meng et al. 2023, arXiv:2302.02060): e to the entropy
/// of their normalised singular values, in text as it is and in text of which other tokens are masked.
#[derive(Clone, Copy, Debug)]
pub struct EffectiveRankStage;

impl Stage for EffectiveRankStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "effective-rank",
            version: 1,
            about: "Measures how many dimensions an encoder's states use, with [MASK] in the text and without",
            fields: const {
                &[
                    Field::new(
                        "encoder",
                        FieldType::Input(ArtifactType::Encoder),
                        FieldDefault::Required,
                        "The encoder.",
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
                        FieldDefault::Number(0.15),
                        "Share of the tokens that are masked; the states of the others are measured, with those masked and with none.",
                    ),
                    Field::new(
                        "blocks",
                        FieldType::Integer {
                            min: 0,
                            max: u32::MAX as i64,
                        },
                        FieldDefault::Integer(256),
                        "Validation blocks that are measured, spread evenly over all; 0 for all.",
                    ),
                    DeclaredPrecision::FIELD,
                ]
            },
            output: ArtifactType::Scores,
            numerics: Some(DeclaredPrecision::numerics),
            files: &[scores::DOCUMENTED],
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        ValidationLossStage.check(params)
    }

    fn scores(
        &self,
        _: Option<&Params>,
        _: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<ScoreName>> {
        let split = Split::Validation.name();
        let names = [PLAIN, MASKED].into_iter();
        Some(names.map(|name| ScoreName::new(name, split)).collect())
    }

    /// Blocks, each of which is encoded twice, times the operations of one.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        Some(2.0 * ValidationLossStage.work(params, inputs)?)
    }

    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        ValidationLossStage.measure(input, file)
    }

    fn reads(&self, input: &str) -> Reads {
        ValidationLossStage.reads(input)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let (folder, tokens) = (inputs.path("encoder")?, inputs.path("tokens")?);
        let encoder = Encoder::load_unless_stopped(folder, context)?
            .with_precision(parameters.precision.resolve()?);
        let (places, masked) = mask(&parameters, &encoder, folder, tokens)?;
        let mask = Tokenizer::load(&tokens.join("tokenizer"))?.specials().mask;
        let read = Blocks::open(tokens, Split::Validation)?.read(&places)?;
        let plain = (0..places.len()).map(|at| Sequence::new(read.get(at), at as u32));
        let plain: Vec<Sequence> = plain.collect();
        measure(&encoder, &plain, &masked, mask, context)
    }
}

/// Measures the states of the tokens that are not masked, once among tokens as they are and once among masked ones.
fn measure(
    encoder: &Encoder,
    plain: &[Sequence],
    masked: &Examples,
    mask: u32,
    context: &Context,
) -> Result<(), StageError> {
    let width = encoder.config().hidden_size;
    let mut grams = [Gram::new(width), Gram::new(width)];
    let (mut measured, mut done) = (0, 0);
    let (mut meter, total) = (Meter::start(context), plain.len() as u64);
    let parts = plain.chunks(SEQUENCES);
    for (plain, masked) in parts.zip(masked.sequences.chunks(SEQUENCES)) {
        context.keep_going()?;
        // Both lists have the same tokens at the same rows: blocks are in the order of their samples.
        let ids = masked.iter().flat_map(|sequence| &sequence.ids).enumerate();
        let visible: Vec<usize> = ids
            .filter(|&(_, &id)| id != mask)
            .map(|(row, _)| row)
            .collect();
        for (gram, sequences) in grams.iter_mut().zip([plain, masked]) {
            let batch = Batch::pack(sequences, encoder.config())?;
            let states = encoder.forward(&batch, Mode::Evaluate)?;
            let states = states.flatten_all().map_err(StageError::failed)?;
            gram.add(&states.to_vec1().map_err(StageError::failed)?, &visible);
            let lengths = sequences.iter().map(|sequence| sequence.ids.len());
            let forward = encoder.config().forward_operations(lengths, 0);
            meter.count(batch.tokens(), forward);
        }
        measured += visible.len() as u64;
        done += plain.len() as u64;
        context.progress(done, total, "block", meter.speed());
    }
    let found = grams.map(Gram::effective_rank);
    let mut all = Vec::new();
    for (name, value) in [PLAIN, MASKED].into_iter().zip(found) {
        all.push(Score {
            name: name.to_owned(),
            value: value.ok_or_else(|| {
                StageError::input(
                    "encoder",
                    "its states are not finite, or all of them are zero",
                    "its weights are of a training that diverged, or damaged: give another encoder",
                )
            })?,
            unit: UNIT.to_owned(),
            split: Split::Validation.name().to_owned(),
            examples: measured,
            main: name == PLAIN,
            undefined: None,
        });
    }
    scores::write(context.output(), &all)
}

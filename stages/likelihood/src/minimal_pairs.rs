//! The stage kind `minimal-pairs`.

use std::collections::BTreeMap;

use benchmarks::MinimalPair;
use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, FileOf, Inputs, Params, Reads,
    Signature, Sizes, Stage, StageError,
};
use encoder::{Config, DeclaredPrecision, Encoder};
use metrics::{predictions, scores};
use rayon::prelude::*;
use serde::Deserialize;
use tokenize::Tokenizer;

use crate::accuracy::{self, Judged, Likelihood, PREDICTIONS};
use crate::pseudo::{Scoring, Sentence, log_probabilities};

/// Number of pairs of a paradigm where `limit` does not give it: BLiMP's.
const USUAL: usize = 1000;

/// Asks a masked language model which sentence of a pair is the likelier one.
#[derive(Clone, Copy, Debug)]
pub struct MinimalPairsStage;

#[derive(Deserialize)]
struct Parameters {
    scoring: Scoring,
    limit: usize,
    precision: DeclaredPrecision,
}

impl Stage for MinimalPairsStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "minimal-pairs",
            version: 1,
            about: "Scores how often a masked language model finds the acceptable sentence of a minimal pair likelier",
            fields: const {
                &[
                    Field::new(
                        "encoder",
                        FieldType::Input(ArtifactType::Encoder),
                        FieldDefault::Required,
                        "The encoder, with its masked language modelling head.",
                    ),
                    Field::new(
                        "data",
                        FieldType::Input(ArtifactType::Benchmark),
                        FieldDefault::Required,
                        "The pairs: a benchmark with `task = \"minimal-pairs\"`.",
                    ),
                    Field::new(
                        "scoring",
                        FieldType::Choice(Scoring::NAMES),
                        FieldDefault::Text("original"),
                        "What is masked where a token is scored: the token alone, as published first, or also those after it in its \
                         word (word-l2r), which does not favour words of several pieces.",
                    ),
                    Field::new(
                        "limit",
                        FieldType::Integer {
                            min: 0,
                            max: u32::MAX as i64,
                        },
                        FieldDefault::Integer(0),
                        "The pairs of each paradigm that are scored, its first ones; 0 for all.",
                    ),
                    DeclaredPrecision::FIELD,
                ]
            },
            output: ArtifactType::Scores,
            numerics: Some(DeclaredPrecision::numerics),
            files: &[scores::DOCUMENTED, PREDICTIONS],
        }
    }

    /// Pairs of a paradigm times operations per token. The paradigms need not be counted, since they are those of the benchmark.
    fn work(&self, params: &Params, inputs: &Sizes) -> Option<f64> {
        let Parameters { limit, .. } = params.parse().ok()?;
        let pairs = match limit {
            0 => USUAL,
            limit => limit.min(USUAL),
        };
        Some(pairs as f64 * inputs.get("encoder")?)
    }

    /// Operations per token of the encoder.
    fn measure(&self, input: &str, file: FileOf<'_>) -> Option<f64> {
        match input {
            "encoder" => {
                let config = Config::read(&file("config.json")?).ok()?;
                Some(config.token_operations())
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
        let mut pairs = benchmarks::read_minimal_pairs(inputs.path("data")?)?;
        limit(&mut pairs, parameters.limit);
        let folder = inputs.path("encoder")?;
        let encoder = Encoder::load_unless_stopped(folder, context)?
            .with_precision(parameters.precision.resolve()?);
        let tokenizer = Tokenizer::load(folder)?;
        tokenizer.check_embedded(encoder.config().vocab_size, folder)?;
        let judged = judge(&encoder, &tokenizer, &pairs, parameters.scoring, context)?;
        let ties = accuracy::ties(&judged);
        if ties > 0 {
            let all = judged.len();
            context.note(format!(
                "{ties} of {all} pairs are ties, and count one half"
            ));
        }
        predictions::write_measures(context.output(), &PREDICTIONS, &accuracy::rows(&judged))?;
        scores::write(context.output(), &accuracy::scores(&judged))
    }
}

/// Keeps the first `limit` pairs of each paradigm; 0 keeps all.
fn limit(pairs: &mut Vec<MinimalPair>, limit: usize) {
    if limit == 0 {
        return;
    }
    let mut kept = BTreeMap::<String, usize>::new();
    pairs.retain(|pair| {
        let kept = kept.entry(pair.paradigm.clone()).or_default();
        *kept += 1;
        *kept <= limit
    });
}

/// Computes the likelihoods of both sentences of each pair.
fn judge<'a>(
    encoder: &Encoder,
    tokenizer: &Tokenizer,
    pairs: &'a [MinimalPair],
    scoring: Scoring,
    context: &Context,
) -> Result<Vec<Judged<'a>>, StageError> {
    let longest = encoder.config().max_length();
    let texts: Vec<&str> = pairs
        .iter()
        .flat_map(|pair| [&*pair.good, &*pair.bad])
        .collect();
    let sentences = texts
        .par_iter()
        .map(|text| Sentence::read(text, tokenizer, longest))
        .collect::<Result<Vec<_>, _>>()?;
    let cut = sentences.iter().filter(|read| read.is_cut()).count();
    if cut > 0 {
        let all = sentences.len();
        context.note(format!(
            "{cut} of {all} sentences were cut to {longest} tokens"
        ));
    }
    let mask = tokenizer.specials().mask;
    let found = log_probabilities(encoder, mask, &sentences, scoring, context)?;
    let judged = pairs.iter().zip(found.chunks_exact(2));
    Ok(judged
        .map(|(pair, both)| Judged {
            pair,
            good: Likelihood::of(&both[0]),
            bad: Likelihood::of(&both[1]),
        })
        .collect())
}

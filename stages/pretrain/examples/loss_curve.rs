//! Trains a BERT without dropout, and writes its initial weights, its inputs and its losses, so that other programs can repeat it.
//!
//! `cargo run --release -p pretrain --example loss_curve -- FOLDER SIZE UPDATES [--text PATH --vocab PATH] [--precision
//! bf16]`: the text file is cut into blocks of 128 tokens of the WordPiece `vocab.txt`, from its beginning again where it
//! ends. Without them a text is drawn by chance. `benches/README.md` says what is written into FOLDER.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor, safetensors};
use encoder::{
    AdamW, AdamWOptions, Architecture, Config, Encoder, Gradients, Mode, Precision, Sequence, Size,
    with_deep_stack,
};
use kernels::{Draws, Stream};
use pretrain::copies::Rates;
use pretrain::feed::{Examples, Targets};
use pretrain::loss::add_gradients;
use pretrain::masking::{Masker, Vocabulary};
use serde_json::json;
use tokenize::Tokenizer;
use training::Schedule;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "usage: loss_curve FOLDER SIZE UPDATES [--text PATH --vocab PATH] [--precision f32|bf16]";
const SEED: u64 = 1;
/// Number of tokens in a block.
const LENGTH: usize = 128;
/// Number of blocks in an update.
const BLOCKS: usize = 32;
/// Share of the tokens that are masked and predicted.
const MASKED: f64 = 0.15;
/// Highest learning rate, and the share of updates in which it rises.
const PEAK: f64 = 1e-3;
const WARMUP: f64 = 0.1;
/// Largest norm of the gradient, above which it is clipped.
const CLIP: f64 = 1.0;

fn main() -> Result<(), Box<dyn Error>> {
    // The error is returned as text, since `main` prints errors by `Debug`.
    Ok(run().map_err(|error| error.to_string())?)
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut option = |name: &str| match arguments.iter().position(|argument| argument == name) {
        None => Ok(None),
        Some(place) if place + 1 < arguments.len() => Ok(arguments.drain(place..place + 2).nth(1)),
        Some(_) => Err(format!("{name} needs a value; {USAGE}")),
    };
    let (text, vocabulary) = (option("--text")?, option("--vocab")?);
    let (precision, name) = match option("--precision")?.as_deref() {
        None | Some("f32") => (Precision::F32, "f32"),
        Some("bf16") => (Precision::Bf16, "bf16"),
        Some(other) => return Err(format!("no such precision: {other}").into()),
    };
    let [folder, size, updates] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let size = Size::from_name(size).ok_or_else(|| format!("no such size: {size}"))?;
    let updates: u32 = updates.parse()?;
    if updates == 0 {
        return Err("0 updates: give at least 1".into());
    }
    let source = match (text, vocabulary) {
        (Some(text), Some(vocabulary)) => {
            Source::read(Path::new(&text), Path::new(&vocabulary), tokens_of(updates))?
        }
        (None, None) => Source::draw(tokens_of(updates)),
        _ => return Err("give both --text and --vocab, or neither".into()),
    };

    let folder = Path::new(folder);
    let config = Config::of_size(
        size,
        Architecture::Bert,
        source.size,
        LENGTH,
        source.padding,
    );
    let encoder = Encoder::new(config, SEED)?
        .with_dropout(0.0, 0.0, 0.0)?
        .with_precision(precision);
    encoder.save(&folder.join("model"))?;
    let batches = batches(&source, updates);
    save(&batches, &folder.join("batches.safetensors"))?;
    let rates = rates(updates);
    let options = AdamWOptions::default();
    let losses = with_deep_stack(|| {
        train(&encoder, &batches, &rates, options).map_err(|error| error.to_string())
    })??;
    let found = json!({
        "precision": name,
        "losses": losses,
        "learning_rates": rates,
        "clip": CLIP,
        "adamw": {
            "beta1": options.beta1,
            "beta2": options.beta2,
            "epsilon": options.epsilon,
            "weight_decay": options.weight_decay,
        },
    });
    Ok(fs::write(folder.join("losses.json"), found.to_string())?)
}

fn tokens_of(updates: u32) -> usize {
    updates as usize * BLOCKS * LENGTH
}

fn rates(updates: u32) -> Vec<f64> {
    let warmup = (WARMUP * f64::from(updates)).round() as u32;
    let schedule = Schedule::linear(PEAK, warmup, updates);
    (0..updates).map(|step| schedule.rate(step)).collect()
}

/// The tokens that are trained on.
struct Source {
    ids: Vec<u32>,
    /// Size of the vocabulary.
    size: usize,
    padding: u32,
    vocabulary: Vocabulary,
}

impl Source {
    /// Reads the first `count` tokens of a text.
    fn read(text: &Path, vocabulary: &Path, count: usize) -> Result<Self, Box<dyn Error>> {
        let tokenizer = Tokenizer::load(vocabulary)?;
        let named = |error| format!("{}: {error}", text.display());
        let mut ids = Vec::new();
        for line in BufReader::new(File::open(text).map_err(named)?).lines() {
            ids.extend(tokenizer.encode(&line.map_err(named)?));
            if ids.len() >= count {
                break;
            }
        }
        if ids.is_empty() {
            return Err(format!("{}: there is no text", text.display()).into());
        }
        let specials = tokenizer.specials();
        let special = [
            specials.pad,
            specials.unk,
            specials.cls,
            specials.sep,
            specials.mask,
        ];
        let size = tokenizer.vocabulary();
        Ok(Self {
            ids: ids.into_iter().cycle().take(count).collect(),
            size,
            padding: specials.pad,
            vocabulary: Vocabulary::new(size, specials.mask, &special),
        })
    }

    /// Draws `count` tokens, each one of a few that may follow the token before, so that there is something to learn.
    fn draw(count: usize) -> Self {
        const SIZE: u32 = 1000;
        const SPECIAL: [u32; 5] = [0, 1, 2, 3, 4];
        const MASK: u32 = 4;
        let ordinary = SIZE - SPECIAL.len() as u32;
        let token = |number: u32| SPECIAL.len() as u32 + number;
        // Some words are more frequent than others, as in a language; these frequencies are learned first.
        let skewed = |draws: &mut Draws| {
            let bound = draws.below(ordinary) + 1;
            draws.below(bound)
        };
        let mut draws = Stream::new(SEED, "text").draws(0, 0, 0);
        let successors: Vec<[u32; 4]> = (0..ordinary)
            .map(|_| [(); 4].map(|()| skewed(&mut draws)))
            .collect();
        let mut last = 0;
        let ids = (0..count).map(|_| {
            last = *draws.pick(&successors[last as usize]);
            token(last)
        });
        Self {
            ids: ids.collect(),
            size: SIZE as usize,
            padding: 0,
            vocabulary: Vocabulary::new(SIZE as usize, MASK, &SPECIAL),
        }
    }
}

/// Masks the blocks of each update.
fn batches(source: &Source, updates: u32) -> Vec<Examples> {
    let stream = Stream::new(SEED, "mask");
    let masker = Masker {
        mask_special: false,
        ..Masker::uniform(Rates::equal(MASKED), Arc::new(source.vocabulary.clone()), stream)
    };
    let updates = (0..updates).zip(source.ids.chunks(BLOCKS * LENGTH));
    updates
        .map(|(step, ids)| {
            let mut examples = Examples::default();
            for (sample, block) in (0..).zip(ids.chunks(LENGTH)) {
                // With equal rates there is one copy.
                for masked in masker.copies(step, sample, block) {
                    examples.sequences.push(Sequence::new(masked.ids, sample));
                    examples.targets.push(Targets {
                        positions: masked.positions,
                        ids: masked.targets,
                    });
                }
            }
            examples
        })
        .collect()
}

/// Writes ids, predicted rows and targets of each update.
fn save(batches: &[Examples], path: &Path) -> Result<(), Box<dyn Error>> {
    let most = batches.iter().map(Examples::predicted).max().unwrap_or(0);
    let (mut ids, mut rows, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for (update, examples) in (1..).zip(batches) {
        let sequences = examples.sequences.iter();
        ids.extend(sequences.flat_map(|sequence| sequence.ids.iter().map(|&id| i64::from(id))));
        for (sequence, wanted) in (0..).zip(&examples.targets) {
            let first = sequence * LENGTH as i64;
            rows.extend(wanted.positions.iter().map(|&at| first + i64::from(at)));
            targets.extend(wanted.ids.iter().map(|&id| i64::from(id)));
        }
        rows.resize(update * most, -1);
        targets.resize(update * most, -1);
    }
    let updates = batches.len();
    let tensors = HashMap::from([
        (
            "ids",
            Tensor::from_vec(ids, (updates, BLOCKS, LENGTH), &Device::Cpu)?,
        ),
        (
            "rows",
            Tensor::from_vec(rows, (updates, most), &Device::Cpu)?,
        ),
        (
            "targets",
            Tensor::from_vec(targets, (updates, most), &Device::Cpu)?,
        ),
    ]);
    Ok(safetensors::save(&tensors, path)?)
}

/// Trains, and returns the loss of each update.
fn train(
    encoder: &Encoder,
    batches: &[Examples],
    rates: &[f64],
    options: AdamWOptions,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut optimizer = AdamW::new(encoder.parameters(), options)?;
    let mut gradients = Gradients::zeros(encoder.parameters());
    let mut losses = Vec::with_capacity(batches.len());
    for (step, (examples, &rate)) in (0..).zip(batches.iter().zip(rates)) {
        let mode = Mode::Train { seed: SEED, step };
        let (all, predicted) = (0..examples.sequences.len(), examples.predicted() as f64);
        let mut collecting = gradients.collect();
        let sum = add_gradients(encoder, examples, all, 0, mode, &mut collecting)?;
        drop(collecting);
        gradients.scale(1.0 / predicted);
        let loss = sum / predicted;
        if !loss.is_finite() {
            return Err(format!("update {} predicts nothing, or has diverged", step + 1).into());
        }
        gradients.clip(CLIP);
        optimizer.step(encoder.parameters(), &gradients, rate)?;
        losses.push(loss);
    }
    Ok(losses)
}

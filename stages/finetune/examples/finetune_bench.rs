//! Measures fine-tuning: forward, backward, clipping and update, on examples of their real lengths.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p finetune --example finetune_bench -- WORK.json [--precision bf16]` trains
//! once over the examples, in their order. `benches/README.md` says what WORK.json holds and what is printed.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, ClassificationHead, Config, Encoder, Gradients, Mode,
    Precision, Sequence, Size, cross_entropy, with_deep_stack,
};
use serde::Deserialize;
use training::Schedule;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: finetune_bench WORK.json [--precision f32|bf16]";

/// The contents of WORK.json.
#[derive(Deserialize)]
struct Work {
    size: String,
    vocabulary: usize,
    max_length: usize,
    classes: usize,
    batch: usize,
    /// Number of updates that are not measured.
    warmup: usize,
    seed: u64,
    dropout: f64,
    learning_rate: f64,
    clip: f64,
    examples: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    ids: Vec<u32>,
    types: Vec<u32>,
    label: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (path, precision) = match arguments[..] {
        [path] | [path, "--precision", "f32"] => (path, Precision::F32),
        [path, "--precision", "bf16"] => (path, Precision::Bf16),
        _ => return Err(USAGE.into()),
    };
    let text = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let work: Work = serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))?;
    Ok(with_deep_stack(|| {
        train(&work, precision).map_err(|error| error.to_string())
    })??)
}

fn train(work: &Work, precision: Precision) -> Result<(), Box<dyn Error>> {
    let size = Size::from_name(&work.size).ok_or_else(|| format!("no such size: {}", work.size))?;
    let count = work.examples.len();
    if work.batch == 0 || !count.is_multiple_of(work.batch) {
        return Err(format!("{count} examples are no multiple of batch {}", work.batch).into());
    }
    let updates = count / work.batch;
    if work.warmup == 0 || work.warmup >= updates {
        let reason = format!("a warm-up of {} of {updates} updates", work.warmup);
        return Err(format!("{reason}: give from 1 up to but not all").into());
    }

    let architecture = Architecture::Bert;
    let config = Config::of_size(size, architecture, work.vocabulary, work.max_length, 0);
    let encoder = Encoder::new(config, work.seed)?
        .with_dropout(work.dropout, work.dropout, work.dropout)?
        .with_precision(precision);
    let head = ClassificationHead::new(encoder.config(), work.classes, work.seed)?
        .with_precision(precision);
    let mut parameters = encoder.body();
    parameters.extend(head.parameters())?;
    let mut optimizer = AdamW::new(&parameters, AdamWOptions::default())?;
    let mut gradients = Gradients::zeros(&parameters);
    let schedule = Schedule::linear(work.learning_rate, 0, updates as u32);

    let (mut start, mut tokens) = (Instant::now(), 0);
    for (step, examples) in (0..).zip(work.examples.chunks(work.batch)) {
        if step as usize == work.warmup {
            (start, tokens) = (Instant::now(), 0);
        }
        let sequences: Vec<Sequence> = (0..)
            .zip(examples)
            .map(|(sample, example)| Sequence {
                token_types: example.types.clone(),
                ..Sequence::new(example.ids.clone(), sample)
            })
            .collect();
        let labels: Vec<u32> = examples.iter().map(|example| example.label).collect();
        let mode = Mode::Train {
            seed: work.seed,
            step,
        };
        let batch = Batch::pack(&sequences, encoder.config())?;
        let hidden = encoder.forward(&batch, mode)?;
        let loss = cross_entropy(&head.forward(&[hidden], &batch, mode)?, &labels)?;
        let sum = loss.to_scalar::<f64>()?;
        if !sum.is_finite() {
            return Err(format!("the loss of update {} is not finite", step + 1).into());
        }
        gradients.replace(&loss)?;
        gradients.scale(1.0 / examples.len() as f64);
        if work.clip > 0.0 {
            gradients.clip(work.clip);
        }
        optimizer.step(&parameters, &gradients, schedule.rate(step))?;
        tokens += batch.tokens();
    }
    let seconds = start.elapsed().as_secs_f64();
    let counted = count - work.warmup * work.batch;
    println!(r#"{{"examples":{counted},"tokens":{tokens},"seconds":{seconds}}}"#);
    Ok(())
}

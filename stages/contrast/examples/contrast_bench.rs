//! Measures contrastive training without labels: forward, loss, backward, clipping and update, on sentences of their real lengths.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p contrast --example contrast_bench -- WORK.json [--precision bf16] [--micro-batch N]`
//! trains once over the sentences, in their order. `benches/README.md` says what WORK.json holds and what is printed.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::Range;
use std::time::Instant;

use candle_core::Tensor;
use contrastive::{Contrast, Similarity, carry, values};
use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, Config, Encoder, Gradients, Mode, Pooling, Precision,
    Sequence, Size, with_deep_stack,
};
use serde::Deserialize;
use training::Schedule;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "usage: contrast_bench WORK.json [--precision f32|bf16] [--micro-batch SENTENCES]";
/// The views of a sentence: two passes, whose dropout differs.
const VIEWS: usize = 2;

/// The contents of WORK.json.
#[derive(Deserialize)]
struct Work {
    layers: usize,
    hidden: usize,
    heads: usize,
    vocabulary: usize,
    max_length: usize,
    batch: usize,
    /// Number of updates that are not measured.
    warmup: usize,
    seed: u64,
    dropout: f64,
    learning_rate: f64,
    clip: f64,
    temperature: f64,
    /// The token ids of each sentence.
    sentences: Vec<Vec<u32>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or(USAGE)?;
    let (mut precision, mut micro_batch) = (Precision::F32, 0);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match (option.as_str(), value.as_str()) {
            ("--precision", "f32") => precision = Precision::F32,
            ("--precision", "bf16") => precision = Precision::Bf16,
            ("--micro-batch", value) => micro_batch = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let text = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let work: Work = serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))?;
    Ok(with_deep_stack(|| {
        train(&work, precision, micro_batch).map_err(|error| error.to_string())
    })??)
}

fn train(work: &Work, precision: Precision, micro_batch: usize) -> Result<(), Box<dyn Error>> {
    let count = work.sentences.len();
    if work.batch < 2 || !count.is_multiple_of(work.batch) {
        return Err(format!("{count} sentences are no multiple of batch {}", work.batch).into());
    }
    let updates = count / work.batch;
    if work.warmup == 0 || work.warmup >= updates {
        let reason = format!("a warm-up of {} of {updates} updates", work.warmup);
        return Err(format!("{reason}: give from 1 up to but not all").into());
    }
    let usual = Config::of_size(
        Size::Nano,
        Architecture::Bert,
        work.vocabulary,
        work.max_length,
        0,
    );
    let config = Config {
        num_hidden_layers: work.layers,
        hidden_size: work.hidden,
        num_attention_heads: work.heads,
        intermediate_size: 4 * work.hidden,
        ..usual
    };
    let encoder = Encoder::new(config, work.seed)?
        .with_dropout(work.dropout, work.dropout, 0.0)?
        .with_precision(precision);
    let parameters = encoder.body();
    let mut optimizer = AdamW::new(&parameters, AdamWOptions::default())?;
    let mut gradients = Gradients::zeros(&parameters);
    let schedule = Schedule::linear(work.learning_rate, 0, updates as u32);
    let contrast = Contrast {
        similarity: Similarity::Cosine,
        temperature: work.temperature,
        negative_weight: 1.0,
    };
    let size = match micro_batch {
        0 => work.batch,
        size => size.min(work.batch),
    };
    let parts: Vec<Range<usize>> = (0..work.batch)
        .step_by(size)
        .map(|first| first..work.batch.min(first + size))
        .collect();

    let (mut start, mut tokens) = (Instant::now(), 0);
    for (step, sentences) in (0..).zip(work.sentences.chunks(work.batch)) {
        if step as usize == work.warmup {
            (start, tokens) = (Instant::now(), 0);
        }
        let mode = Mode::Train {
            seed: work.seed,
            step,
        };
        let pooled = |part: &Range<usize>| pooled(&encoder, sentences, part, mode);
        let mut collecting = gradients.collect();
        let mut all = Vec::new();
        let mut whole = None;
        for part in &parts {
            let vectors = pooled(part)?;
            all.extend(values(&vectors)?);
            whole = (parts.len() == 1).then_some(vectors);
        }
        let views: Vec<Vec<f32>> = (0..VIEWS)
            .map(|view| {
                let own = all.chunks_exact(work.hidden).skip(view).step_by(VIEWS);
                own.flatten().copied().collect()
            })
            .collect();
        let found = contrast.of(&views, work.hidden);
        if !found.loss.is_finite() {
            return Err(format!("the loss of update {} is not finite", step + 1).into());
        }
        let rows = |view: usize| found.gradients[view].chunks_exact(work.hidden);
        let of_all: Vec<f32> = rows(0)
            .zip(rows(1))
            .flat_map(|(one, other)| [one, other].concat())
            .collect();
        for part in &parts {
            let vectors = match whole.take() {
                Some(vectors) => vectors,
                None => pooled(part)?,
            };
            let row = VIEWS * work.hidden;
            carry(
                &vectors,
                &of_all[part.start * row..part.end * row],
                &mut collecting,
            )?;
        }
        drop(collecting);
        gradients.scale(1.0 / work.batch as f64);
        if work.clip > 0.0 {
            gradients.clip(work.clip);
        }
        optimizer.step(&parameters, &gradients, schedule.rate(step))?;
        tokens += VIEWS * sentences.iter().map(Vec::len).sum::<usize>();
    }
    let seconds = start.elapsed().as_secs_f64();
    let counted = count - work.warmup * work.batch;
    println!(r#"{{"examples":{counted},"tokens":{tokens},"seconds":{seconds}}}"#);
    Ok(())
}

/// Returns the mean states of both views of some sentences, sentence by sentence.
fn pooled(
    encoder: &Encoder,
    sentences: &[Vec<u32>],
    part: &Range<usize>,
    mode: Mode,
) -> Result<Tensor, Box<dyn Error>> {
    let sequences: Vec<Sequence> = part
        .clone()
        .flat_map(|at| (0..VIEWS).map(move |view| (at, view)))
        .map(|(at, view)| Sequence::new(sentences[at].clone(), (VIEWS * at + view) as u32))
        .collect();
    let batch = Batch::pack(&sequences, encoder.config())?;
    let layers = Pooling::Mean.layers(encoder.config().num_hidden_layers);
    let states = encoder.hidden_states(&batch, &layers, mode)?;
    Ok(Pooling::Mean.pool(&states, &batch, 0)?)
}

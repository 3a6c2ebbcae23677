//! Measures what encoding the visible tokens alone saves: the layers of a training step, forward and backward, and the whole step,
//! against those of ordinary masked language modelling, beside the share (E · v + D) / E that E layers over a share v of the tokens and
//! D layers over all of them come to.
//!
//! `cargo run --release -p encoder --example visible -- mini 1 64 128 2000 9`: size, layers of the decoder, sequences, tokens per
//! sequence, vocabulary, repetitions. Arguments may be left out from the end. Both kinds of step take turns, and the medians are
//! compared. Prints rows of a markdown table, one for each rate; `--precision bf16` rounds the operands of matrix products.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, Config, Decoder, Encoder, Gradients, Mode,
    Parameters, Precision, Sequence, Size, VisibleBatch, with_deep_stack,
};
use kernels::Stream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MASK: u32 = 4;
const RATES: [f64; 3] = [0.40, 0.60, 0.75];

fn main() -> Result<(), Box<dyn Error>> {
    Ok(with_deep_stack(|| {
        measure().map_err(|error| error.to_string())
    })??)
}

/// One way to train.
struct Way {
    encoder: Encoder,
    decoder: Option<Decoder>,
    parameters: Parameters,
    gradients: Gradients,
    optimizer: AdamW,
    /// Seconds of the layers, and of the whole step.
    seconds: Vec<[f64; 2]>,
}

impl Way {
    fn new(config: &Config, decoder: usize, precision: Precision) -> Result<Self, Box<dyn Error>> {
        let encoder = Encoder::new(config.clone(), 1)?.with_precision(precision);
        let mut parameters = encoder.parameters().clone();
        let decoder = match decoder {
            0 => None,
            layers => Some(Decoder::new(config, layers, 1)?),
        };
        if let Some(decoder) = &decoder {
            parameters.extend(decoder.parameters())?;
        }
        Ok(Self {
            gradients: Gradients::zeros(&parameters),
            optimizer: AdamW::new(&parameters, AdamWOptions::default())?,
            encoder,
            decoder,
            parameters,
            seconds: Vec::new(),
        })
    }

    fn step(&mut self, step: u32, sequences: &[Sequence]) -> Result<(), Box<dyn Error>> {
        let layers = self.pass(step, sequences, false)?;
        let whole = self.pass(step, sequences, true)?;
        // The first step allocates memory.
        if step > 0 {
            self.seconds.push([layers, whole]);
        }
        Ok(())
    }

    /// Returns the seconds of a pass forward and backward: with head, loss and update, or of the layers alone.
    fn pass(
        &mut self,
        step: u32,
        sequences: &[Sequence],
        whole: bool,
    ) -> Result<f64, Box<dyn Error>> {
        let mode = Mode::Train { seed: 1, step };
        let mut collecting = self.gradients.collect();
        let start = Instant::now();
        let (all, hidden) = match &self.decoder {
            Some(decoder) => {
                let batch = VisibleBatch::pack(sequences, MASK, self.encoder.config())?;
                let hidden = decoder.forward(&self.encoder, &batch, mode)?;
                (batch.all().clone(), hidden)
            }
            None => {
                let batch = Batch::pack(sequences, self.encoder.config())?;
                let hidden = self.encoder.forward(&batch, mode)?;
                (batch, hidden)
            }
        };
        if !whole {
            collecting.add(&hidden.sum_all()?)?;
            return Ok(start.elapsed().as_secs_f64());
        }
        let mut rows = Vec::new();
        for (index, sequence) in sequences.iter().enumerate() {
            let masked = (0..sequence.ids.len()).filter(|&at| sequence.ids[at] == MASK);
            rows.extend(masked.map(|at| all.row(index, at)));
        }
        let targets: Vec<u32> = rows.iter().map(|row| 5 + row % 50).collect();
        let loss = self.encoder.masked_lm_loss(&hidden, &rows, &targets)?;
        collecting.add(&loss)?;
        drop(collecting);
        self.gradients.scale(1.0 / rows.len() as f64);
        self.optimizer
            .step(&self.parameters, &self.gradients, 1e-4)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Returns the median seconds of the layers, and of the whole step.
    fn medians(&self) -> [f64; 2] {
        [0, 1].map(|which| {
            let mut all: Vec<f64> = self.seconds.iter().map(|seconds| seconds[which]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        })
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let precision = match arguments
        .iter()
        .position(|argument| argument == "--precision")
    {
        None => Precision::F32,
        Some(place) => {
            let given: Vec<String> = arguments
                .drain(place..(place + 2).min(arguments.len()))
                .collect();
            match given.get(1).map(String::as_str) {
                Some("bf16") => Precision::Bf16,
                Some("f32") => Precision::F32,
                other => return Err(format!("no such precision: {other:?}").into()),
            }
        }
    };
    let argument = |place: usize, default: &str| -> String {
        let given = arguments.get(place).cloned();
        given.unwrap_or_else(|| default.to_owned())
    };
    let size = Size::from_name(&argument(0, "mini")).ok_or("no such size")?;
    let [decoder, count, length, vocabulary, repetitions]: [usize; 5] = [
        argument(1, "1").parse()?,
        argument(2, "64").parse()?,
        argument(3, "128").parse()?,
        argument(4, "2000").parse()?,
        argument(5, "9").parse()?,
    ];
    if decoder == 0 || count == 0 || length < 2 || vocabulary < 60 || repetitions == 0 {
        return Err(
            "give at least a layer, a sequence, 2 tokens, a vocabulary of 60 and a repetition"
                .into(),
        );
    }
    let architecture = Architecture::RobertaPreLayerNorm;
    let config = Config::of_size(size, architecture, vocabulary, length, 0);
    let layers = config.num_hidden_layers as f64;
    for rate in RATES {
        let mut ways = [
            Way::new(&config, 0, precision)?,
            Way::new(&config, decoder, precision)?,
        ];
        for step in 0..=repetitions as u32 {
            let mut draws = Stream::new(1, "example").draws(step, 0, 0);
            let sequences: Vec<Sequence> = (0..count as u32)
                .map(|sample| {
                    let mut ids: Vec<u32> = (0..length)
                        .map(|_| 5 + draws.below(vocabulary as u32 - 5))
                        .collect();
                    for place in draws.choose(length, (rate * length as f64).round() as usize) {
                        ids[place] = MASK;
                    }
                    Sequence::new(ids, sample)
                })
                .collect();
            for way in &mut ways {
                way.step(step, &sequences)?;
            }
        }
        let [ordinary, visible] = ways.map(|way| way.medians());
        let share = (layers * (1.0 - rate) + decoder as f64) / layers;
        let (own, whole) = (visible[0] / ordinary[0], visible[1] / ordinary[1]);
        println!(
            "| {size} | {:.0} % | {:.1} | {:.1} | {own:.3} | {share:.3} | {:.2} | {:.1} | {:.1} | {whole:.3} |",
            100.0 * rate,
            1e3 * ordinary[0],
            1e3 * visible[0],
            own / share,
            1e3 * ordinary[1],
            1e3 * visible[1],
        );
    }
    Ok(())
}

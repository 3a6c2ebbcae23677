//! Measures a training step: forward, backward and update, with dropout 0.1 and 15 % predictions.
//!
//! `RAYON_NUM_THREADS=1 cargo run -p encoder --example step -- nano pre 32 64 2000 20 fused`: size, layer normalisation
//! (`pre`, `post`), sequences, tokens per sequence, vocabulary, steps, implementation (`fused`, `composed`). Arguments
//! may be left out from the end. Between two parallel regions all threads wait for one another. `--json` prints one line per step instead of a summary, `--precision bf16` rounds the
//! operands of matrix products, `--path avx2` runs the kernels compiled for those instructions.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use kernels::Regions;

use encoder::{
    AdamW, AdamWOptions, Architecture, Batch, Config, Encoder, Gradients, Mode, Ops, Precision,
    Sequence, Size, audit, with_deep_stack,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    Ok(with_deep_stack(|| {
        measure().map_err(|error| error.to_string())
    })??)
}

fn measure() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().position(|argument| argument == "--json");
    let json = json.map(|place| arguments.remove(place)).is_some();
    let mut option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.remove(place);
        Some(if place < arguments.len() {
            arguments.remove(place)
        } else {
            String::new()
        })
    };
    let precision = match option("--precision").as_deref() {
        Some("bf16") => Precision::Bf16,
        Some("f32") | None => Precision::F32,
        other => return Err(format!("no such precision: {other:?}").into()),
    };
    // The guard forces the path until the end of the program.
    let _forced = match option("--path") {
        Some(name) => {
            let path = kernels::Path::from_name(&name).filter(|path| path.is_available());
            Some(path.ok_or("this CPU has no such path")?.force())
        }
        None => None,
    };
    let argument = |place: usize, default: &str| -> String {
        arguments
            .get(place)
            .cloned()
            .unwrap_or_else(|| default.to_owned())
    };
    let size = Size::from_name(&argument(0, "nano")).ok_or("no such size")?;
    let architecture = match argument(1, "pre").as_str() {
        "pre" => Architecture::RobertaPreLayerNorm,
        "post" => Architecture::Bert,
        other => return Err(format!("no such layer normalisation: {other}").into()),
    };
    let [sequences, length, vocabulary, steps]: [usize; 4] = [
        argument(2, "32").parse()?,
        argument(3, "64").parse()?,
        argument(4, "2000").parse()?,
        argument(5, "20").parse()?,
    ];
    let ops = match argument(6, "fused").as_str() {
        "fused" => Ops::Fused,
        "composed" => Ops::Composed,
        other => return Err(format!("no such implementation: {other}").into()),
    };

    let config = Config::of_size(size, architecture, vocabulary, length, 0);
    let encoder = Encoder::new(config, 1)?
        .with_ops(ops)
        .with_precision(precision);
    let mut optimizer = AdamW::new(encoder.parameters(), AdamWOptions::default())?;
    let mut gradients = Gradients::zeros(encoder.parameters());
    let (mut seconds, mut outside) = (Vec::new(), Vec::new());
    for step in 0..=steps as u32 {
        let mut draws = kernels::Stream::new(1, "example").draws(step, 0, 0);
        let token = |draws: &mut kernels::Draws| draws.below(vocabulary as u32);
        let blocks: Vec<Sequence> = (0..sequences as u32)
            .map(|sample| Sequence::new((0..length).map(|_| token(&mut draws)).collect(), sample))
            .collect();
        let mut rows = draws.choose(sequences * length, sequences * length * 15 / 100);
        rows.sort_unstable();
        let rows: Vec<u32> = rows.into_iter().map(|row| row as u32).collect();
        let targets: Vec<u32> = rows.iter().map(|_| token(&mut draws)).collect();

        let (start, before) = (Instant::now(), Regions::now());
        let batch = Batch::pack(&blocks, encoder.config())?;
        let hidden = encoder.forward(&batch, Mode::Train { seed: 1, step })?;
        let loss = encoder.masked_lm_loss(&hidden, &rows, &targets)?;
        let forward = start.elapsed().as_secs_f64();
        gradients.replace(&loss)?;
        gradients.scale(1.0 / rows.len() as f64);
        let backward = start.elapsed().as_secs_f64();
        if step == 0 {
            audit(encoder.parameters(), &gradients)?;
        }
        optimizer.step(encoder.parameters(), &gradients, 1e-3)?;
        let all = start.elapsed().as_secs_f64();
        let shared = Regions::now().since(before);
        let alone = 1.0 - shared.time.as_secs_f64() / all;
        let mean = loss.to_scalar::<f64>()? / rows.len() as f64;
        if json && step > 0 {
            println!(
                r#"{{"step":{},"seconds":{all},"tokens":{}}}"#,
                step - 1,
                sequences * length
            );
        }
        if step > 0 {
            seconds.push((all, forward, backward - forward, all - backward, mean));
            outside.push((alone, shared.count));
        }
    }
    if json {
        return Ok(());
    }
    seconds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (all, forward, backward, update, loss) = seconds[seconds.len() / 2];
    outside.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (alone, regions) = outside[outside.len() / 2];
    let tokens = (sequences * length) as f64;
    println!(
        "{size} {architecture:?} {ops:?} {precision:?}: {:.0} tokens/s; median step {:.1} ms = forward {:.1} + backward {:.1} + \
         update {:.1}; {regions} parallel regions, {:.1} % of the time outside of them; {} parameters; loss {loss:.3}",
        tokens / all,
        1e3 * all,
        1e3 * forward,
        1e3 * backward,
        1e3 * update,
        1e2 * alone,
        encoder.parameters().scalars(),
    );
    Ok(())
}

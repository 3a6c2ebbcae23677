//! Measures the encoding of sentences, from text to vectors in memory, tokenising included.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p evaluate --example encode_bench -- FOLDER SENTENCES.txt --out VECTORS.npy
//! [--precision bf16]`: the folder is sentence-transformers', the file has a sentence a line. A first pass is not timed.
//! `benches/README.md` says what is printed.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use contract::Context;
use encoder::{Encoder, Pooling, Precision, with_deep_stack};
use evaluate::{Folder, Manner, encode};
use tokenize::Tokenizer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "usage: encode_bench FOLDER SENTENCES.txt --out VECTORS.npy [--precision f32|bf16]";
/// The most tokens of a sentence that are read.
const MAX_LENGTH: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, sentences, out, precision) = match arguments[..] {
        [folder, sentences, "--out", out]
        | [folder, sentences, "--out", out, "--precision", "f32"] => {
            (folder, sentences, out, Precision::F32)
        }
        [folder, sentences, "--out", out, "--precision", "bf16"] => {
            (folder, sentences, out, Precision::Bf16)
        }
        _ => return Err(USAGE.into()),
    };
    let text =
        std::fs::read_to_string(sentences).map_err(|error| format!("{sentences}: {error}"))?;
    let sentences: Vec<String> = text.lines().map(str::to_owned).collect();
    Ok(with_deep_stack(|| {
        measure(Path::new(folder), &sentences, Path::new(out), precision)
            .map_err(|error| error.to_string())
    })??)
}

fn measure(
    folder: &Path,
    sentences: &[String],
    out: &Path,
    precision: Precision,
) -> Result<(), Box<dyn Error>> {
    let folder = Folder::read(folder)?;
    let pooling = match &folder.head {
        Some(head) if head.normalise => return Err("the folder normalises its vectors".into()),
        Some(head) => head.pooling()?,
        None => Pooling::Mean,
    };
    let encoder = Encoder::load(&folder.transformer)?.with_precision(precision);
    let tokenizer = Tokenizer::load(&folder.transformer)?;
    let max_length = encoder.config().max_length().min(MAX_LENGTH);
    let tokens: usize = sentences
        .iter()
        .map(|sentence| tokenizer.single(sentence, Some(max_length)).len())
        .sum();

    // The stage's code needs a folder for output and progress, though the benchmark writes neither.
    let scratch = tempfile::tempdir()?;
    let context = Context::in_folder(scratch.path())?;
    let pass = || {
        let manner = Manner {
            texts: &folder.texts,
            max_length,
            pooling,
            skip: 0,
        };
        encode(&encoder, &tokenizer, sentences, manner, &context)
    };
    pass()?;
    let start = Instant::now();
    let encoded = pass()?;
    let seconds = start.elapsed().as_secs_f64();

    write(out, &encoded.vectors, encoder.config().hidden_size)?;
    let count = sentences.len();
    println!(r#"{{"sentences":{count},"tokens":{tokens},"seconds":{seconds}}}"#);
    Ok(())
}

/// Writes vectors of width `width` in NumPy's format 1.0.
fn write(path: &Path, vectors: &[Vec<f32>], width: usize) -> Result<(), Box<dyn Error>> {
    /// Length of magic number, version and header length.
    const START: usize = 10;
    let rows = vectors.len();
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    // The data must begin at a multiple of 64 bytes, after a newline.
    while !(START + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut file = BufWriter::new(file);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&u16::try_from(header.len())?.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in vectors.iter().flatten() {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

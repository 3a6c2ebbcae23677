//! Measures how fast a text is converted to a Parquet file of token ids.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p tokenize --example tokenize_bench -- VOCAB.txt TEXT OUT.parquet`: a row of
//! the column `input_ids` for each line, without special tokens. `benches/README.md` says what it prints.
//!
//! A group of lines is a task: tokenised, and encoded as a row group of its own. The main thread only reads lines and
//! appends finished row groups; it holds a few groups for each thread, however long the text is.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arrow::array::{ArrayRef, Int32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rayon::prelude::*;
use tokenize::{Tokenizer, WordEncoder};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: tokenize_bench VOCAB.txt TEXT OUT.parquet";
/// A group ends with the line that reaches one of these limits.
const GROUP_LINES: usize = 8192;
const GROUP_BYTES: usize = 1 << 20;
/// Number of groups that are read for each thread before any is written.
const GROUPS_AHEAD: usize = 4;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    // The error is returned as text, since `main` prints errors by `Debug`.
    Ok(measure().map_err(|error| error.to_string())?)
}

fn measure() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vocabulary, text, out] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let tokenizer = Tokenizer::load(Path::new(vocabulary))?;
    let start = Instant::now();
    let tokens = convert(&tokenizer, Path::new(text), Path::new(out))?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(text)?.len();
    println!(r#"{{"bytes":{bytes},"tokens":{tokens},"seconds":{seconds}}}"#);
    Ok(())
}

/// Writes the ids of each line of `text` to `out`, and returns the number of ids.
fn convert(tokenizer: &Tokenizer, text: &Path, out: &Path) -> Result<usize> {
    let named = |path: &Path, error| format!("{}: {error}", path.display());
    let text_file = File::open(text).map_err(|error| named(text, error))?;
    let out_file = File::create(out).map_err(|error| named(out, error))?;
    let mut text = Groups {
        from: BufReader::with_capacity(GROUP_BYTES, text_file),
        lines: 0,
    };

    let item = Field::new("element", DataType::Int32, false);
    let column = Field::new("input_ids", DataType::List(Arc::new(item)), false);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let schema = Schema::new(vec![column.clone()]);
    let writer = ArrowWriter::try_new(out_file, Arc::new(schema), Some(properties))?;
    let (mut writer, factory) = writer.into_serialized_writer()?;

    let threads = rayon::current_num_threads().max(1);
    let worker = Worker {
        column: Arc::new(column),
        factory,
        encoders: (0..threads)
            .map(|_| Mutex::new(WordEncoder::new(tokenizer)))
            .collect(),
    };
    let (mut first, mut tokens) = (0, 0);
    loop {
        let groups = text.take(GROUPS_AHEAD * threads)?;
        if groups.is_empty() {
            break;
        }
        let encoded = groups
            .par_iter()
            .enumerate()
            .map(|(place, group)| worker.encode(first + place, group))
            .collect::<Result<Vec<_>>>()?;
        first += groups.len();
        for (chunk, ids) in encoded {
            let mut rows = writer.next_row_group()?;
            chunk.append_to_row_group(&mut rows)?;
            rows.close()?;
            tokens += ids;
        }
    }
    writer.close()?;
    Ok(tokens)
}

/// Lines that one task tokenises and encodes.
struct Group {
    bytes: Vec<u8>,
    /// Number of lines before the group.
    lines: usize,
}

impl Group {
    fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let valid = &self.bytes[..error.valid_up_to()];
            let line = self.lines + valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
            format!("the text is not UTF-8 in line {line}").into()
        })
    }
}

/// Splits a text into groups of lines.
struct Groups<R> {
    from: BufReader<R>,
    /// Number of lines that were read.
    lines: usize,
}

impl<R: Read> Groups<R> {
    /// Returns the next `count` groups, fewer at the end.
    fn take(&mut self, count: usize) -> Result<Vec<Group>> {
        let mut groups = Vec::with_capacity(count);
        while groups.len() < count {
            let mut group = Group {
                bytes: Vec::with_capacity(GROUP_BYTES + (GROUP_BYTES >> 4)),
                lines: self.lines,
            };
            while group.bytes.len() < GROUP_BYTES
                && self.lines - group.lines < GROUP_LINES
                && self.from.read_until(b'\n', &mut group.bytes)? > 0
            {
                self.lines += 1;
            }
            if group.bytes.is_empty() {
                break;
            }
            groups.push(group);
        }
        Ok(groups)
    }
}

/// The data that all threads share.
struct Worker<'a> {
    column: FieldRef,
    factory: ArrowRowGroupWriterFactory,
    /// One encoder for each thread.
    encoders: Vec<Mutex<WordEncoder<'a>>>,
}

impl Worker<'_> {
    /// Returns row group number `place` of the file, and the number of its ids.
    fn encode(&self, place: usize, group: &Group) -> Result<(ArrowColumnChunk, usize)> {
        let text = group.text()?;
        let thread = rayon::current_thread_index().unwrap_or(0) % self.encoders.len();
        let mut encoder = self.encoders[thread]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (mut ids, mut lengths) = (Vec::with_capacity(text.len() / 4), Vec::new());
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            let found = encoder.encode(line);
            lengths.push(found.len());
            ids.extend(found.into_iter().map(|id| id as i32));
        }
        drop(encoder);

        let tokens = ids.len();
        let DataType::List(item) = self.column.data_type() else {
            return Err("the column is no list".into());
        };
        let offsets = OffsetBuffer::from_lengths(lengths);
        let values = Arc::new(Int32Array::from(ids));
        let rows: ArrayRef = Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, None)?);
        let mut columns = self.factory.create_column_writers(place)?;
        let mut column = columns.pop().ok_or("the file has no column")?;
        for leaf in compute_leaves(&self.column, &rows)? {
            column.write(&leaf)?;
        }
        Ok((column.close()?, tokens))
    }
}

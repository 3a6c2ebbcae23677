//! The vectors of a user's own sentences: what `pipe encode` does.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use columnar::{Encoding, Schema, Writer};
use contract::{Column, ColumnType, Context, StageError, io_error};
use encoder::Pooling;

pub use crate::Asked;
use crate::{Description, Folder, SentenceEncoder};

/// The columns of a Parquet file of vectors.
pub const COLUMNS: &[Column] = &[
    Column::new("row", ColumnType::Integer, "the line of the text, from 0"),
    Column::new("vector", ColumnType::Numbers, "its vector"),
];
/// Number of rows that are written at a time.
const ROWS: usize = 4096;

/// The form of a file of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Parquet with the columns [`COLUMNS`].
    Parquet,
    /// NumPy's format, version 1.0: a matrix of 32-bit floats, a row for each line.
    Npy,
}

impl Form {
    /// Returns the form that the ending of a file's name means.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "parquet" => Some(Self::Parquet),
            "npy" => Some(Self::Npy),
            _ => None,
        }
    }
}

/// Returns the sentences of a text: its lines, without the marks that end them.
pub fn sentences(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Writes the vectors of sentences into the file `to`, which is replaced, and says how they were made. `own` is the pooling that the
/// encoder was trained with, where its folder does not say it.
///
/// # Errors
/// When the encoder's folder cannot be read or does not give what is asked for, a vector is not finite, the file cannot be written, or
/// the run asks to stop.
pub fn write(
    folder: &Path,
    (asked, own): (Asked, Option<Pooling>),
    sentences: &[String],
    (to, form): (&Path, Form),
    context: &Context,
) -> Result<Description, StageError> {
    let read = Folder::read(folder)?;
    // The encoder alone decides what computes it: no family is computed by both engines.
    let asked = asked.or_pooling(&read, own).or_candle(&read);
    let model = SentenceEncoder::load(folder, asked, context)?;
    model.note(context);
    let encoded = model.encode(sentences, context)?;
    let description = model.description(&encoded);
    match form {
        Form::Parquet => parquet(to, &encoded.vectors)?,
        Form::Npy => npy(to, &encoded.vectors, description.dimension).map_err(io_error(to))?,
    }
    Ok(description)
}

fn parquet(path: &Path, vectors: &[Vec<f32>]) -> Result<(), StageError> {
    let mut writer = Writer::create(
        path.to_path_buf(),
        &Schema::of(COLUMNS),
        Encoding::default(),
    )?;
    let mut row = 0_i64;
    for vectors in vectors.chunks(ROWS) {
        let rows: Vec<i64> = (row..).take(vectors.len()).collect();
        row += rows.len() as i64;
        writer.write(vec![
            rows.into_iter().collect(),
            vectors.iter().map(Vec::as_slice).collect(),
        ])?;
    }
    writer.finish()
}

/// Writes a matrix as NumPy reads it: magic, version, the header's length, the header as a Python literal padded with spaces so that
/// the data begin at a multiple of 64 bytes, and the values in rows.
fn npy(path: &Path, vectors: &[Vec<f32>], width: usize) -> std::io::Result<()> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    const ALIGNMENT: usize = 64;
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {width}), }}",
        vectors.len()
    );
    // The header ends with a line feed.
    let before = MAGIC.len() + 2 + header.len() + 1;
    header += &" ".repeat(before.next_multiple_of(ALIGNMENT) - before);
    header.push('\n');
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(MAGIC)?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in vectors.iter().flatten() {
        file.write_all(&value.to_le_bytes())?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use columnar::Reader;

    use super::*;

    #[test]
    fn a_line_is_a_sentence_and_empty_ones_count() {
        assert_eq!(sentences("a b\r\n\nc"), ["a b", "", "c"]);
        assert_eq!(sentences("a\n"), ["a"]);
    }

    #[test]
    fn the_ending_decides_the_form() {
        assert_eq!(Form::of(Path::new("a/b.npy")), Some(Form::Npy));
        assert_eq!(Form::of(Path::new("b.parquet")), Some(Form::Parquet));
        assert_eq!(Form::of(Path::new("parquet")), None);
    }

    #[test]
    fn rows_are_numbered_and_vectors_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.parquet");
        let vectors: Vec<Vec<f32>> = (0..ROWS + 2).map(|row| vec![row as f32, 0.5]).collect();
        parquet(&path, &vectors).unwrap();
        let mut read = 0;
        for batch in Reader::open(&path, "").unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            let rows = batch.integers("row").unwrap();
            for (place, vector) in batch.number_lists("vector").unwrap().iter().enumerate() {
                assert_eq!(rows[place], read as i64);
                assert_eq!(vector, vectors[read].as_slice());
                read += 1;
            }
        }
        assert_eq!(read, vectors.len());
    }

    #[test]
    fn numpys_header_is_aligned_and_names_the_shape() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.npy");
        npy(&path, &[vec![1.0, 2.0], vec![3.0, 4.0]], 2).unwrap();
        let bytes = fs::read(&path).unwrap();
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.contains("'shape': (2, 2)"), "{header}");
        assert!(header.ends_with('\n'));
        assert_eq!(bytes[10 + length..].len(), 16);
        assert_eq!(bytes[10 + length..][..4], 1.0_f32.to_le_bytes());
    }
}

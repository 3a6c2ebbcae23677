//! Opens a text file, compressed or not.
//!
//! The first bytes of a file decide whether it is compressed, not its name. gzip and Zstandard are decompressed in bounded
//! memory. Other files that are not UTF-8 text are refused, with the kind of file that they are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use contract::{Content, StageError, io_error};
use flate2::bufread::MultiGzDecoder;

/// Number of bytes that are read at a time.
const BUFFER: usize = 1 << 16;
/// The largest window size of Zstandard, as the logarithm of its bytes: `zstd --long=31`.
const LONGEST_WINDOW: u32 = 31;

/// Opens the text at `path`, from its beginning.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, StageError> {
    let file = File::open(path).map_err(io_error(path))?;
    let (head, file) = peek(file, path)?;
    let text: Box<dyn Read> = match Content::of(&head) {
        Some(Content::Gzip) => Box::new(MultiGzDecoder::new(file)),
        Some(Content::Zstd) => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(file).map_err(io_error(path))?;
            // Large public texts are often compressed with the largest window.
            decoder
                .window_log_max(LONGEST_WINDOW)
                .map_err(io_error(path))?;
            Box::new(decoder)
        }
        Some(content) if !is_markup(content) => return Err(content.refusal(path)),
        _ => return Ok(Box::new(file)),
    };
    let (head, text) = peek(text, path)?;
    match Content::of(&head) {
        Some(content) if !is_markup(content) => Err(StageError::input(
            path.display(),
            format!("its compressed content is {}", content.what()),
            "unpack it, and give the text itself",
        )),
        _ => Ok(Box::new(text)),
    }
}

/// Returns the error of reading further in a text that [`open`] has opened. In a compressed file that is usually damage.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> StageError {
    if error.raw_os_error().is_some() {
        return io_error(path)(error);
    }
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed data end in the middle".to_owned(),
        _ => format!("the compressed data are damaged: {error}"),
    };
    StageError::input(
        path.display(),
        reason,
        "fetch or write the file once more; `gzip -t` or `zstd -t` tests it",
    )
}

/// Whether two texts have the same bytes.
pub(crate) fn are_equal(one: &Path, other: &Path) -> Result<bool, StageError> {
    let (mut left, mut right) = (open(one)?, open(other)?);
    loop {
        let (a, b) = (
            left.fill_buf().map_err(|error| unreadable(one, error))?,
            right.fill_buf().map_err(|error| unreadable(other, error))?,
        );
        let length = a.len().min(b.len());
        if length == 0 || a[..length] != b[..length] {
            return Ok(a.is_empty() && b.is_empty());
        }
        left.consume(length);
        right.consume(length);
    }
}

/// Whether files of this kind are texts, though perhaps not the text that the user wanted.
fn is_markup(content: Content) -> bool {
    matches!(content, Content::Html | Content::Xml)
}

/// A reader whose first bytes have been read and are given again.
type Peeked<R> = BufReader<io::Chain<Cursor<Vec<u8>>, R>>;

/// Returns the first bytes of a source, and a reader that begins with them.
fn peek<R: Read>(mut source: R, path: &Path) -> Result<(Vec<u8>, Peeked<R>), StageError> {
    let mut head = Vec::with_capacity(Content::HEAD);
    source
        .by_ref()
        .take(Content::HEAD as u64)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(path, error))?;
    let whole = Cursor::new(head.clone()).chain(source);
    Ok((head, BufReader::with_capacity(BUFFER, whole)))
}

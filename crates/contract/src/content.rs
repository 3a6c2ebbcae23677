//! What kind of file a file is, told by its first bytes, where it is not the kind that its reader needs.
//!
//! Readers ask this before they read, or when they cannot make sense of a file, so that nobody is told to mend the
//! encoding of a file that is no text at all.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::{StageError, io_error};

/// A file of another kind than its reader needs, or in a form in which the reader cannot read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What a clone without Git LFS leaves in the place of a file.
    GitLfs,
    /// What git-annex leaves in the place of a file that was not fetched.
    GitAnnex,
    /// What DVC keeps beside a file that it tracks.
    Dvc,
    /// A page that a server has sent instead of a file.
    Html,
    /// An XML document: where a table or a model was expected, this is a server's error message.
    Xml,
    /// Compressed by gzip.
    Gzip,
    /// Compressed by Zstandard.
    Zstd,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by xz.
    Xz,
    /// Compressed by LZ4.
    Lz4,
    /// Compressed by lzip.
    Lzip,
    /// Compressed by Unix `compress`.
    Compress,
    /// A zip archive, as are PyTorch's checkpoints.
    Zip,
    /// A 7-Zip archive.
    SevenZip,
    /// A RAR archive.
    Rar,
    /// A tar archive.
    Tar,
    /// A Parquet file.
    Parquet,
    /// An Arrow or Feather file.
    Arrow,
    /// A PDF document.
    Pdf,
    /// Text in UTF-16, the lower byte first.
    Utf16Le,
    /// Text in UTF-16, the higher byte first.
    Utf16Be,
    /// Text in UTF-32, the lowest byte first.
    Utf32Le,
    /// Text in UTF-32, the highest byte first.
    Utf32Be,
}

/// Offset of a magic number in a file, the magic number, and the kind of file that has it.
const MAGIC: &[(usize, &[u8], Content)] = &[
    (0, b"\x1f\x8b\x08", Content::Gzip),
    (0, b"\x28\xb5\x2f\xfd", Content::Zstd),
    (0, b"BZh", Content::Bzip2),
    (0, b"\xfd7zXZ\0", Content::Xz),
    (0, b"\x04\x22\x4d\x18", Content::Lz4),
    (0, b"LZIP\x01", Content::Lzip),
    (0, b"\x1f\x9d", Content::Compress),
    (0, b"PK\x03\x04", Content::Zip),
    (0, b"PK\x05\x06", Content::Zip),
    (0, b"7z\xbc\xaf\x27\x1c", Content::SevenZip),
    (0, b"Rar!\x1a\x07", Content::Rar),
    (257, b"ustar", Content::Tar),
    (0, b"PAR1", Content::Parquet),
    (0, b"ARROW1\0\0", Content::Arrow),
    (0, b"FEA1", Content::Arrow),
    (0, b"%PDF-", Content::Pdf),
];

/// The beginnings of the pointer files of Git LFS: today's, the one under its first name, and the one before it had a name.
const LFS: [&str; 3] = [
    "version https://git-lfs.github.com/spec/",
    "version https://hawser.github.com/spec/",
    "version http://git-media.io/v/",
];

impl Content {
    /// How many of a file's first bytes [`Content::of`] needs.
    pub const HEAD: usize = 4096;
    /// The size in bytes that every pointer file stays below, by Git LFS's specification.
    const POINTER: usize = 1024;

    /// Returns the kind of a file that begins with `head`, which is its first [`Content::HEAD`] bytes or the whole file; `None`
    /// for text in UTF-8 and for every kind that is not known here.
    pub fn of(head: &[u8]) -> Option<Self> {
        let head = &head[..head.len().min(Self::HEAD)];
        let magic = MAGIC.iter().find(|(place, magic, _)| {
            head.get(*place..)
                .is_some_and(|rest| rest.starts_with(magic))
        });
        match magic {
            // A text may begin with the three letters `BZh`; in bzip2 the size of a block and a magic number follow.
            Some((_, _, Self::Bzip2)) if !is_bzip2(head) => {}
            Some((_, _, content)) => return Some(*content),
            None if is_zstd_skippable(head) => return Some(Self::Zstd),
            None => {}
        }
        wide(head).or_else(|| stand_in(head))
    }

    /// Returns the kind of the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Option<Self>> {
        let mut head = Vec::with_capacity(Self::HEAD);
        File::open(path)?
            .take(Self::HEAD as u64)
            .read_to_end(&mut head)?;
        Ok(Self::of(&head))
    }

    /// Returns the kind that the end of a file's name stands for: `text.gz`, `text.dvc`.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Self::Gzip,
            "zst" | "zstd" => Self::Zstd,
            "bz2" | "bzip2" => Self::Bzip2,
            "xz" | "lzma" => Self::Xz,
            "lz4" => Self::Lz4,
            "lz" => Self::Lzip,
            "z" => Self::Compress,
            "zip" => Self::Zip,
            "7z" => Self::SevenZip,
            "rar" => Self::Rar,
            "tar" | "tgz" | "tbz" | "tbz2" | "txz" | "tzst" => Self::Tar,
            "parquet" => Self::Parquet,
            "arrow" | "feather" => Self::Arrow,
            "pdf" => Self::Pdf,
            "dvc" => Self::Dvc,
            _ => return None,
        })
    }

    /// Whether a file of this kind is a pointer to a file that lies elsewhere.
    pub fn is_pointer(self) -> bool {
        matches!(self, Self::GitLfs | Self::GitAnnex | Self::Dvc)
    }

    /// Returns what the file is, in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::GitLfs => "a Git LFS pointer, not the file itself",
            Self::GitAnnex => "a git-annex pointer, not the file itself",
            Self::Dvc => "a DVC pointer, not the file itself",
            Self::Html => "a web page (HTML), not the file itself",
            Self::Xml => "an XML document, not the file itself",
            Self::Gzip => "compressed by gzip",
            Self::Zstd => "compressed by Zstandard",
            Self::Bzip2 => "compressed by bzip2",
            Self::Xz => "compressed by xz",
            Self::Lz4 => "compressed by LZ4",
            Self::Lzip => "compressed by lzip",
            Self::Compress => "compressed by `compress`",
            Self::Zip => "a zip archive",
            Self::SevenZip => "a 7-Zip archive",
            Self::Rar => "a RAR archive",
            Self::Tar => "a tar archive",
            Self::Parquet => "a Parquet file",
            Self::Arrow => "an Arrow file",
            Self::Pdf => "a PDF document",
            Self::Utf16Le | Self::Utf16Be => "text in UTF-16",
            Self::Utf32Le | Self::Utf32Be => "text in UTF-32",
        }
    }

    /// Returns how to get at the file that a reader of `path` needs.
    pub fn remedy(self, path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The whole path, as in the refusal: the runner replaces a path inside a job by the user's own path only where the path is whole.
        let whole = quoted(&path.to_string_lossy());
        // The programs take a file by its name alone if the name's ending says how the file is compressed.
        let stream = |program: &str| match Self::of_name(&name) {
            Some(named) if named == self => format!("unpack it: {program} {whole}"),
            _ => format!("unpack it: {program} < {whole} > NEW"),
        };
        let convert = |from: &str| format!("convert it: iconv -f {from} -t UTF-8 OLD > NEW");
        match self {
            Self::GitLfs => "fetch the files, where the repository is: git lfs pull".into(),
            Self::GitAnnex => {
                format!("fetch the file, where the repository is: git annex get {whole}")
            }
            Self::Dvc => "fetch the files, where the repository is: dvc pull".into(),
            Self::Html | Self::Xml => {
                "download the file itself: what a server had to say was saved in its place".into()
            }
            Self::Gzip => stream("gunzip"),
            Self::Zstd => stream("unzstd"),
            Self::Bzip2 => stream("bunzip2"),
            Self::Xz => stream("unxz"),
            Self::Lz4 => stream("unlz4"),
            Self::Lzip => stream("lzip -d"),
            Self::Compress => stream("uncompress"),
            Self::Zip => format!("unpack it: unzip {whole}"),
            Self::SevenZip => format!("unpack it: 7z x {whole}"),
            Self::Rar => format!("unpack it: unrar x {whole}"),
            Self::Tar => format!("unpack it: tar -xf {whole}"),
            Self::Parquet | Self::Arrow => {
                {
                "write its texts to a plain text file in UTF-8, or to one of JSON lines with a `text`".into()
            }
            }
            Self::Pdf => format!("turn it into text: pdftotext {whole}"),
            Self::Utf16Le => convert("UTF-16LE"),
            Self::Utf16Be => convert("UTF-16BE"),
            Self::Utf32Le => convert("UTF-32LE"),
            Self::Utf32Be => convert("UTF-32BE"),
        }
    }

    /// Returns the error that refuses the file at `path`, with the remedy.
    pub fn refusal(self, path: &Path) -> StageError {
        StageError::input(path.display(), self.what(), self.remedy(path))
    }
}

/// Quotes a path so that a shell reads it as one word.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:,+%@".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// Reads a whole file that should be text or JSON.
///
/// # Errors
/// When the file cannot be read, or [`Content::of`] knows it as a file of another kind.
pub fn read_file(path: &Path) -> Result<Vec<u8>, StageError> {
    let bytes = std::fs::read(path).map_err(io_error(path))?;
    match Content::of(&bytes) {
        Some(content) => Err(content.refusal(path)),
        None => Ok(bytes),
    }
}

/// Returns the error of a reader that cannot make sense of the file at `path`. It names the kind of the file if that is another
/// than Parquet and known; otherwise it gives `reason`, the reader's own words, and `remedy`.
pub fn unreadable(
    path: &Path,
    reason: impl std::fmt::Display,
    remedy: impl Into<String>,
) -> StageError {
    match Content::of_file(path) {
        Ok(Some(content)) if content != Content::Parquet => content.refusal(path),
        _ => StageError::input(path.display(), reason.to_string(), remedy),
    }
}

/// Returns the error for text that is not UTF-8, at `place`. The first wrong byte is `bytes[within]`, and byte `offset` of the
/// file; `bytes` are the file or a part of it. The caller has already checked that [`Content`] does not know the file.
pub fn not_utf8(
    place: impl std::fmt::Display,
    offset: u64,
    bytes: &[u8],
    within: usize,
) -> StageError {
    let rest = &bytes[within..];
    let cut = |error: std::str::Utf8Error| error.valid_up_to() == 0 && error.error_len().is_none();
    if std::str::from_utf8(rest).is_err_and(cut) {
        return StageError::input(
            place,
            "the file ends in the middle of a character",
            "fetch or write it once more: its end is missing",
        );
    }
    let wrong = rest.first().copied().unwrap_or_default();
    if bytes
        .iter()
        .any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127))
    {
        return StageError::input(
            place,
            format!(
                "no text: the byte 0x{wrong:02X} at offset {offset} of the file is not UTF-8, and others are no \
                 characters in any encoding"
            ),
            "give a text file in UTF-8",
        );
    }
    // Texts in Latin-1 have few letters beyond ASCII; where such letters are many, the encoding is another one.
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    let remedy = if 3 * high > bytes.len() {
        "find out its encoding (`uchardet FILE`), and convert it: iconv -f ENCODING -t UTF-8 OLD > NEW"
    } else if bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) {
        "convert the file, if it is from Windows with: iconv -f CP1252 -t UTF-8 OLD > NEW"
    } else {
        "convert the file, if it is Latin-1 with: iconv -f LATIN1 -t UTF-8 OLD > NEW"
    };
    let reason = format!("the byte 0x{wrong:02X} at offset {offset} of the file is not UTF-8");
    StageError::input(place, reason, remedy)
}

/// Whether a file that begins with `BZh` is bzip2: then the size of its blocks follows, and the first block or the end mark.
fn is_bzip2(head: &[u8]) -> bool {
    head.get(3).is_some_and(|size| (b'1'..=b'9').contains(size))
        && (head[4..].starts_with(b"1AY&SY") || head[4..].starts_with(b"\x17rE8P\x90"))
}

/// Whether a file begins with a frame of Zstandard that holds no data, as `pzstd` writes.
fn is_zstd_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Returns which encoding of two or four bytes per character a text has: told by its byte order mark or, without one, by the
/// places of its zero bytes.
fn wide(head: &[u8]) -> Option<Content> {
    for (mark, content) in [
        // The byte order mark of UTF-16 is the beginning of that of UTF-32, so UTF-32 is looked for first.
        (&b"\xff\xfe\0\0"[..], Content::Utf32Le),
        (b"\0\0\xfe\xff", Content::Utf32Be),
        (b"\xff\xfe", Content::Utf16Le),
        (b"\xfe\xff", Content::Utf16Be),
    ] {
        if head.starts_with(mark) {
            return Some(content);
        }
    }
    let zeros = |place: usize, of: usize| {
        let bytes = head.iter().skip(place).step_by(of);
        bytes.clone().filter(|byte| **byte == 0).count() * 10 > bytes.count() * 4
    };
    let places: [bool; 4] = std::array::from_fn(|place| head.len() >= 4 && zeros(place, 4));
    match places {
        [false, true, true, true] => Some(Content::Utf32Le),
        [true, true, true, false] => Some(Content::Utf32Be),
        [false, true, false, true] => Some(Content::Utf16Le),
        [true, false, true, false] => Some(Content::Utf16Be),
        _ => None,
    }
}

/// Returns which pointer file or server's reply the file is, if it is one.
fn stand_in(head: &[u8]) -> Option<Content> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}');
    if head.len() < Content::POINTER {
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        if LFS.iter().any(|first| text.starts_with(first)) && has("oid ") {
            return Some(Content::GitLfs);
        }
        if text.starts_with("/annex/objects/") {
            return Some(Content::GitAnnex);
        }
        if has("outs:") && (has("- md5: ") || has("  md5: ") || has("md5: ")) {
            return Some(Content::Dvc);
        }
    }
    let begins = |words: &str| {
        let start = text.trim_start().as_bytes();
        start.len() >= words.len() && start[..words.len()].eq_ignore_ascii_case(words.as_bytes())
    };
    if begins("<!doctype html") || begins("<html") {
        return Some(Content::Html);
    }
    (begins("<?xml ") || begins("<mediawiki")).then_some(Content::Xml)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const POINTER: &str =
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 440449768\n";

    #[test]
    fn what_stands_for_a_file_is_known() {
        for (text, content) in [
            (POINTER, Some(Content::GitLfs)),
            (&POINTER.replace('\n', "\r\n"), Some(Content::GitLfs)),
            (&format!("\u{feff}{POINTER}"), Some(Content::GitLfs)),
            (&POINTER.replace("git-lfs", "hawser"), Some(Content::GitLfs)),
            (
                &POINTER.replace("oid", "ext-0-case sha256:45\noid"),
                Some(Content::GitLfs),
            ),
            (
                "/annex/objects/SHA256E-s9--0123.txt\n",
                Some(Content::GitAnnex),
            ),
            (
                "outs:\n- md5: 0123\n  size: 9\n  path: a.txt\n",
                Some(Content::Dvc),
            ),
            (
                "md5: 01\nouts:\n- md5: 0123\n  path: a.txt\n",
                Some(Content::Dvc),
            ),
            ("\n<!DOCTYPE html>\n<html>", Some(Content::Html)),
            ("<HTML lang=\"en\">", Some(Content::Html)),
            (
                "<?xml version=\"1.0\"?><Error><Code>NoSuchKey",
                Some(Content::Xml),
            ),
            // A longer text that begins like a pointer is not a pointer.
            (&format!("{POINTER}{}", "words ".repeat(200)), None),
            (
                "version https://git-lfs.github.com/spec/v1 begins a pointer.",
                None,
            ),
            ("The outs: and ins", None),
            ("BZhang wrote it. 1AY&SY", None),
            ("<doc id=\"1\">", None),
            ("", None),
            ("a\0b", None),
        ] {
            assert_eq!(Content::of(text.as_bytes()), content, "{text}");
        }
    }

    #[test]
    fn compressed_files_archives_and_tables_are_known() {
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, content) in [
            (&b"\x1f\x8b\x08\0"[..], Content::Gzip),
            (b"\x28\xb5\x2f\xfd\x04", Content::Zstd),
            (b"\x50\x2a\x4d\x18\x04", Content::Zstd),
            (b"BZh91AY&SY\x01", Content::Bzip2),
            (b"BZh9\x17rE8P\x90", Content::Bzip2),
            (b"\xfd7zXZ\0\0", Content::Xz),
            (b"PK\x03\x04", Content::Zip),
            (b"7z\xbc\xaf\x27\x1c", Content::SevenZip),
            (&tar, Content::Tar),
            (b"PAR1\x15", Content::Parquet),
            (b"%PDF-1.7", Content::Pdf),
        ] {
            assert_eq!(Content::of(bytes), Some(content));
        }
    }

    #[test]
    fn wide_encodings_are_known_with_and_without_a_mark() {
        let text = "Ein Satz für alle, 漢字 auch.\n";
        let wide16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
        let wide32 = |to: fn(u32) -> [u8; 4]| {
            text.chars()
                .flat_map(|c| to(u32::from(c)))
                .collect::<Vec<u8>>()
        };
        for (bytes, mark, content) in [
            (wide16(u16::to_le_bytes), &b"\xff\xfe"[..], Content::Utf16Le),
            (wide16(u16::to_be_bytes), b"\xfe\xff", Content::Utf16Be),
            (wide32(u32::to_le_bytes), b"\xff\xfe\0\0", Content::Utf32Le),
            (wide32(u32::to_be_bytes), b"\0\0\xfe\xff", Content::Utf32Be),
        ] {
            assert_eq!(Content::of(&bytes), Some(content));
            assert_eq!(Content::of(&[mark, &bytes].concat()), Some(content));
        }
    }

    fn told(bytes: &[u8]) -> String {
        let within = std::str::from_utf8(bytes).unwrap_err().valid_up_to();
        let error = not_utf8("a.txt:1", within as u64, bytes, within);
        format!("{error}; {}", error.remedy().unwrap())
    }

    #[test]
    fn latin_1_is_thought_of_where_it_is_plausible_alone() {
        assert!(told(b"a caf\xe9 in Paris").contains("LATIN1"));
        assert!(told(b"a \x93quotation\x94 from Windows, not long").contains("CP1252"));
        assert!(told(b"\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0").contains("uchardet"));
        assert!(told(b"\x89 not \x01 text").contains("no text"));
        assert!(
            told("cut in the midst of é".as_bytes().split_last().unwrap().1)
                .contains("end is missing")
        );
    }
}

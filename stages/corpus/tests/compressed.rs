//! Compressed texts, and files that are not UTF-8 text.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use contract::{Context, Event, Inputs, Observer, Params, Stage, StageError};
use corpus::{CorpusStage, read};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

const TEXT: &str = "Ein Satz, für alle.\r\n\nNoch einer.\n";

/// An observer that collects notes.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Observer for Notes {
    fn observe(&self, event: &Event) {
        if let Event::Note { message } = event {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// The bytes of a corpus, its documents, and the notes.
type Made = (Vec<u8>, Vec<String>, Vec<String>);

/// Runs the stage; returns the bytes of its first file, its texts, and its notes.
fn run(source: &Path) -> Result<Made, StageError> {
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let context = Context::in_folder(folder.path())?.with_observer(Box::new(notes.clone()));
    let params = contract::complete(CorpusStage.signature().fields, &Default::default()).unwrap();
    CorpusStage.run(
        &Params(params),
        &Inputs::from([("source", source)]),
        &context,
    )?;
    let bytes = fs::read(context.output().join("documents-00000.parquet")).unwrap();
    let documents = read(context.output()).unwrap().flat_map(Result::unwrap);
    let texts = documents.map(|document| document.text).collect();
    let notes = notes.0.lock().unwrap().clone();
    Ok((bytes, texts, notes))
}

/// Returns why a file is refused, and the remedy.
fn refusal(files: &[(&str, &[u8])]) -> String {
    let source = folder(files);
    match run(source.path()) {
        Ok((_, texts, _)) => panic!("{:?} was read from {files:?}", texts.first()),
        Err(error @ StageError::Input { .. }) => {
            let message = format!("{error}\n  help: {}\n", error.remedy().unwrap());
            message.replace(source.path().to_str().unwrap(), "SOURCE")
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Compresses a text as two members or frames, one after the other.
fn in_two(compress: fn(&[u8]) -> Vec<u8>, text: &[u8]) -> Vec<u8> {
    let (one, two) = text.split_at(text.len() / 2);
    [compress(one), compress(two)].concat()
}

#[test]
fn a_compressed_text_gives_the_same_bytes() {
    let wiki = b"<doc id=\"1\" url=\"u\" title=\"A\">\nA\n\nText.\n\n</doc>\n";
    let long = "some words and more of them\n".repeat(20_000);
    let plain: [(&str, &[u8]); 4] = [
        ("a.txt", TEXT.as_bytes()),
        // A hyphen sorts before a point, so `a.txt-2.txt` would precede `a.txt.gz`, but it must follow `a.txt`.
        ("a.txt-2.txt", b"\xef\xbb\xbfsecond"),
        ("long.raw", long.as_bytes()),
        ("wiki_00", wiki),
    ];
    let (bytes, texts, notes) = run(folder(&plain).path()).unwrap();
    assert_eq!(texts.len(), 4);
    assert_eq!(texts[0], TEXT.replace('\r', "").trim());
    assert_eq!(texts[1], "second");
    assert!(notes.is_empty(), "{notes:?}");
    for (extension, compress) in [("gz", gzip as fn(&[u8]) -> Vec<u8>), ("ZST", zstd)] {
        for whole in [true, false] {
            let packed: Vec<(String, Vec<u8>)> = plain
                .iter()
                .map(|(name, text)| {
                    let packed = if whole {
                        compress(text)
                    } else {
                        in_two(compress, text)
                    };
                    (format!("{name}.{extension}"), packed)
                })
                .collect();
            let files: Vec<_> = packed
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
                .collect();
            let (packed, _, notes) = run(folder(&files).path()).unwrap();
            assert!(packed == bytes, "{extension}, whole: {whole}");
            assert!(notes.is_empty(), "{notes:?}");
        }
    }
}

#[test]
fn what_a_file_is_its_bytes_say() {
    let source = folder(&[
        ("text", &gzip(TEXT.as_bytes())),
        ("a.txt.gz", TEXT.as_bytes()),
    ]);
    for name in ["text", "a.txt.gz"] {
        let (_, texts, _) = run(&source.path().join(name)).unwrap();
        assert_eq!(texts[0], TEXT.replace('\r', "").trim());
    }
}

#[test]
fn a_text_that_lies_there_twice_is_read_once_and_told() {
    let packed = gzip(TEXT.as_bytes());
    let files = [
        ("b/a.txt", TEXT.as_bytes()),
        ("b/a.txt.gz", packed.as_slice()),
    ];
    let (_, texts, notes) = run(folder(&files).path()).unwrap();
    assert_eq!(texts.len(), 1);
    assert_eq!(
        notes,
        ["1 file left out, since the same text lies beside it uncompressed: b/a.txt.gz"]
    );
    let other = gzip(b"another text");
    let files = [
        ("b/a.txt", TEXT.as_bytes()),
        ("b/a.txt.gz", other.as_slice()),
    ];
    let (_, texts, notes) = run(folder(&files).path()).unwrap();
    assert_eq!((texts.len(), notes.len()), (2, 0));
}

#[test]
fn what_is_left_out_of_a_folder_is_told() {
    let mut files = vec![
        ("a.txt", TEXT.as_bytes()),
        ("README.txt", b"about"),
        ("d/x.csv", b"1"),
    ];
    let (_, texts, notes) = run(folder(&files).path()).unwrap();
    assert_eq!(texts.len(), 1);
    assert_eq!(
        notes,
        ["1 file left out, not named as text (`*.txt`, `*.tokens`, `*.raw`, `wiki_*`): d/x.csv"]
    );
    files.extend(["1", "2", "3", "4", "5", ".hidden"].map(|name| (name, &b"1"[..])));
    // A pointer beside the data that it has fetched is no part of the text.
    files.push(("a.txt.dvc", b"outs:\n- md5: 0123\n"));
    let (_, _, notes) = run(folder(&files).path()).unwrap();
    assert!(
        notes[0].ends_with(": 1, 2, 3, 4, 5 and 1 more"),
        "{notes:?}"
    );
}

#[test]
fn damaged_streams_are_named() {
    let text = "some words\n".repeat(5000);
    let mut shown = String::new();
    for (name, packed) in [
        ("a.txt.gz", gzip(text.as_bytes())),
        ("a.txt.zst", zstd(text.as_bytes())),
    ] {
        let cut = packed[..packed.len() / 2].to_vec();
        let mut flipped = packed.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 0x55;
        let trailing = [&packed[..], b"more"].concat();
        for bytes in [cut, flipped, trailing] {
            let message = refusal(&[(name, &bytes)]);
            shown += message.lines().next().unwrap();
            shown.push('\n');
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn what_is_no_text_is_refused_for_what_it_is() {
    const POINTER: &[u8] =
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 440449768\n";
    let wide: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &wide].concat();
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let packed = |bytes: &[u8]| gzip(bytes);
    let mut shown = String::new();
    for files in [
        vec![("a.txt", POINTER.to_vec())],
        vec![("a.txt.gz", packed(POINTER))],
        vec![("a.txt", b"/annex/objects/SHA256E-s9--0123.txt\n".to_vec())],
        vec![("a.txt.dvc", b"outs:\n- md5: 0123\n  path: a.txt\n".to_vec())],
        vec![
            ("a.txt", TEXT.into()),
            ("b.txt.bz2", b"BZh91AY&SY".to_vec()),
        ],
        vec![("a.txt", TEXT.into()), ("wiki_00.xz", Vec::new())],
        vec![("a.txt", TEXT.into()), ("b.7z", Vec::new())],
        vec![("a.txt", TEXT.into()), ("b.tar.gz", packed(&tar))],
        vec![("a.txt.gz", packed(&tar))],
        vec![("a.txt", b"BZh91AY&SY\x01\x02".to_vec())],
        vec![("a.txt", b"\xfd7zXZ\0\0\x04".to_vec())],
        vec![("a.txt", b"PK\x03\x04\x14".to_vec())],
        vec![("a.txt", b"PAR1\x15\x04".to_vec())],
        vec![("a.txt", marked.clone())],
        vec![("a.txt", wide)],
        vec![("a.txt.gz", packed(&marked))],
        vec![("a.txt", b"caf\xc3".to_vec())],
        vec![("a.txt", b"\x89\x01\x02binary\n".to_vec())],
        vec![("a.txt", b"<!doctype html>\n<title>Not found".to_vec())],
        vec![("a.txt", b"<?xml version=\"1.0\"?>\n<mediawiki>".to_vec())],
        vec![(
            "a.txt",
            b"{\"content\": \"a\"}\n{\"content\": \"b\"}\n".to_vec(),
        )],
        vec![
            ("documents.parquet", b"PAR1".to_vec()),
            ("b.jsonl", b"{}".to_vec()),
        ],
    ] {
        let files: Vec<_> = files
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice()))
            .collect();
        shown += &refusal(&files);
    }
    insta::assert_snapshot!(shown);
}

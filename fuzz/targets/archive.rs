//! Archives, opened and imported. An archive that opens can be imported, holds the results that it lists, and exports again as
//! it was.
//!
//! Hardly any change of an archive's bytes leaves its digests right, so an input is the text of one, which is packed here:
//! members begin at lines `=project`, `=object`, `=manifest`, `=listing`, `=log`, `=record`; in them `$a` stands for the digest of the
//! first member, `$b` for that of the second, and so on. A record gets the key that it ought to have, a log that of the
//! record before. Any other input is taken as the bytes of an archive.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pipe::store::{About, Archive, Digest, Found, Lookup, Record, Store, Weight};
use serde_json::{Value, json};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| fuzz::folder("archive"));

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.join("archive.tar");
    let packed = match bytes.strip_prefix(b"=") {
        Some(text) => pack(text),
        None => bytes.to_vec(),
    };
    fs::write(&path, packed).expect("written");
    let Ok(archive) = Archive::open(&path) else {
        return;
    };
    let place = FOLDER.join("store");
    let _ = fs::remove_dir_all(&place);
    let store = Store::open(&place).expect("a store");
    let imported = store.import(&archive).expect("what opens is taken in");
    let listed = &archive.index().results;
    assert_eq!((imported.taken, imported.known), (listed.len(), 0));
    let found: Vec<Found> = listed
        .iter()
        .map(|listed| match store.lookup(&listed.key) {
            Ok(Lookup::Hit(found)) => found,
            other => panic!("{other:?}"),
        })
        .collect();
    for (listed, found) in listed.iter().zip(&found) {
        assert_eq!(listed.artifact, found.artifact);
        let record = store
            .recorded(&listed.key)
            .expect("read")
            .expect("a record");
        assert_eq!(record.artifact, found.artifact);
    }
    let damages = store.verify(100, 0).expect("verified").damages;
    assert!(damages.is_empty(), "{damages:?}");
    let again = store.import(&archive).expect("again");
    assert_eq!((again.taken, again.known), (0, listed.len()));

    if found.iter().any(|found| !found.is_whole()) {
        return;
    }
    // The results are exported twice, with the same bytes; members that no result rests on are left out.
    let export = |name: &str| {
        let path = FOLDER.join(name);
        let _ = fs::remove_file(&path);
        let found: Vec<&Found> = found.iter().collect();
        let about: About = archive.index().about.clone();
        let carried: BTreeMap<Digest, Vec<u8>> = archive
            .project()
            .map(|(file, bytes)| (file.digest, bytes.to_vec()))
            .collect();
        store
            .export(about, &carried, &found, Weight::All, &path)
            .expect("exported");
        fs::read(&path).expect("read")
    };
    assert_eq!(export("first.tar"), export("second.tar"));
    let first = Archive::open(&FOLDER.join("first.tar")).expect("what is exported opens");
    assert!(first.index().members.len() <= archive.index().members.len());
});

/// Packs the text of an archive.
fn pack(text: &[u8]) -> Vec<u8> {
    let mut members: Vec<(String, Vec<u8>)> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    let mut about = json!({"targets": [], "profile": "", "set": [], "outside": []});
    let mut key = String::new();
    for section in split(text) {
        let (kind, content) = match section.iter().position(|&byte| byte == b'\n') {
            Some(end) => (&section[..end], &section[end + 1..]),
            None => (section, &[][..]),
        };
        let mut content = filled(content, &members);
        let digest = |content: &[u8]| Digest::of(content).to_string();
        let path = match kind {
            b"object" => {
                let digest = digest(&content);
                format!("objects/{}/{digest}", &digest[..2])
            }
            b"manifest" => format!("artifacts/{}.json", digest(&content)),
            b"listing" => format!("listings/{}.json", digest(&content)),
            b"log" => format!("logs/{key}.txt"),
            b"project" => format!("project/{}", digest(&content)),
            b"about" => {
                about = serde_json::from_slice(&content).unwrap_or(about);
                continue;
            }
            b"record" | b"unlisted" => {
                if let Ok(mut record) = serde_json::from_slice::<Record>(&content) {
                    record.key = record.parts.key();
                    content = record.bytes();
                    key = record.key.to_hex();
                    if kind == b"record" {
                        results.push(json!({
                            "key": key, "label": record.label, "artifact": record.artifact
                        }));
                    }
                }
                format!("records/{key}.json")
            }
            name => String::from_utf8_lossy(name).into_owned(),
        };
        members.push((path, content));
    }
    let listed: Vec<Value> = members
        .iter()
        .map(|(path, content)| {
            json!({"path": path, "digest": Digest::of(content), "size": content.len()})
        })
        .collect();
    let index = json!({
        "format": 2, "program": "pipe", "manifest_format": 1, "record_format": 1,
        "key_format": pipe::keys::FORMAT, "about": about, "results": results, "members": listed,
    });
    let index = index.to_string().into_bytes();
    let name = format!("index-{}.json", Digest::of(&index));
    let mut packed = Vec::new();
    for (path, content) in std::iter::once(&(name, index)).chain(&members) {
        let mut header = tar::Header::new_gnu();
        // A name that does not fit a header cannot be packed.
        if header.set_path(path).is_err() {
            continue;
        }
        header.set_size(content.len() as u64);
        header.set_mode(0o444);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        packed.extend_from_slice(header.as_bytes());
        packed.extend_from_slice(content);
        packed.resize(packed.len().next_multiple_of(512), 0);
    }
    packed.resize(packed.len() + 1024, 0);
    packed
}

/// Splits at lines that begin with `=`.
fn split(text: &[u8]) -> Vec<&[u8]> {
    let mut sections = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.windows(2).position(|two| two == b"\n=") {
        sections.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    sections.push(rest);
    sections
}

/// Replaces `$a`, `$b` and so on by the digests of earlier members.
fn filled(content: &[u8], members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(content.len());
    let mut rest = content;
    while let [byte, more @ ..] = rest {
        let named = match (byte, more.first()) {
            (b'$', Some(letter @ b'a'..=b'z')) => members.get(usize::from(letter - b'a')),
            _ => None,
        };
        match named {
            Some((_, member)) => {
                filled.extend_from_slice(Digest::of(member).to_string().as_bytes());
                rest = &more[1..];
            }
            None => {
                filled.push(*byte);
                rest = more;
            }
        }
    }
    filled
}

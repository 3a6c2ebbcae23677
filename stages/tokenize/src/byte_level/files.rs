//! The files of a byte-level BPE: Hugging Face's `vocab.json` and `merges.txt`, and OpenAI's `encoder.json` and `vocab.bpe`, whose ids
//! fairseq's `dict.txt` changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use contract::{StageError, read_json, read_text};

use super::BY_ID;

/// Ids by token, in Hugging Face's folders.
pub(crate) const VOCABULARY: &str = "vocab.json";
/// The merges, in Hugging Face's folders.
pub(crate) const MERGES: &str = "merges.txt";
/// Ids by token, as OpenAI names the file.
pub(crate) const ENCODER: &str = "encoder.json";
/// The merges, as OpenAI names the file.
pub(crate) const BPE: &str = "vocab.bpe";
/// fairseq's dictionary, which lists OpenAI's ids in the order of its own.
pub(crate) const DICTIONARY: &str = "dict.txt";
/// How a file of merges begins.
pub(crate) const VERSION: &str = "#version";
/// The word that fairseq lets follow a token's count.
const OVERWRITE: &str = " #fairseq:overwrite";

/// A vocabulary and its merges, not yet checked.
pub(crate) struct Given {
    pub(crate) vocabulary: BTreeMap<String, u32>,
    pub(crate) merges: Merges,
}

/// Merges with their places, for errors.
pub(crate) struct Merges {
    pub(crate) pairs: Vec<(String, String)>,
    /// The line of each merge in its file, or its number in a list.
    lines: Vec<usize>,
    pub(crate) file: PathBuf,
    /// Whether the merges are the list in a `tokenizer.json`.
    is_list: bool,
}

impl Merges {
    /// Makes the merges of a `tokenizer.json`.
    pub(crate) fn of_list(pairs: Vec<(String, String)>, file: &Path) -> Self {
        Self {
            lines: (1..=pairs.len()).collect(),
            pairs,
            file: file.to_path_buf(),
            is_list: true,
        }
    }

    /// Returns the place of the merge of that index.
    pub(crate) fn place(&self, index: usize) -> String {
        let (file, line) = (self.file.display(), self.lines[index]);
        match self.is_list {
            true => format!("{file}, merge {line}"),
            false => format!("{file}:{line}"),
        }
    }
}

/// Whether a file has the name of such a vocabulary.
pub(crate) fn is_vocabulary(file: &Path) -> bool {
    let name = file.file_name();
    name.is_some_and(|name| name == VOCABULARY || name == ENCODER)
}

/// Reads a `vocab.json` or `encoder.json`, and the merges beside it.
///
/// # Errors
/// When there are no merges, or a file cannot be understood.
pub(crate) fn read(file: &Path) -> Result<Given, StageError> {
    let remedy = "give a table of ids by token, as Hugging Face's tokenizers and GPT-2 have it";
    let ids: BTreeMap<String, u32> = read_json(file, remedy)?;
    let is_openai = file.file_name().is_some_and(|name| name == ENCODER);
    let names = match is_openai {
        true => [BPE, MERGES],
        false => [MERGES, BPE],
    };
    let beside = |name: &str| Some(file.with_file_name(name)).filter(|file| file.is_file());
    let Some(merges) = names.into_iter().find_map(beside) else {
        let missing = file.with_file_name(names[0]);
        return Err(StageError::input(
            missing.display(),
            "no such file: a byte-level BPE is a vocabulary and its merges",
            format!("put {} beside {}", names[0], file.display()),
        ));
    };
    let merges = read_merges(&merges)?;
    let vocabulary = match beside(DICTIONARY).filter(|_| is_openai) {
        Some(dictionary) => renumbered(&ids, file, &dictionary)?,
        None => ids,
    };
    Ok(Given { vocabulary, merges })
}

/// Reads a file of merges: a pair of tokens a line, after a line that names the version.
fn read_merges(file: &Path) -> Result<Merges, StageError> {
    let text = read_text(file)?;
    let mut merges = Merges::of_list(Vec::new(), file);
    merges.is_list = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || (number == 1 && line.starts_with(VERSION)) {
            continue;
        }
        let pair = pair(line).ok_or_else(|| {
            let shown: String = line.chars().take(40).collect();
            StageError::input(
                format!("{}:{number}", file.display()),
                format!("`{shown}` is no merge"),
                "write two tokens a line, with one space between them",
            )
        })?;
        merges.pairs.push(pair);
        merges.lines.push(number);
    }
    Ok(merges)
}

/// Returns the two tokens of a merge that is written as text.
pub(crate) fn pair(text: &str) -> Option<(String, String)> {
    let (first, second) = text.split_once(' ')?;
    let is_pair = !first.is_empty() && !second.is_empty() && !second.contains(' ');
    is_pair.then(|| (first.to_owned(), second.to_owned()))
}

/// Returns the vocabulary with fairseq's ids: four special tokens, the tokens of the dictionary in its order, and the mask.
fn renumbered(
    ids: &BTreeMap<String, u32>,
    file: &Path,
    dictionary: &Path,
) -> Result<BTreeMap<String, u32>, StageError> {
    let by_id: BTreeMap<u32, &str> = ids
        .iter()
        .map(|(token, id)| (*id, token.as_str()))
        .collect();
    let [specials @ .., mask] = BY_ID;
    let mut tokens: Vec<&str> = specials.to_vec();
    let mut known: BTreeSet<&str> = specials.into_iter().collect();
    let text = read_text(dictionary)?;
    for (number, line) in (1..).zip(text.lines()) {
        let refuse = |reason: String, remedy: &str| {
            let place = format!("{}:{number}", dictionary.display());
            StageError::input(place, reason, remedy)
        };
        let entry = line.strip_suffix(OVERWRITE).unwrap_or(line);
        let Some((written, _)) = entry.rsplit_once(' ') else {
            let shown: String = line.chars().take(40).collect();
            return Err(refuse(
                format!("`{shown}` is no entry"),
                "write a token and its count a line, as fairseq does",
            ));
        };
        let token = match written.parse::<u32>() {
            Ok(id) => *by_id.get(&id).ok_or_else(|| {
                let reason = format!("no token of {} has the id {id}", file.display());
                refuse(reason, "give the dictionary that belongs to the vocabulary")
            })?,
            // Fairseq fills up a dictionary with made-up words.
            Err(_) => written,
        };
        if !known.insert(token) {
            let reason = format!("`{token}` has an id already");
            return Err(refuse(reason, "give each token once"));
        }
        tokens.push(token);
    }
    if known.insert(mask) {
        tokens.push(mask);
    }
    let tokens = tokens.into_iter().map(str::to_owned);
    Ok(tokens.zip(0..).collect())
}

//! Lists of n-grams for the strategy `pmi`: text, one n-gram a line, as a stage `ngrams` writes them and as the published lists are.

use std::path::Path;

use contract::{Context, Maker, Problem, StageError, read_text};
use tokenize::{Tokenizer, WordEncoder};

use crate::masking::{Ngrams, StrategyName};
use crate::parameters::Masking;

/// The list's file in what a stage `ngrams` makes.
const FILE: &str = "ngrams.txt";
/// The most words of an n-gram. Published lists have up to 5; a line far beyond is no n-gram.
const MOST_WORDS: usize = 32;

/// Said where the strategy and its list do not go together.
const MISSING: (&str, &str) = (
    "the strategy pmi masks the n-grams of a list, and none is given",
    "make one: ngrams = \"@ngrams\", with [stage.ngrams] use = \"ngrams\"; or give a list's path",
);

/// Returns what the declaration says already: that the strategy lacks its list, or that a list has no use.
pub(crate) fn check(masking: &Masking, ngrams: Option<&Maker>) -> Option<Problem> {
    match (masking.strategy == StrategyName::Pmi, ngrams.is_some()) {
        (true, false) => Some(Problem::value("masking", MISSING.0).with_help(MISSING.1)),
        (false, true) => {
            let message = "a list of n-grams is read by the strategy pmi alone";
            let help = "give masking.strategy = \"pmi\", or leave ngrams out";
            Some(Problem::value("ngrams", message).with_help(help))
        }
        _ => None,
    }
}

pub(crate) fn missing() -> StageError {
    StageError::input("ngrams", MISSING.0, MISSING.1)
}

/// Reads a list, the file itself or the folder that holds it, with the words as `tokenizer` spells them. N-grams that can match
/// nothing, since the tokenizer does not know their words or takes them for one, are left out and counted in a note.
///
/// # Errors
/// When the file cannot be read, a line is no n-gram, or no n-gram is left.
pub fn read(path: &Path, tokenizer: &Tokenizer, context: &Context) -> Result<Ngrams, StageError> {
    let path = match path.is_dir() {
        true => path.join(FILE),
        false => path.to_path_buf(),
    };
    let text = read_text(&path)?;
    let (starts, unknown) = (tokenizer.word_starts(), tokenizer.specials().unk);
    let mut encoder = WordEncoder::new(tokenizer);
    let mut ngrams = Ngrams::default();
    let (mut lines, mut useless) = (0_usize, 0_usize);
    for (number, line) in (1..).zip(text.lines()) {
        if number % 10_000 == 0 {
            context.keep_going()?;
        }
        let Some(written) = words_of(line).map_err(|reason| {
            StageError::input(
                format!("{}:{number}", path.display()),
                reason,
                "write one n-gram a line: two words or more, with spaces between them and nothing else",
            )
        })?
        else {
            continue;
        };
        lines += 1;
        // A space in front makes the first word like the others where spaces are a part of tokens.
        let ids = encoder.encode(&format!(" {written}"));
        let words = split(&ids, &starts);
        match words.len() < 2 || ids.contains(&unknown) {
            true => useless += 1,
            false => ngrams.insert(&words),
        }
    }
    if ngrams.is_empty() {
        return Err(StageError::input(
            path.display(),
            match lines {
                0 => "the list holds no n-gram".to_owned(),
                lines => {
                    format!("none of its {lines} n-grams is made of words that the tokenizer knows")
                }
            },
            "give a list for the language and spelling of the corpus, or have a stage `ngrams` make one",
        ));
    }
    if useless > 0 {
        context.note(format!(
            "{useless} of {lines} n-grams of the list are left out: the tokenizer does not know their words, or takes them for one"
        ));
    }
    Ok(ngrams)
}

/// Returns the n-gram of a line, without blanks around it; `None` for a blank line; or why it is none.
fn words_of(line: &str) -> Result<Option<&str>, String> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(None);
    }
    if let Some(odd) = line.chars().find(|c| c.is_control()) {
        return Err(format!(
            "the line holds the character {:?} (U+{:04X}) and is no n-gram",
            odd, odd as u32
        ));
    }
    match line.split_whitespace().count() {
        1 => {
            let shown: String = line.chars().take(40).collect();
            Err(format!(
                "`{shown}` is one word, and an n-gram has two at least"
            ))
        }
        2..=MOST_WORDS => Ok(Some(line)),
        words => Err(format!(
            "the line has {words} words, more than the {MOST_WORDS} that an n-gram may have"
        )),
    }
}

/// Splits ids into words.
fn split(ids: &[u32], starts: &[bool]) -> Vec<Vec<u32>> {
    let mut words: Vec<Vec<u32>> = Vec::new();
    for &id in ids {
        match words.last_mut() {
            Some(word) if !starts[id as usize] => word.push(id),
            _ => words.push(vec![id]),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn tokenizer() -> Tokenizer {
        let tokens: Vec<String> = [
            "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "new", "york", "##er", "of", "'", "s",
        ]
        .map(str::to_owned)
        .to_vec();
        Tokenizer::from_tokens(&tokens, true, Path::new("test")).unwrap()
    }

    fn read_list(text: &[u8]) -> Result<Ngrams, StageError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        let context = Context::in_folder(folder.path()).unwrap();
        let of_folder = read(folder.path(), &tokenizer(), &context);
        let of_file = read(&folder.path().join(FILE), &tokenizer(), &context);
        assert_eq!(of_folder.is_ok(), of_file.is_ok());
        of_folder
    }

    #[test]
    fn a_list_is_read_as_the_tokenizer_spells_it() {
        let ngrams =
            read_list(b"New Yorker\n\n  new york of \nnew unknown\nnew york of\n").unwrap();
        assert_eq!(
            ngrams.len(),
            2,
            "twice the same is one, and unknown words match nothing"
        );
    }

    #[test]
    fn junk_is_told_with_its_line() {
        for (text, told) in [
            (&b"new york\nyork\n"[..], "ngrams.txt:2: `york` is one word"),
            (
                b"new york\t17\n",
                "ngrams.txt:1: the line holds the character '\\t'",
            ),
            (
                b"new \x01 york\n",
                "ngrams.txt:1: the line holds the character",
            ),
            (b"\n \n", "the list holds no n-gram"),
            (
                b"what ever\n",
                "none of its 1 n-grams is made of words that the tokenizer knows",
            ),
            (b"new york\n\xff\xfe york\n", "ngrams.txt"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "ngrams.txt"),
        ] {
            let error = read_list(text).unwrap_err();
            assert!(matches!(error, StageError::Input { .. }), "{error}");
            assert!(error.to_string().contains(told), "{error}");
            assert!(error.remedy().is_some());
        }
        let long = format!("new york\n{}\n", "of ".repeat(33));
        let error = read_list(long.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains("ngrams.txt:2: the line has 33 words"),
            "{error}"
        );
    }
}

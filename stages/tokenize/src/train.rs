//! Trains a WordPiece vocabulary.
//!
//! Words are counted over the corpus as a stream ([`counting`](crate::counting)). The merges are made by the `tokenizers` crate, like
//! Hugging Face's own trainer: byte-pair merges by frequency, with the prefix `##`.
//!
//! That trainer numbers the characters that continue a word in the order of a randomly seeded hash map, and breaks ties
//! between merges by these numbers. Here it gets the characters, in the order of their code points, as tokens that the vocabulary
//! must contain, so every run, on any number of threads, gives the same vocabulary.

use std::collections::{BTreeSet, HashMap};

use contract::{Context, StageError};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    AddedToken, NormalizedString, Normalizer as _, OffsetReferential, OffsetType,
    PreTokenizedString, PreTokenizer,
};

use crate::counting::count;
use crate::documents::Documents;
use crate::specification::{CONTINUING, LONGEST_WORD, Normalizer, SPECIAL_TOKENS};
use crate::words::Cut;

/// The parameters of a vocabulary's training.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    /// The most tokens, special tokens included.
    pub(crate) size: usize,
    /// The most characters with tokens of their own, chosen by frequency. Never more than a quarter of `size`.
    pub(crate) alphabet: usize,
    /// How often a pair must occur in order to be merged.
    pub(crate) min_frequency: u64,
    /// The normalisation of texts before words are counted.
    pub(crate) normalizer: Normalizer,
}

/// Returns the tokens of a vocabulary for the corpus, by id: special tokens, characters, then merges.
///
/// # Errors
/// When the corpus cannot be read or contains no word.
pub(crate) fn train(
    documents: &Documents,
    recipe: Recipe,
    context: &Context,
) -> Result<Vec<String>, StageError> {
    let normalizer = BertNormalizer::new(
        recipe.normalizer.clean_text,
        recipe.normalizer.handle_chinese_chars,
        recipe.normalizer.strip_accents,
        recipe.normalizer.lowercase,
    );
    let counts = count(documents, Cut::Separators, context, |text, take| {
        separate(text, &normalizer, take)
    })?;
    let tokens = merge(counts, recipe)?;
    if tokens.len() == SPECIAL_TOKENS.len() {
        Err(documents.without_text())
    } else {
        Ok(tokens)
    }
}

/// Passes the words of a text to `take`, normalised and separated as BERT does.
fn separate(
    text: &str,
    normalizer: &BertNormalizer,
    take: &mut dyn FnMut(&str),
) -> tokenizers::Result<()> {
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized)?;
    let mut separated = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut separated)?;
    for (word, ..) in separated.get_splits(OffsetReferential::Normalized, OffsetType::None) {
        if word.chars().nth(LONGEST_WORD).is_none() {
            take(word);
        }
    }
    Ok(())
}

/// Returns the vocabulary for words with their counts.
fn merge(mut counts: Vec<(String, u64)>, recipe: Recipe) -> Result<Vec<String>, StageError> {
    let alphabet = alphabet(&counts, recipe.alphabet.min(recipe.size / 4));
    // A word with a character outside the alphabet becomes [UNK] as a whole, so merges cannot be learned from it.
    counts.retain(|(word, _)| word.chars().all(|character| alphabet.contains(&character)));
    let divisor = fit_counts(&mut counts);
    let continuing: BTreeSet<char> = counts
        .iter()
        .flat_map(|(word, _)| word.chars().skip(1))
        .collect();
    let mut tokens: Vec<String> = SPECIAL_TOKENS
        .iter()
        .map(|token| (*token).to_owned())
        .collect();
    tokens.extend(alphabet.iter().map(char::to_string));
    tokens.extend(
        continuing
            .iter()
            .map(|character| format!("{CONTINUING}{character}")),
    );
    let given = tokens
        .iter()
        .map(|token| AddedToken::from(token.as_str(), true))
        .collect();
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .special_tokens(given)
        .continuing_subword_prefix(CONTINUING.to_owned())
        .vocab_size(recipe.size)
        .min_frequency((recipe.min_frequency / divisor).max(1))
        .build();
    let mut model = BPE::default();
    let counts = counts
        .iter()
        .map(|(word, count)| (word.as_str().into(), *count))
        .collect();
    trainer
        .do_train(&counts, &mut model)
        .map_err(StageError::failed)?;
    let mut by_id: Vec<(u32, String)> = model
        .get_vocab()
        .into_iter()
        .map(|(token, id)| (id, token))
        .collect();
    by_id.sort_unstable();
    Ok(by_id.into_iter().map(|(_, token)| token).collect())
}

/// Returns the `most` frequent characters; of equally frequent ones, those with the lower code points.
fn alphabet(counts: &[(String, u64)], most: usize) -> BTreeSet<char> {
    let mut frequencies: HashMap<char, u64> = HashMap::new();
    for (word, count) in counts {
        for character in word.chars() {
            *frequencies.entry(character).or_default() += count;
        }
    }
    let mut sorted: Vec<_> = frequencies.into_iter().collect();
    sorted.sort_unstable_by_key(|&(character, count)| (std::cmp::Reverse(count), character));
    sorted
        .into_iter()
        .take(most)
        .map(|(character, _)| character)
        .collect()
}

/// Divides the counts so that no sum over pairs of characters exceeds the trainer's 32 bits, and returns the divisor. The
/// divisor is 1 up to two gigabytes of words.
fn fit_counts(counts: &mut [(String, u64)]) -> u64 {
    let pairs: u64 = counts
        .iter()
        .map(|(word, count)| word.len() as u64 * count)
        .sum();
    let divisor = pairs.div_ceil(i32::MAX as u64).max(1);
    for (_, count) in counts {
        *count /= divisor;
    }
    divisor
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn recipe(size: usize, alphabet: usize) -> Recipe {
        Recipe {
            size,
            alphabet,
            min_frequency: 1,
            normalizer: Normalizer::new(true),
        }
    }

    fn counts(words: &[(&str, u64)]) -> Vec<(String, u64)> {
        words
            .iter()
            .map(|(word, count)| ((*word).to_owned(), *count))
            .collect()
    }

    #[test]
    fn counts_beyond_the_trainers_range_keep_their_proportions() {
        let mut huge = counts(&[("abcd", 1 << 40), ("ab", 1 << 39), ("c", 3)]);
        let divisor = fit_counts(&mut huge);
        assert!(
            huge.iter()
                .map(|(word, count)| word.len() as u64 * count)
                .sum::<u64>()
                < 1 << 31
        );
        assert!(divisor > 1 && huge[0].1.abs_diff(2 * huge[1].1) <= 1 && huge[2].1 == 0);
        let words = [("aab", 1 << 40), ("ab", 1 << 39), ("b", 1 << 38)];
        let scaled = words.map(|(word, count)| (word, count >> 30));
        assert_eq!(
            merge(counts(&words), recipe(100, 25)).unwrap(),
            merge(counts(&scaled), recipe(100, 25)).unwrap()
        );
        let mut small = counts(&[("ab", 7)]);
        assert_eq!(fit_counts(&mut small), 1);
        assert_eq!(small, counts(&[("ab", 7)]));
    }

    #[test]
    fn rare_characters_have_no_token_and_their_words_no_say() {
        let tokens = merge(
            counts(&[("aa", 9), ("ab", 8), ("xyxyxy", 2)]),
            recipe(100, 2),
        )
        .unwrap();
        assert_eq!(
            tokens[SPECIAL_TOKENS.len()..],
            ["a", "b", "##a", "##b", "aa", "ab"]
        );
        // At most a quarter of the vocabulary is characters.
        assert_eq!(
            merge(counts(&[("a", 2), ("b", 1)]), recipe(7, 25))
                .unwrap()
                .len(),
            6
        );
    }
}

//! Trains a byte-level BPE on a corpus: special tokens, the 256 symbols of bytes in the order of their code points, then merges.

use contract::{Context, StageError};
use tokenizers::pre_tokenizers::byte_level::ByteLevel as Separator;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use super::learn::learn;
use super::{BY_ID, first_tokens};
use crate::counting::count;
use crate::documents::Documents;
use crate::words::Cut;

/// The fewest tokens of a vocabulary: special ones and those of the bytes.
pub(crate) const LEAST: usize = BY_ID.len() + 256;
/// Words of more bytes than this have no say: runs of letters without a space, in which learning would spend its time.
const LONGEST_WORD: usize = 1000;

/// Returns the merges of a vocabulary of at most `size` tokens for the corpus.
///
/// # Errors
/// When the corpus cannot be read or contains no text.
pub(crate) fn train(
    documents: &Documents,
    size: usize,
    min_frequency: u64,
    context: &Context,
) -> Result<Vec<(String, String)>, StageError> {
    let separator = Separator::new(false, true, true);
    let counts = count(documents, Cut::BeforeSpaces, context, |text, take| {
        let mut separated = PreTokenizedString::from(text);
        separator.pre_tokenize(&mut separated)?;
        for (word, ..) in separated.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            if word.chars().nth(LONGEST_WORD).is_none() {
                take(word);
            }
        }
        Ok(())
    })?;
    let blanks = super::word_marks();
    let is_blank = |word: &String| word.chars().all(|it| blanks.contains(&it.to_string()));
    if counts.iter().all(|(word, _)| is_blank(word)) {
        return Err(documents.without_text());
    }
    Ok(learn(first_tokens(), &counts, size, min_frequency).merges)
}

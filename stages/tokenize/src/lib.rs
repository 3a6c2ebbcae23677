//! WordPiece and byte-level BPE tokenizers, and tokenised blocks.
//!
//! * The stage kind `tokenizer` ([`TokenizerStage`]) trains a vocabulary on a corpus, or takes a given one, and writes the files of a
//!   Hugging Face tokenizer.
//! * The stage kind `tokenize` ([`TokenizeStage`]) turns a corpus into blocks of token ids, as fairseq's
//!   `sample-break-mode none` does: one stream per split, cut at a fixed length.
//! * [`Tokenizer`] gives the ids of texts and pairs, equal to those of Hugging Face's `BertTokenizer` or `RobertaTokenizer`, the
//!   place of each token in its text ([`Token`]), and which tokens begin a word ([`WordMarks`]).
//! * [`WordEncoder`] gives the same ids for text after text, several times faster.
//! * [`Blocks`] reads the output of `tokenize`.

mod added;
mod blocks;
mod byte_level;
mod counting;
mod declared;
mod documents;
mod files;
mod json;
mod keys;
mod offsets;
mod pack;
mod resolve;
mod sources;
mod specification;
mod tokenize_stage;
mod tokenizer;
mod tokenizer_stage;
mod train;
mod word_marks;
mod words;

pub use blocks::{BlockSet, Blocks, Split, Summary};
pub use offsets::Token;
pub use specification::Letters;
pub use tokenize_stage::TokenizeStage;
pub use tokenizer::{Specials, Tokenizer};
pub use tokenizer_stage::TokenizerStage;
pub use word_marks::WordMarks;
pub use words::WordEncoder;

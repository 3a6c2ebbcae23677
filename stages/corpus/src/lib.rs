//! Readers of plain text, WikiText and WikiExtractor folders.
//!
//! The stage [`CorpusStage`] streams documents out of the files in which corpora are usually distributed, and writes them as
//! Parquet shards with the columns `title` and `text`; [`read`] streams them back. Memory is bounded whatever the size of the
//! corpus: a line, a document and a shard's row group each have a maximal size.
//!
//! * `files` lists a folder's text files in one order, `open` opens one, compressed or not, `lines` reads it as UTF-8,
//!   `format` says which of the three layouts it has, and `parse` and `wikiextractor` cut it into documents;
//! * `shards` writes and reads the Parquet files.

mod files;
mod format;
mod lines;
mod open;
mod parse;
mod shards;
mod stage;
mod wikiextractor;

pub use shards::{Documents, read};
pub use stage::CorpusStage;

/// One document of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The title, where the format has one. The title is not repeated in `text`.
    pub title: Option<String>,
    /// The text: lines separated by `\n`, without white space at either end.
    pub text: String,
}

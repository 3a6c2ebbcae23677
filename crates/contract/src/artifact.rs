use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of an artifact: what a stage gives and what an input expects. Edges of the graph are checked against it
/// before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactType {
    /// Files in somebody's official layout, as downloaded or as the built-in world writes them.
    Folder,
    /// Documents: Parquet shards with a `text` column.
    Corpus,
    /// A Hugging Face tokenizer: `tokenizer.json`, `tokenizer_config.json`, `vocab.txt`.
    Tokenizer,
    /// N-grams whose words go together: `ngrams.txt`, one a line.
    Ngrams,
    /// Blocks of token ids: Parquet shards with an `input_ids` column, and the tokenizer that made them.
    Tokens,
    /// A Hugging Face model folder: `config.json`, `model.safetensors`, tokenizer files; perhaps `scores.parquet`.
    Encoder,
    /// Examples of one benchmark task: Parquet files by split, and `task.json`.
    Benchmark,
    /// Sentence vectors: Parquet with a `vector` column.
    Embeddings,
    /// Named numbers: `scores.parquet`.
    Scores,
}

impl ArtifactType {
    /// Returns the name used in messages and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Corpus => "corpus",
            Self::Tokenizer => "tokenizer",
            Self::Ngrams => "ngrams",
            Self::Tokens => "tokens",
            Self::Encoder => "encoder",
            Self::Benchmark => "benchmark",
            Self::Embeddings => "embeddings",
            Self::Scores => "scores",
        }
    }
}

impl fmt::Display for ArtifactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

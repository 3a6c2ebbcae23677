//! Sentence embeddings, and how well their similarities agree with people's judgements.
//!
//! * The stage kind `embed` ([`EmbedStage`]) gives each distinct sentence of a benchmark its vector, by an encoder
//!   trained here or by any Hugging Face or sentence-transformers folder (`folder` reads the latter's modules, `texts` its
//!   settings for sentences, `encode` runs the encoder in batches and pools, `embeddings` is the file).
//! * The stage kind `sts` ([`StsStage`]) scores vectors on the sets of semantic textual similarity by SentEval's
//!   protocol (`protocol`; Conneau and Kiela, *SentEval*, LREC 2018, `senteval/sts.py`).
//!
//! * The stage kind `geometry` ([`GeometryStage`]) measures how vectors lie in their space, `whiten` ([`WhitenStage`]) gives them unit
//!   covariance.
//! * The stage kind `transfer` ([`TransferStage`]) fits a classifier to vectors and scores it on SentEval's transfer tasks.
//!
//! Encoders of families that the crate `encoder` does not compute go through candle-transformers where that is asked for (`engine`,
//! `families`): their vectors are of a numerics class of their own, [`CANDLE_CLASS`].
//!
//! Tools that are no stages: [`vectors`] writes the vectors of a text file's lines, [`take`] a trained encoder as a folder for the
//! libraries of Hugging Face, [`mteb`] results of `sts` in MTEB's form. Both stage and tools make vectors by [`SentenceEncoder`] (`sentences`).
//!
//! Embedding and scoring are separate stages, so that vectors are computed only once for all uses.

mod embed;
pub mod embeddings;
mod encode;
mod engine;
mod families;
mod folder;
mod geometry;
pub mod mteb;
mod protocol;
mod sentences;
mod similarity;
mod sts;
pub mod take;
mod texts;
mod transfer;
pub mod vectors;
mod whiten;

pub use embed::EmbedStage;
pub use embeddings::{Description, Embeddings};
pub use encode::{Encoded, Manner, encode};
pub use engine::{CANDLE_CLASS, DeclaredEngine};
pub use folder::{Folder, Head};
pub use geometry::GeometryStage;
pub use protocol::{Aggregate, cosine, score};
pub use sentences::{Asked, DeclaredNormalise, DeclaredPooling, SentenceEncoder};
pub use similarity::Similarity;
pub use sts::StsStage;
pub use texts::Texts;
pub use transfer::TransferStage;
pub use whiten::WhitenStage;

//! Masked-language-model pre-training, after Wettig et al., *Should You Mask 15% in Masked Language Modeling?*
//!
//! The stage kind `pretrain` ([`PretrainStage`]) takes blocks of token ids and gives an encoder as a Hugging Face
//! folder, with
//!
//! * `log.parquet`: loss, learning rate, gradient norm and token counts, update by update;
//! * `validation.parquet` and `scores.parquet`: perplexity at the run's corruption rate and at 15 %;
//! * `recipe.json`: every choice the run was made with.
//!
//! From the bottom up: [`copies`] turns corruption and prediction rates into counts, [`rates`] says how they change, [`masking`] chooses and replaces
//! tokens, [`plan`] decides which sequences an update shows, [`feed`] reads them, [`beside`] says what stands beside each, [`loss`] accumulates gradients over
//! micro-batches, [`network`] says which layers read masked tokens, [`compute`] what an update costs, [`validation`] measures perplexity, `objective` presents all this to the [`training`] crate's loop, [`contrast`] with a contrastive loss beside it, and
//! [`mod@train`] is a whole run from inputs to artifact.
//!
//! The stage kind `masked-example` ([`MaskedExampleStage`]) masks one text, for tables to show.
//!
//! Everything random (initial weights, order, masks, dropout) is a function of seed and place, so neither the size of
//! micro-batches, nor the number of threads, nor an interruption changes what is trained on.

pub mod beside;
pub mod compute;
pub mod contrast;
pub mod copies;
pub mod demonstration;
mod example;
pub mod feed;
pub mod loss;
pub mod masking;
pub mod network;
pub mod ngrams;
mod objective;
pub mod parameters;
pub mod plan;
pub mod rates;
mod recipe;
mod stage;
mod start;
mod train;
pub mod validation;

pub use example::MaskedExampleStage;
pub use network::Network;
pub use parameters::Parameters;
pub use stage::PretrainStage;
pub use train::{Sources, train};

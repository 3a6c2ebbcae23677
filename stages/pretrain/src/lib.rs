//! Masked-language-model pre-training, after Wettig et al., *Should You Mask 15% in Masked Language Modeling?*
//!
//! The stage kind `pretrain` ([`PretrainStage`]) takes blocks of token ids and gives an encoder as a Hugging Face
//! folder, with
//!
//! * `log.parquet`: loss, learning rate, gradient norm and token counts, update by update;
//! * `validation.parquet` and `scores.parquet`: perplexity at the run's corruption rate and at 15 %;
//! * `recipe.json`: every choice the run was made with.
//!
//! From the bottom up: [`copies`] turns corruption and prediction rates into counts, [`masking`] chooses and replaces
//! tokens, [`plan`] lays out updates, [`feed`] reads what each needs, [`loss`] accumulates gradients over micro-batches,
//! [`validation`] measures perplexity, and [`train`] is the loop, with [`log`] and checkpoints.
//!
//! Everything random (initial weights, order, masks, dropout) is a function of seed and place, so neither the size of
//! micro-batches, nor the number of threads, nor an interruption changes what is trained on.

pub mod copies;
pub mod feed;
pub mod log;
pub mod loss;
pub mod masking;
pub mod parameters;
pub mod plan;
mod recipe;
mod shown;
mod stage;
mod train;
pub mod validation;

pub use parameters::Parameters;
pub use stage::PretrainStage;
pub use train::train;

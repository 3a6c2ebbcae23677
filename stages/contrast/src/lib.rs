//! Contrastive training of sentence embeddings, after Gao, Yao and Chen, *SimCSE: Simple Contrastive Learning of Sentence Embeddings*
//! (EMNLP 2021; `simcse/models.py`).
//!
//! An encoder learns to bring the vectors of sentences that belong together near each other, and to keep all others of a batch apart.
//! Without labels a sentence belongs to itself: both passes differ by their dropout alone. With labels a premise belongs to what it
//! entails, and what contradicts it is a hard negative.
//!
//! * `parameters` declares the parameters of a run;
//! * `views` makes the sentences of a batch that belong together, `batch` their tokens;
//! * `model` is encoder, pooling and projection, `development` the similarity task that the best weights are chosen by;
//! * `objective` presents all this to the [`training`] crate's loop, with the loss of [`contrastive`]. Where a batch does not fit in memory, vectors are computed once
//!   without gradients, and their gradients carried back part by part (Gao et al., *Scaling Deep Contrastive Learning Batch Size under
//!   Memory Limited Setup*, 2021): the same gradient as that of the whole;
//! * `train` is a whole run from inputs to artifact, `folder` what sentence-transformers reads of it.

mod batch;
mod development;
mod folder;
mod model;
mod objective;
mod parameters;
mod stage;
mod train;
pub mod views;

pub use parameters::{Parameters, pooling};
pub use stage::ContrastStage;

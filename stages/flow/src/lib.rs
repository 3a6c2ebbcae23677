//! Normalising flows over sentence vectors, after BERT-flow (Li et al. 2020, *On the Sentence Embeddings from Pre-trained Language
//! Models*, section 3).
//!
//! An invertible map of the space of vectors is trained so that the vectors of a text become likely under a standard normal
//! distribution; sentences are then compared by what their vectors are mapped to. The encoder stays as it is.
//!
//! * `shape` says how many levels and steps a flow has, and how wide each of them is;
//! * `glow` is the map, its gradient and its parameters, `step` one step of it, `affine` the scaling of components;
//! * `objective` presents the flow to the [`training`] crate's loop;
//! * `parameters` and `stage` are the stage kind `flow` ([`FlowStage`]).
//!
//! The map and its gradient are computed in 64 bits, by IEEE operations in a fixed order, and parameters are updated in 32 bits as
//! those of an encoder, so every machine gives the same bits.

mod affine;
mod glow;
mod objective;
mod parameters;
mod shape;
mod stage;
mod step;

pub use parameters::Parameters;
pub use stage::FlowStage;

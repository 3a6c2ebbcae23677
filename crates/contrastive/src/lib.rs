//! Contrastive losses over vectors alone, with their gradients, for the objectives of any stage kind that trains.
//!
//! * [`Contrast`] compares each anchor of a batch with what belongs to it and with what belongs to the others (SimCSE);
//! * [`Supervised`] compares the vectors of a batch by their classes (Khosla et al. 2020; Gunel et al. 2021);
//! * [`TokenContrast`] compares the tokens of a sequence with those that a frozen encoder makes of it (TaCL: Su et al. 2022);
//! * [`carry()`] brings the gradient of vectors back to the encoder that made them.
//!
//! A loss over a batch needs the vectors of all of it, so an objective whose batch does not fit in memory computes them once without
//! gradients, and carries their gradients back part by part (Gao et al., *Scaling Deep Contrastive Learning Batch Size under Memory
//! Limited Setup*, 2021): the same gradient as that of the whole.

mod carry;
mod compared;
mod pairs;
mod supervised;
mod tokens;

pub use carry::{carried, carry, values};
pub use pairs::{Contrast, Contrasted, Similarity};
pub use supervised::Supervised;
pub use tokens::TokenContrast;

//! Linear models, in 64 bits, by IEEE operations in a fixed order: every processor and any number of threads give the same bits.
//!
//! * `lbfgs`: limited-memory BFGS, for functions that are convex.
//! * `loss`: the losses of classes and of numbers.
//! * `logistic`: multinomial logistic regression with an L2 penalty, on vectors.
//!
//! The bag of words (`stages/baseline`) has sparse rows and an objective of its own over these losses.

mod lbfgs;
mod logistic;
mod loss;

pub use lbfgs::{Stop, minimise};
pub use logistic::{Classifier, Features, Fit};
pub use loss::{Loss, logistic, softmax};

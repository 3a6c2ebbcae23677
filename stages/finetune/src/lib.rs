//! Fine-tuning on GLUE tasks.
//!
//! An encoder with a fresh classification head is trained on a task's training split; the weights after the last update
//! are scored on its development split with the official metrics (Wettig et al.'s `finetune_glue.sh` scores the last
//! checkpoint, too).
//!
//! * `parameters` declares the parameters of a run, with the defaults of that script;
//! * `examples` turns sentences and pairs into token ids;
//! * `held_out` takes training examples out, to choose runs by;
//! * `model` is encoder and head, with the losses of classification and regression;
//! * `objective` presents the model to the [`training`] crate's loop;
//! * `class_contrast` does so with a supervised contrastive loss beside the cross-entropy;
//! * `train` is a whole run from inputs to scores, `predictions` writes the predictions;
//! * a model is `kept` where it is asked for, and [`predict`] predicts a user's own texts with it.
//!
//! The stage kind `intermediate` ([`IntermediateStage`]) trains in the same way and keeps the encoder, for other tasks to start from.

mod class_contrast;
mod examples;
mod held_out;
mod intermediate;
pub mod kept;
mod model;
mod objective;
mod parameters;
pub mod predict;
mod predictions;
mod stage;
mod train;

pub use intermediate::IntermediateStage;
pub use parameters::Parameters;
pub use stage::FinetuneStage;

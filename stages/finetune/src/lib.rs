//! Fine-tuning on GLUE tasks.
//!
//! An encoder with a fresh classification head is trained on a task's training split; the weights after the last update
//! are scored on its development split with the official metrics (Wettig et al.'s `finetune_glue.sh` scores the last
//! checkpoint, too).
//!
//! * `parameters` declares what a run can be told, with the defaults of that script;
//! * `examples` turns sentences and pairs into token ids;
//! * `held_out` sets training examples aside, to choose runs by;
//! * `model` is encoder and head, with the losses of classification and regression;
//! * `objective` is that as the [`training`] crate's loop takes it;
//! * `train` goes from inputs to scores, `predictions` writes what was predicted.

mod examples;
mod held_out;
mod model;
mod objective;
mod parameters;
mod predictions;
mod stage;
mod train;

pub use parameters::Parameters;
pub use stage::FinetuneStage;

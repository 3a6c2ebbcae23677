//! BERT-family encoders: layers, heads, optimiser and Hugging Face checkpoints, on candle.
//!
//! * [`Encoder`] is a post-layer-norm (`BertForMaskedLM`) or pre-layer-norm (`RobertaPreLayerNormForMaskedLM`)
//!   encoder with its masked language modelling head. It reads and writes Hugging Face folders.
//! * [`Batch`] packs sequences without padding; [`Mode`] says whether dropout is on and which random numbers it takes.
//! * [`VisibleBatch`] packs the tokens that are not masked apart from the others, so that only those go through the encoder; a
//!   [`Decoder`], or the encoder's last layers ([`Encoder::forward_appended`]), see all places.
//! * [`Pooling`] makes one vector of a sequence's hidden states; [`ClassificationHead`] computes scores from it;
//!   [`SpanHead`] finds spans of a sequence; [`Projection`] maps a vector to the one that a contrastive loss compares.
//! * [`Parameters`] are [`Block`]s, each a flat variable that contains named tensors.
//! * [`Gradients`], [`audit`] and [`AdamW`] train any [`Parameters`]. A custom operation over a whole block adds its gradients to
//!   the block's [`Sink`].
//! * [`ModelClass`] names the classes of transformers that folders can be written for, with a head or without, and [`Modules`] what
//!   sentence-transformers reads of one.
//! * [`FolderWeights`] reads the tensors of a folder of any architecture, for what computes those that [`Encoder`] does not.
//! * [`Ops`] chooses the implementation: a few large operations with arithmetic of our own, or plain candle.
//!
//! A training step:
//!
//! ```
//! use encoder::{AdamW, AdamWOptions, Architecture, Batch, Config, Encoder, Gradients, Mode, Sequence, Size, audit};
//!
//! # fn main() -> Result<(), encoder::EncoderError> {
//! let config = Config::of_size(Size::Nano, Architecture::Bert, 100, 16, 0);
//! let encoder = Encoder::new(config, 7)?;
//! let sequences = [Sequence::new(vec![2, 50, 4, 51, 3], 0), Sequence::new(vec![2, 4, 3], 1)];
//! let batch = Batch::pack(&sequences, encoder.config())?;
//! let hidden = encoder.forward(&batch, Mode::Train { seed: 7, step: 0 })?;
//! let rows = [batch.row(0, 2), batch.row(1, 1)];
//! let loss = encoder.masked_lm_loss(&hidden, &rows, &[60, 61])?;
//! let mut gradients = Gradients::zeros(encoder.parameters());
//! gradients.replace(&loss)?;
//! gradients.scale(1.0 / 2.0);
//! audit(encoder.parameters(), &gradients)?;
//! let mut optimizer = AdamW::new(encoder.parameters(), AdamWOptions::default())?;
//! optimizer.step(encoder.parameters(), &gradients, 1e-3)?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod block;
mod card;
mod checkpoint;
mod claims;
mod composed;
mod config;
mod deep;
mod dense;
mod distilled;
mod dropout;
mod encoder;
mod engine;
mod error;
mod fused;
mod gradients;
mod head;
mod huggingface;
mod layout;
mod mimetic;
mod modules;
mod names;
mod ops;
mod optimizer;
mod parameters;
mod pooling;
mod precision;
mod projection;
mod shards;
mod sink;
mod span_head;
mod specification;
mod stack;
mod values;
mod visible;
mod weights;

pub use batch::{Batch, Sequence};
pub use block::{Block, Entry};
pub use card::ModelCard;
pub use checkpoint::READS;
pub use config::{Activation, Architecture, Config, Size};
pub use deep::with_deep_stack;
pub use dense::Dense;
pub use dropout::Mode;
pub use encoder::{Encoder, cross_entropy, squared_error};
pub use error::EncoderError;
pub use gradients::{Collecting, Gradients, audit, audit_except};
pub use head::ClassificationHead;
pub use huggingface::{ModelClass, Outputs};
pub use kernels::Precision;
pub use modules::Modules;
pub use ops::Ops;
pub use optimizer::{AdamW, AdamWOptions, DecayGroup};
pub use parameters::Parameters;
pub use pooling::Pooling;
pub use precision::DeclaredPrecision;
pub use projection::Projection;
pub use shards::FolderWeights;
pub use sink::Sink;
pub use span_head::SpanHead;
pub use visible::{Decoder, VisibleBatch};

//! Encoding the visible tokens alone.
//!
//! In ordinary masked language modelling the encoder reads `[MASK]` at every masked place. It need not: it can read the tokens that
//! are left, each with its position in the text, and masked places come in later. Two ways are known:
//!
//! * a light decoder, which is thrown away after training, reads the encoder's states and `[MASK]` at the masked places (MAE-LM:
//!   Meng et al. 2023, arXiv:2302.02060): [`Decoder`];
//! * masked places are appended to the visible ones before the encoder's last layers (Liao et al. 2022, arXiv:2211.04898):
//!   [`Encoder::forward_appended`](crate::Encoder::forward_appended).
//!
//! Rows are packed, so that layers that read visible tokens alone cost their share of the tokens.

mod appended;
mod batch;
mod decoder;

pub use batch::VisibleBatch;
pub use decoder::Decoder;

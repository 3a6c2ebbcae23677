use candle_core::Tensor;

use super::masks;
use super::operations::{dropout, layer_norm};
use crate::dropout::{Dropout, Site};
use crate::specification::Place;
use crate::{Decoder, Encoder, EncoderError, Mode, VisibleBatch};

/// Returns the input of a decoder's first layer, `[tokens, hidden size]`, from the encoder's states of the visible tokens.
pub(crate) fn decoder_embeddings(
    encoder: &Encoder,
    decoder: &Decoder,
    states: &Tensor,
    batch: &VisibleBatch,
    mode: Mode,
) -> Result<Tensor, EncoderError> {
    let tracked = mode != Mode::Evaluate;
    let (config, at) = (&encoder.config, decoder.layout());
    let embeddings = encoder.block(Place::Embeddings).flat(tracked);
    let words = encoder.layout.embeddings.words.of(&embeddings)?;
    let masked = words.narrow(0, batch.mask as usize, 1)?;
    let visible = states.dim(0)?;
    let all = match visible {
        0 => masked,
        _ => Tensor::cat(&[states, &masked], 0)?,
    };
    let places = batch.sources.iter();
    let places: Vec<u32> = places
        .map(|source| source.unwrap_or(visible as u32))
        .collect();
    let block = decoder.embeddings().flat(tracked);
    let device = states.device();
    let index = |rows: &[u32]| Tensor::new(rows, device);
    let sum = (all.index_select(&index(&places)?, 0)?
        + at.positions
            .of(&block)?
            .index_select(&index(&batch.all.positions)?, 0)?)?;
    let [weight, bias] = at.norm.of(&block)?;
    let normal = layer_norm(&sum, &weight, &bias, config.layer_norm_eps)?;
    let drops = Dropout::of(mode).at(Site::DecoderEmbeddings, config.hidden_dropout_prob);
    let mask = drops.map(|drops| masks::hidden(&drops, &batch.all.sequences, config.hidden_size));
    Ok(dropout(&normal, mask.transpose()?.as_ref())?)
}

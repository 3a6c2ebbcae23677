//! Masked places that come in before the encoder's last layers.

use candle_core::Tensor;

use crate::{Encoder, EncoderError, Mode, VisibleBatch};

impl Encoder {
    /// Returns the last hidden states of all tokens, `[tokens, hidden size]`, rows by [`VisibleBatch::all`], where only the last
    /// `layers` layers read masked tokens: those before read the visible ones alone. Masked tokens come in as their embeddings.
    ///
    /// # Errors
    /// When the encoder has fewer layers, or a tensor operation fails.
    pub fn forward_appended(
        &self,
        batch: &VisibleBatch,
        layers: usize,
        mode: Mode,
    ) -> Result<Tensor, EncoderError> {
        let count = self.config.num_hidden_layers;
        let Some(first) = count.checked_sub(layers) else {
            return Err(EncoderError::invalid(
                "layers",
                format!("{layers} layers of an encoder of {count}"),
                "give at most all layers",
            ));
        };
        let pass = self.pass(&batch.all, mode);
        let mut hidden = pass.embeddings()?;
        if let Some(visible) = &batch.visible {
            let embedded = hidden;
            let visible_pass = self.pass(visible, mode);
            hidden = embedded.index_select(&rows_of(batch, true, &embedded)?, 0)?;
            for layer in 0..first {
                hidden = visible_pass.layer(layer, &hidden)?;
            }
            hidden = joined(batch, &hidden, &embedded)?;
        }
        for layer in first..count {
            hidden = pass.layer(layer, &hidden)?;
        }
        pass.end(hidden)
    }
}

/// Returns the rows of the visible or of the masked tokens.
fn rows_of(batch: &VisibleBatch, visible: bool, like: &Tensor) -> Result<Tensor, EncoderError> {
    let rows = (0..).zip(batch.sources.iter());
    let rows: Vec<u32> = rows
        .filter(|(_, source)| source.is_some() == visible)
        .map(|(row, _)| row)
        .collect();
    Ok(Tensor::new(rows, like.device())?)
}

/// Puts the visible tokens' states back to their places, and embeddings at the masked ones.
fn joined(
    batch: &VisibleBatch,
    visible: &Tensor,
    embedded: &Tensor,
) -> Result<Tensor, EncoderError> {
    let count = visible.dim(0)?;
    if count == batch.sources.len() {
        return Ok(visible.clone());
    }
    let masked = embedded.index_select(&rows_of(batch, false, embedded)?, 0)?;
    let mut next = count as u32..;
    let sources = batch.sources.iter();
    let sources: Vec<u32> = sources
        .filter_map(|source| source.or_else(|| next.next()))
        .collect();
    let all = Tensor::cat(&[visible, &masked], 0)?;
    Ok(all.index_select(&Tensor::new(sources, visible.device())?, 0)?)
}

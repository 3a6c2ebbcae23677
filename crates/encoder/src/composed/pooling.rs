use std::ops::Range;

use candle_core::Tensor;

use crate::EncoderError;

/// Returns averages over rows of hidden states, `[results, width]`. Each sum runs over its own rows only, so it does not
/// depend on the rest of the batch; the average of no rows is zero.
pub(crate) fn pooled(tokens: &[Range<usize>], states: &[Tensor]) -> Result<Tensor, EncoderError> {
    let averages = tokens.iter().map(|rows| {
        let layers = states.iter().map(|state| {
            let average = match rows.is_empty() {
                true => state.narrow(0, 0, 1)?.zeros_like()?,
                false => state.narrow(0, rows.start, rows.len())?.mean_keepdim(0)?,
            };
            average / states.len() as f64
        });
        let layers = layers.collect::<candle_core::Result<Vec<_>>>()?;
        Tensor::cat(&layers, 0)?.sum_keepdim(0)
    });
    let averages = averages.collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&averages, 0)?)
}

/// Returns the greatest value of each component among rows of hidden states: zero where there is no row.
pub(crate) fn maximum(tokens: &[Range<usize>], state: &Tensor) -> Result<Tensor, EncoderError> {
    let maxima = tokens.iter().map(|rows| match rows.is_empty() {
        true => state.narrow(0, 0, 1)?.zeros_like(),
        false => state.narrow(0, rows.start, rows.len())?.max_keepdim(0),
    });
    let maxima = maxima.collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&maxima, 0)?)
}

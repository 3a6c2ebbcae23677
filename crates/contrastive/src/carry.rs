//! From the gradient of vectors to that of the encoder that made them.

use candle_core::{DType, Device, Tensor};
use encoder::{Collecting, EncoderError};

/// Returns a 64-bit scalar whose gradient with respect to `vectors` is `of_vectors`, in row-major order.
///
/// # Errors
/// When there are not as many numbers as the vectors have.
pub fn carried(vectors: &Tensor, of_vectors: &[f32]) -> Result<Tensor, EncoderError> {
    let factors = Tensor::from_slice(of_vectors, vectors.shape(), &Device::Cpu)?;
    Ok((vectors * factors)?.sum_all()?.to_dtype(DType::F64)?)
}

/// Adds to `gradients` those of the parameters that made `vectors`, from the gradient of the vectors in row-major order.
///
/// # Errors
/// When there are not as many numbers as the vectors have, or a tensor operation fails.
pub fn carry(
    vectors: &Tensor,
    of_vectors: &[f32],
    gradients: &mut Collecting<'_>,
) -> Result<(), EncoderError> {
    gradients.add(&carried(vectors, of_vectors)?)
}

/// Returns the numbers of a tensor in row-major order.
///
/// # Errors
/// When they are not 32-bit floats.
pub fn values(tensor: &Tensor) -> Result<Vec<f32>, EncoderError> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

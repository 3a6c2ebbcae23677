//! Access to the numbers of a tensor without a copy.

use candle_core::{CpuStorage, Result, Storage, Tensor, bail};

/// Calls `work` with the elements of a contiguous tensor of 32-bit floats on the CPU.
pub(crate) fn with_values<R>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => {
            Ok(work(&values[start..end]))
        }
        _ => bail!("contiguous 32-bit floats on the CPU are needed"),
    }
}

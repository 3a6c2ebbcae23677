//! Safetensors files of unknown origin, read tensor by tensor. Every claim of the header is checked against the size of the file,
//! and only the tensor that is being read is held in memory.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use contract::Content;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorView};

use crate::EncoderError;
use crate::values::with_values;

/// The number types that weights may have.
const FLOATS: [Dtype; 4] = [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16];
/// What to do about a damaged file.
const AGAIN: &str = "fetch or write the file again";
/// The longest header that is read, in bytes, as in the safetensors library.
const MOST_HEADER: u64 = 100_000_000;
/// Size in bytes of the header's length, with which a file begins.
const LENGTH: u64 = 8;

/// An open safetensors file.
pub(crate) struct WeightsFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Offset of the first tensor in the file.
    start: u64,
}

impl WeightsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, or its length is not what the header says.
    pub(crate) fn open(path: &Path) -> Result<Self, EncoderError> {
        let io = EncoderError::io;
        let broken = |reason: String| {
            // If the file is of another known kind, such as a pointer, that explains more than what its first bytes mean as a header.
            match Content::of_file(path) {
                Ok(Some(content)) => {
                    EncoderError::checkpoint(path, content.what(), content.remedy(path))
                }
                _ => EncoderError::checkpoint(
                    path,
                    format!("no whole safetensors file: {reason}"),
                    AGAIN,
                ),
            }
        };
        let mut file = File::open(path).map_err(io(path))?;
        let size = file.metadata().map_err(io(path))?.len();
        if size == 0 {
            return Err(EncoderError::checkpoint(path, "the file is empty", AGAIN));
        }
        if size < LENGTH {
            return Err(broken("header too small".into()));
        }
        let mut length = [0; LENGTH as usize];
        file.read_exact(&mut length).map_err(io(path))?;
        let length = u64::from_le_bytes(length);
        if length > MOST_HEADER {
            return Err(broken("header too large".into()));
        }
        if length > size - LENGTH {
            return Err(broken("invalid header length".into()));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(io(path))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| broken(format!("invalid header: {error}")))?;
        let start = LENGTH + length;
        let end = start + metadata.data_len() as u64;
        if end != size {
            return Err(broken(format!("{size} bytes where its header says {end}")));
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            metadata,
            start,
        })
    }

    /// Returns how many tensors there are.
    pub(crate) fn count(&self) -> usize {
        self.metadata.offset_keys().len()
    }

    /// Returns the shape of the tensor `name`, if there is one.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.metadata.info(name).map(|info| info.shape.as_slice())
    }

    /// Checks that the tensor `name`, which must exist, has the given shape.
    ///
    /// # Errors
    /// When the shape is another one.
    pub(crate) fn check(&self, name: &str, shape: &[usize]) -> Result<(), EncoderError> {
        match self.shape(name) {
            Some(found) if found == shape => Ok(()),
            Some(found) => Err(EncoderError::checkpoint(
                &self.path,
                format!("tensor `{name}` has shape {found:?}, expected {shape:?}"),
                "use weights and config.json that belong together",
            )),
            None => Err(EncoderError::checkpoint(
                &self.path,
                format!("tensor `{name}` is missing"),
                "use weights and config.json that belong together",
            )),
        }
    }

    /// Reads a tensor of the given name and shape as 32-bit floats.
    ///
    /// # Errors
    /// When there is no such tensor, it does not hold floating-point numbers, an element is not finite, or it cannot be read.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        self.check(name, shape)?;
        let info = self.metadata.info(name).expect("checked to be there");
        if !FLOATS.contains(&info.dtype) {
            return Err(EncoderError::checkpoint(
                &self.path,
                format!(
                    "tensor `{name}` holds {:?}, and no floating-point numbers of 16 bits or more",
                    info.dtype
                ),
                "give the weights as they were before they were quantised",
            ));
        }
        let (first, last) = info.data_offsets;
        let mut bytes = vec![0; last - first];
        self.file
            .read_exact_at(&mut bytes, self.start + first as u64)
            .map_err(EncoderError::io(&self.path))?;
        let view = TensorView::new(info.dtype, info.shape.clone(), &bytes).map_err(|error| {
            EncoderError::checkpoint(&self.path, format!("tensor `{name}`: {error}"), AGAIN)
        })?;
        let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
        match with_values(&tensor, not_finite)? {
            None => Ok(tensor),
            Some((at, value)) => Err(EncoderError::checkpoint(
                &self.path,
                format!(
                    "tensor `{name}` holds {value} (value {at} of {})",
                    tensor.elem_count()
                ),
                "the weights are of a training that diverged, or damaged: give others",
            )),
        }
    }
}

/// Returns index and value of the first element that is NaN or infinite.
fn not_finite(values: &[f32]) -> Option<(usize, f32)> {
    // Such elements have all bits of the exponent set. The first pass has no branches, since nearly always it finds none.
    const INFINITE: u32 = 0x7f80_0000;
    let most = values
        .iter()
        .fold(0, |most, value| most.max(value.to_bits() & (u32::MAX >> 1)));
    if most < INFINITE {
        return None;
    }
    let at = values.iter().position(|value| !value.is_finite())?;
    Some((at, values[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_that_is_none_is_found() {
        let mut values = vec![f32::MAX, f32::MIN, -0.0, 1e-45];
        assert_eq!(not_finite(&values), None);
        for bad in [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -f32::NAN] {
            values.extend([bad, 0.0]);
            let (at, found) = not_finite(&values).expect("one");
            assert_eq!((at, found.to_bits()), (4, bad.to_bits()));
            values.truncate(4);
        }
    }
}

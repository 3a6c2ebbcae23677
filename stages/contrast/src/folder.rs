//! What sentence-transformers reads of an encoder's folder: its modules.

use std::path::Path;

use contract::StageError;
use encoder::{Modules, Pooling, Projection};

/// Writes the modules, the encoder's own folder, a pooling and a projection if it is kept, into `folder`. A pooling that
/// sentence-transformers does not have is left out.
pub(crate) fn write(
    folder: &Path,
    pooling: Pooling,
    kept: Option<&Projection>,
    width: usize,
    max_length: usize,
) -> Result<(), StageError> {
    let modules = Modules {
        pooling,
        dense: usize::from(kept.is_some()),
        normalise: false,
        width,
        max_length,
        lower_case: false,
    };
    let is_written = modules.write(folder)?;
    if let Some(projection) = kept.filter(|_| is_written) {
        Modules::write_projection(folder, projection)?;
    }
    Ok(())
}

//! The parameters of an encoder, for candle. candle takes some that are missing for ones that the architecture lacks, so all of them are
//! looked up here before it sees any.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use contract::{Context, StageError};
use encoder::FolderWeights;
use rayon::prelude::*;

use super::Family;

/// What to do about weights that do not fit the configuration.
const TOGETHER: &str = "use weights and config.json that belong together";

/// Reads the parameters of a family as 32-bit floats, under their names without a prefix.
///
/// # Errors
/// When there are no weights, more or fewer layers than the configuration says, a parameter is missing, has another shape or a value that
/// is not finite, or the run asks to stop.
pub(super) fn load(
    folder: &Path,
    family: &dyn Family,
    context: &Context,
) -> Result<VarBuilder<'static>, StageError> {
    let file = FolderWeights::of(folder)?;
    let (layers, tensors) = (family.sizes().layers, file.count());
    let wrong = |reason: String| StageError::input(file.path().display(), reason, TOGETHER);
    // Nothing is made of a number of layers that the files belie.
    if layers > tensors {
        return Err(wrong(format!(
            "config.json says {layers} layers, the weights have {tensors} tensors"
        )));
    }
    let mut parameters = family.body();
    let prefix = prefix(family, &file, &parameters[0].name);
    let name = |name: &str| format!("{prefix}{name}");
    let mut beyond = family.layer(layers).into_iter();
    if beyond.any(|parameter| file.has(&name(&parameter.name))) {
        return Err(wrong(format!(
            "config.json says {layers} layers, and the weights have more"
        )));
    }
    parameters.extend((0..layers).flat_map(|layer| family.layer(layer)));
    for parameter in &parameters {
        file.check(&name(&parameter.name), &parameter.shape)?;
    }
    let read = parameters.into_par_iter().map(|parameter| {
        context.keep_going()?;
        let tensor = file.tensor(&name(&parameter.name), &parameter.shape)?;
        Ok((parameter.name, tensor))
    });
    let read: HashMap<String, Tensor> = read.collect::<Result<_, StageError>>()?;
    Ok(VarBuilder::from_tensors(read, DType::F32, &Device::Cpu))
}

/// Returns what the names of the parameters begin with in these weights.
fn prefix(family: &dyn Family, file: &FolderWeights, first: &str) -> &'static str {
    let mut prefixes = family.prefixes().iter();
    let found = prefixes.find(|prefix| file.has(&format!("{prefix}{first}")));
    found.copied().unwrap_or_default()
}

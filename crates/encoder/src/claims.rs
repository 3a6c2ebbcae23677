//! Sizes that a configuration claims, checked against the weights before anything of a claimed size is allocated.

use crate::names::{self, Module, Names};
use crate::shards::FolderWeights;
use crate::{Config, EncoderError};

/// Checks that the file has enough tensors for the claimed number of layers, and that vocabulary, positions, token types and
/// widths are those of its tensors. The memory that a configuration asks for is then in proportion to the size of the file.
///
/// # Errors
/// When the file contradicts the configuration.
pub(crate) fn check(config: &Config, file: &FolderWeights) -> Result<(), EncoderError> {
    let names = Names::of(config.architecture);
    let (layers, tensors) = (config.num_hidden_layers, file.count());
    if layers > tensors {
        return Err(EncoderError::checkpoint(
            file.path(),
            format!("config.json says {layers} layers, the weights have {tensors} tensors"),
            "use weights and config.json that belong together",
        ));
    }
    let beyond = format!("{}.weight", names.layer(layers, Module::FeedForwardInput));
    if file.find(&beyond, names.prefix).is_some() {
        return Err(EncoderError::checkpoint(
            file.path(),
            format!("config.json says {layers} layers, and the weights have more"),
            "use weights and config.json that belong together",
        ));
    }
    let hidden = config.hidden_size;
    let mut claims = vec![
        (names.body(names::WORDS), config.vocab_size),
        (names.body(names::POSITIONS), config.max_position_embeddings),
    ];
    if !file.is_distilled() {
        claims.push((names.body(names::TOKEN_TYPES), config.type_vocab_size));
    }
    if layers > 0 {
        let name = names.layer(0, Module::FeedForwardInput);
        claims.push((format!("{name}.weight"), config.intermediate_size));
    }
    for (name, rows) in claims {
        let stored = file.find(&name, names.prefix);
        file.check(stored.as_deref().unwrap_or(&name), &[rows, hidden])?;
    }
    Ok(())
}

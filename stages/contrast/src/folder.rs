//! What sentence-transformers reads of an encoder's folder: its modules.

use std::fs;
use std::path::Path;

use contract::{StageError, io_error};
use encoder::{Pooling, Projection};
use serde_json::{Value, json};

/// The folder of the pooling module.
const POOLING: &str = "1_Pooling";
/// The folder of the projection, where it belongs to the model.
const DENSE: &str = "2_Dense";

/// Returns what sentence-transformers calls a pooling, if it has it.
pub(crate) fn mode(pooling: Pooling) -> Option<&'static str> {
    match pooling {
        Pooling::Cls => Some("cls"),
        Pooling::Mean => Some("mean"),
        Pooling::Max => Some("max"),
        Pooling::FirstLast | Pooling::EmbeddingLast | Pooling::LastTwo => None,
    }
}

/// Writes the modules, the encoder's own folder, a pooling and a projection if it is kept, into `folder`. A pooling that
/// sentence-transformers does not have is left out.
pub(crate) fn write(
    folder: &Path,
    pooling: Pooling,
    kept: Option<&Projection>,
    width: usize,
    max_length: usize,
) -> Result<(), StageError> {
    let Some(mode) = mode(pooling) else {
        return Ok(());
    };
    let module = |place: usize, path: &str, class: &str| {
        let class = format!("sentence_transformers.models.{class}");
        json!({"idx": place, "name": place.to_string(), "path": path, "type": class})
    };
    let mut modules = vec![module(0, "", "Transformer"), module(1, POOLING, "Pooling")];
    if let Some(projection) = kept {
        modules.push(module(2, DENSE, "Dense"));
        projection.save(&folder.join(DENSE))?;
    }
    write_json(&folder.join("modules.json"), &Value::from(modules))?;
    let sentences = json!({"max_seq_length": max_length, "do_lower_case": false});
    write_json(&folder.join("sentence_bert_config.json"), &sentences)?;
    let pooling = json!({
        "word_embedding_dimension": width,
        "pooling_mode_cls_token": mode == "cls",
        "pooling_mode_mean_tokens": mode == "mean",
        "pooling_mode_max_tokens": mode == "max",
        "pooling_mode_mean_sqrt_len_tokens": false,
    });
    let inner = folder.join(POOLING);
    fs::create_dir_all(&inner).map_err(io_error(&inner))?;
    write_json(&inner.join("config.json"), &pooling)
}

fn write_json(path: &Path, value: &Value) -> Result<(), StageError> {
    let mut text = serde_json::to_string_pretty(value).map_err(StageError::failed)?;
    text.push('\n');
    fs::write(path, text).map_err(io_error(path))
}

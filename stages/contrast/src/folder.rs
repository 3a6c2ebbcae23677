//! What sentence-transformers reads of an encoder's folder: its modules.

use std::fs;
use std::path::Path;

use contract::{StageError, io_error};
use encoder::Pooling;
use serde_json::{Value, json};

/// The folder of the pooling module.
const POOLING: &str = "1_Pooling";

/// Writes the modules, the encoder's own folder and a pooling, into `folder`. A pooling that sentence-transformers does not have is left
/// out.
pub(crate) fn write(
    folder: &Path,
    pooling: Pooling,
    width: usize,
    max_length: usize,
) -> Result<(), StageError> {
    let mode = match pooling {
        Pooling::Cls => "cls",
        Pooling::Mean => "mean",
        Pooling::Max => "max",
        Pooling::FirstLast | Pooling::EmbeddingLast | Pooling::LastTwo => return Ok(()),
    };
    let modules = json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": POOLING, "type": "sentence_transformers.models.Pooling"},
    ]);
    write_json(&folder.join("modules.json"), &modules)?;
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

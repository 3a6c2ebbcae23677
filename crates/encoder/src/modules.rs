//! What sentence-transformers reads of an encoder's folder: its modules, each a class and a folder.

use std::fs;
use std::path::Path;

use contract::write_json;
use serde_json::{Value, json};

use crate::{EncoderError, Pooling, Projection};

/// The folder of the pooling module.
const POOLING: &str = "1_Pooling";

/// The modules that a sentence passes after the transformer, whose files lie in the folder itself.
#[derive(Clone, Copy, Debug)]
pub struct Modules {
    /// The pooling of hidden states.
    pub pooling: Pooling,
    /// Number of dense maps that pooled vectors go through.
    pub dense: usize,
    /// Whether vectors are scaled to length 1.
    pub normalise: bool,
    /// Width of the hidden states.
    pub width: usize,
    /// The most tokens of a sentence that are read, special ones included.
    pub max_length: usize,
    /// Whether sentences are lower-cased before they are tokenised.
    pub lower_case: bool,
}

impl Modules {
    /// Returns what sentence-transformers calls a pooling, if it has it.
    pub fn mode(pooling: Pooling) -> Option<&'static str> {
        match pooling {
            Pooling::Cls => Some("cls"),
            Pooling::Mean => Some("mean"),
            Pooling::Max => Some("max"),
            Pooling::FirstLast | Pooling::EmbeddingLast | Pooling::LastTwo => None,
        }
    }

    /// Returns the name of the folder of a dense map, counted from 0.
    pub fn dense_folder(map: usize) -> String {
        format!("{}_Dense", map + 2)
    }

    /// Writes `modules.json` and the files of the modules but for those of the transformer and of dense maps. A pooling that
    /// sentence-transformers does not have is left out, with all modules: returns whether they were written.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<bool, EncoderError> {
        let Some(mode) = Self::mode(self.pooling) else {
            return Ok(false);
        };
        let mut modules: Vec<Value> = Vec::new();
        let mut module = |path: &str, class: &str| {
            let place = modules.len();
            let class = format!("sentence_transformers.models.{class}");
            modules.push(
                json!({"idx": place, "name": place.to_string(), "path": path, "type": class}),
            );
        };
        module("", "Transformer");
        module(POOLING, "Pooling");
        for map in 0..self.dense {
            module(&Self::dense_folder(map), "Dense");
        }
        if self.normalise {
            module(&format!("{}_Normalize", self.dense + 2), "Normalize");
        }
        write_json(&folder.join("modules.json"), &Value::from(modules))?;
        let sentences =
            json!({"max_seq_length": self.max_length, "do_lower_case": self.lower_case});
        write_json(&folder.join("sentence_bert_config.json"), &sentences)?;
        let pooling = json!({
            "word_embedding_dimension": self.width,
            "pooling_mode_cls_token": mode == "cls",
            "pooling_mode_mean_tokens": mode == "mean",
            "pooling_mode_max_tokens": mode == "max",
            "pooling_mode_mean_sqrt_len_tokens": false,
        });
        let inner = folder.join(POOLING);
        fs::create_dir_all(&inner).map_err(EncoderError::io(&inner))?;
        write_json(&inner.join("config.json"), &pooling)?;
        Ok(true)
    }

    /// Writes a projection that belongs to the model, as the first dense map.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_projection(folder: &Path, projection: &Projection) -> Result<(), EncoderError> {
        projection.save(&folder.join(Self::dense_folder(0)))
    }
}

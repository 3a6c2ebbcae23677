//! A fine-tuned model that is kept: `model/` beside the scores.
//!
//! `model.safetensors` holds encoder and head under the names that parameters have here, so that any pooling can be kept;
//! `pipe export --to` gives them the names of Hugging Face's classes where there is one. `task.json` says what the outputs mean.

use std::path::Path;

use benchmarks::{Kind, Task};
use contract::{Context, StageError, read_json, write_json};
use encoder::{Encoder, ModelCard, ModelClass, Outputs, Pooling};
use serde::{Deserialize, Serialize};
use tokenize::Tokenizer;

use crate::model::Model;

/// The folder of a kept model in its artifact.
pub const FOLDER: &str = "model";
const TASK: &str = "task.json";
const WEIGHTS: &str = "model.safetensors";
const REMEDY: &str = "give the folder `model` of a stage of kind finetune with keep_model = true";

/// What a model's outputs are, and how texts are read for it: `task.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Name of the task.
    pub(crate) task: String,
    /// Whether the output is a class or a number.
    pub(crate) kind: Kind,
    /// The names of the classes, in the order of the outputs.
    pub(crate) labels: Vec<String>,
    /// Whether an example is a pair of texts.
    pub(crate) pairs: bool,
    /// What the head sees.
    pub(crate) pooling: Pooling,
    /// The most tokens of an example that are read.
    pub(crate) max_length: usize,
}

impl Kept {
    pub(crate) fn of(task: &Task, pooling: Pooling, max_length: usize) -> Self {
        let first = task.train.first().or(task.validation.first());
        Self {
            task: task.name.clone(),
            kind: task.kind,
            labels: task.labels.clone(),
            pairs: first.is_some_and(|example| example.sentence2.is_some()),
            pooling,
            max_length,
        }
    }

    /// Returns the number of outputs: the number of classes, or 1 for a number.
    pub(crate) fn outputs(&self) -> usize {
        match self.kind {
            Kind::Classification => self.labels.len(),
            Kind::Regression => 1,
        }
    }

    /// Writes the model into `folder`.
    pub(crate) fn write(
        &self,
        model: &Model,
        tokenizer: &Tokenizer,
        folder: &Path,
    ) -> Result<(), StageError> {
        let config = model.config();
        tokenizer.copy_files_for(config.max_length(), folder)?;
        let mut config = config.clone();
        // No class reads these names.
        config.architectures.clear();
        config.write(&folder.join("config.json"))?;
        model.parameters().save(&folder.join(WEIGHTS))?;
        write_json(&folder.join(TASK), self)
    }

    /// Reads a model that was kept.
    pub(crate) fn read(
        folder: &Path,
        context: &Context,
    ) -> Result<(Self, Model, Tokenizer), StageError> {
        let kept: Self = read_json(&folder.join(TASK), REMEDY)?;
        let encoder = Encoder::load_unless_stopped(folder, context)?;
        let tokenizer = Tokenizer::load(folder)?;
        let model = Model::new(encoder, &kept, 0)?;
        model.parameters().restore(&folder.join(WEIGHTS))?;
        Ok((kept, model, tokenizer))
    }
}

/// Writes a kept model as a folder that `AutoModelForSequenceClassification` loads, and says what it is.
///
/// # Errors
/// When the folder is none that the stage kind `finetune` has written, its head sees more than the first token, which no class of
/// transformers does, or a file cannot be written.
pub fn take(folder: &Path, to: &Path, context: &Context) -> Result<ModelCard, StageError> {
    let (kept, model, tokenizer) = Kept::read(folder, context)?;
    let outputs = match kept.kind {
        Kind::Classification => Outputs::Classes(&kept.labels),
        Kind::Regression => Outputs::Number,
    };
    model.encoder().save_classifier(to, model.head(), outputs)?;
    let types = model.config().type_vocab_size;
    tokenizer.take_files_for(kept.max_length, types, to)?;
    let mut card = ModelCard::new(
        ModelClass::SequenceClassification,
        model.config(),
        model.parameters().scalars(),
        kept.max_length,
    );
    card.facts.push(("task", kept.task));
    let texts = if kept.pairs { "a pair" } else { "one" };
    card.facts.push(("texts", texts.to_owned()));
    match kept.kind {
        Kind::Classification => card.facts.push(("classes", kept.labels.join(", "))),
        Kind::Regression => card.notes.push(
            "The output is a number on the scale on which it was learnt: from 0 to 5, whatever the range in the task's file."
                .to_owned(),
        ),
    }
    Ok(card)
}

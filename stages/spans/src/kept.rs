//! A model that finds answers and is kept: `model/` beside the scores, as `AutoModelForQuestionAnswering` loads it, and `task.json`, which
//! says how questions are read and answers chosen.

use std::path::Path;

use contract::{Context, StageError, read_json, write_json};
use encoder::{Encoder, ModelCard, ModelClass};
use serde::{Deserialize, Serialize};
use tokenize::Tokenizer;

use crate::decode::Rules;
use crate::model::Model;
use crate::windows::Lengths;

/// The folder of a kept model in its artifact.
pub const FOLDER: &str = "model";
const TASK: &str = "task.json";
const REMEDY: &str =
    "give the folder `model` of a stage of kind finetune-spans with keep_model = true";

/// How questions are read and answers chosen: `task.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Name of the task.
    pub(crate) task: String,
    pub(crate) lengths: Lengths,
    pub(crate) rules: Rules,
}

impl Kept {
    /// Writes the model into `folder`.
    pub(crate) fn write(
        &self,
        model: &Model,
        tokenizer: &Tokenizer,
        folder: &Path,
    ) -> Result<(), StageError> {
        model.encoder().save_span_finder(folder, model.head())?;
        tokenizer.copy_files_for(model.config().max_length(), folder)?;
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
        let model = Model::new(encoder, 0)?;
        model
            .head()
            .parameters()
            .restore(&folder.join("model.safetensors"))?;
        Ok((kept, model, tokenizer))
    }
}

/// Writes a kept model as a folder that `AutoModelForQuestionAnswering` loads, and says what it is.
///
/// # Errors
/// When the folder is none that the stage kind `finetune-spans` has written, or a file cannot be written.
pub fn take(folder: &Path, to: &Path, context: &Context) -> Result<ModelCard, StageError> {
    let (kept, model, tokenizer) = Kept::read(folder, context)?;
    model.encoder().save_span_finder(to, model.head())?;
    let positions = model.config().max_length();
    let types = model.config().type_vocab_size;
    tokenizer.take_files_for(positions, types, to)?;
    let parameters = model.parameters().scalars();
    let config = model.config();
    let mut card = ModelCard::new(ModelClass::QuestionAnswering, config, parameters, positions);
    card.facts.push(("task", kept.task));
    if let Some(threshold) = kept.rules.threshold {
        card.facts
            .push(("threshold of no answer", threshold.to_string()));
        card.notes.push(
            "A question may have no answer in its text: both logits of the first token stand for that.".to_owned(),
        );
    }
    Ok(card)
}

//! The settings of a sentence-transformers folder for the text of sentences, before it is tokenised.
//!
//! They belong to the encoder and apply to every pooling: lower case and the longest sequence (`sentence_bert_config.json`, in
//! the transformer's folder), and a prompt that is put before every sentence
//! (`config_sentence_transformers.json`).

use std::borrow::Cow;
use std::path::Path;

use contract::{StageError, read_json};
use serde_json::{Map, Value};

use crate::folder::REMEDY;

/// The names under which sentence-transformers looks for the transformer's settings. It reads the first file that exists.
const SETTINGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];
const MODEL: &str = "config_sentence_transformers.json";
/// Settings that are passed to Hugging Face's tokenizer or configuration and override their own files.
const PASSED_ON: [&str; 4] = [
    "tokenizer_args",
    "processor_kwargs",
    "config_args",
    "config_kwargs",
];

/// Changes to the text of a sentence.
#[derive(Debug, Default, PartialEq)]
pub struct Texts {
    /// Whether the sentence is lower-cased, including accented letters and special tokens.
    pub lower_case: bool,
    /// The text that is put before the sentence.
    pub prompt: String,
    /// The most tokens that the encoder should read, `[CLS]` and `[SEP]` included.
    pub max_length: Option<usize>,
}

impl Texts {
    /// Reads the settings in `folder` and in its transformer's folder.
    ///
    /// # Errors
    /// When a file cannot be understood, or has a setting that this crate does not support.
    pub(crate) fn read(folder: &Path, transformer: &Path) -> Result<Self, StageError> {
        let mut texts = Self::default();
        let settings = SETTINGS
            .iter()
            .map(|name| transformer.join(name))
            .find(|path| path.is_file());
        if let Some(path) = settings {
            texts.settings(&path)?;
        }
        let model = folder.join(MODEL);
        if model.is_file() {
            let map: Map<String, Value> = read_json(&model, REMEDY)?;
            texts.prompt = prompt(&map).map_err(|reason| {
                StageError::input(
                    model.display(),
                    reason,
                    "correct the prompts, or remove them",
                )
            })?;
        }
        Ok(texts)
    }

    fn settings(&mut self, path: &Path) -> Result<(), StageError> {
        let map: Map<String, Value> = read_json(path, REMEDY)?;
        let refusal = |key: &str, value: &Value, remedy: &str| {
            StageError::input(path.display(), format!("`{key}` is {value}"), remedy)
        };
        match map.get("do_lower_case") {
            None | Some(Value::Null) => {}
            Some(Value::Bool(lower_case)) => self.lower_case = *lower_case,
            Some(other) => return Err(refusal("do_lower_case", other, "give true or false")),
        }
        match map.get("max_seq_length") {
            None | Some(Value::Null) => {}
            Some(value) => match value.as_u64().and_then(|it| usize::try_from(it).ok()) {
                Some(length) if length > 0 => self.max_length = Some(length),
                _ => return Err(refusal("max_seq_length", value, "give a number of tokens")),
            },
        }
        for key in PASSED_ON {
            if let Some(value) = map.get(key).filter(|value| !is_empty(value)) {
                let remedy = "say it in tokenizer_config.json or config.json, which are read";
                return Err(refusal(key, value, remedy));
            }
        }
        match map.get("transformer_task") {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(task)) if task == "feature-extraction" => Ok(()),
            Some(task) => Err(refusal(
                "transformer_task",
                task,
                "give an encoder of sentences",
            )),
        }
    }

    /// Returns the changed sentence, which the tokenizer reads.
    pub fn apply<'a>(&self, sentence: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(sentence);
        if !self.prompt.is_empty() {
            text = Cow::Owned(format!("{}{sentence}", self.prompt));
        }
        if self.lower_case {
            text = Cow::Owned(text.to_lowercase());
        }
        text
    }

    /// Returns the changes to sentences in words, if there are any.
    pub(crate) fn note(&self) -> Option<String> {
        let lower_case = self.lower_case.then(|| "are lower-cased".to_owned());
        let prompt = (!self.prompt.is_empty()).then(|| format!("begin with `{}`", self.prompt));
        let said: Vec<String> = [prompt, lower_case].into_iter().flatten().collect();
        (!said.is_empty()).then(|| format!("as the folder says, sentences {}", said.join(" and ")))
    }
}

/// Returns the text of the default prompt.
fn prompt(map: &Map<String, Value>) -> Result<String, String> {
    let name = match map.get("default_prompt_name") {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(Value::String(name)) => name,
        Some(other) => return Err(format!("`default_prompt_name` is {other}")),
    };
    match map.get("prompts").and_then(|prompts| prompts.get(name)) {
        Some(Value::String(prompt)) => Ok(prompt.clone()),
        None | Some(Value::Null) if ["query", "document"].contains(&name.as_str()) => {
            Ok(String::new())
        }
        None => Err(format!("there is no prompt `{name}`, the default")),
        Some(other) => Err(format!("the prompt `{name}` is {other}")),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn read(settings: &str, model: &str) -> Result<Texts, StageError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SETTINGS[0]), settings).unwrap();
        fs::write(folder.path().join(MODEL), model).unwrap();
        Texts::read(folder.path(), folder.path())
    }

    #[test]
    fn sentences_are_changed_as_the_folder_says() {
        let texts = read(
            "\u{feff}{\"max_seq_length\": 128, \"do_lower_case\": true}",
            r#"{"prompts": {"q": "Query: "}, "default_prompt_name": "q"}"#,
        )
        .unwrap();
        assert_eq!(texts.max_length, Some(128));
        assert_eq!(texts.apply("ÄPFEL ΣΊΣΥΦΟΣ"), "query: äpfel σίσυφος");
        assert_eq!(
            texts.note().unwrap(),
            "as the folder says, sentences begin with `Query: ` and are lower-cased"
        );
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let texts = Texts::read(folder.path(), folder.path()).unwrap();
        assert_eq!(texts, Texts::default());
        let model = r#"{"prompts": {"query": "Query: "}, "default_prompt_name": null}"#;
        let texts = read(r#"{"max_seq_length": null, "tokenizer_args": {}}"#, model).unwrap();
        assert_eq!(texts, Texts::default());
        assert_eq!((texts.apply("A b"), texts.note()), ("A b".into(), None));
    }

    #[test]
    fn what_is_not_done_here_is_refused_by_name() {
        for (settings, model, reason) in [
            (
                r#"{"do_lower_case": "yes"}"#,
                "{}",
                "`do_lower_case` is \"yes\"",
            ),
            (r#"{"max_seq_length": 0}"#, "{}", "`max_seq_length` is 0"),
            (
                r#"{"tokenizer_args": {"do_lower_case": true}}"#,
                "{}",
                "`tokenizer_args` is {\"do_lower_case\":true}",
            ),
            (
                "{}",
                r#"{"default_prompt_name": "x"}"#,
                "there is no prompt `x`, the default",
            ),
            (
                r#"{"transformer_task": "fill-mask"}"#,
                "{}",
                "`transformer_task` is",
            ),
        ] {
            let error = read(settings, model).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}

//! Folders for one class of Hugging Face's transformers: every tensor that the class has, under its names, and no other, so that
//! loading one finds nothing missing and nothing left over.
//!
//! | class | BERT | pre-layer-norm |
//! | --- | --- | --- |
//! | [`ModelClass::Encoder`] | `BertModel` | `RobertaPreLayerNormModel` |
//! | [`ModelClass::MaskedLm`] | `BertForMaskedLM` | `RobertaPreLayerNormForMaskedLM` |
//! | [`ModelClass::SequenceClassification`] | `BertForSequenceClassification` | `RobertaPreLayerNormForSequenceClassification` |
//! | [`ModelClass::QuestionAnswering`] | `BertForQuestionAnswering` | `RobertaPreLayerNormForQuestionAnswering` |
//!
//! RoBERTa's classes are `RobertaModel` and so on. [`ClassificationHead`] on the first token is what both classifiers compute: in BERT's its dense map is called the pooler.

use std::fs;
use std::path::Path;

use candle_core::Tensor;
use serde_json::{Map, Value, json};

use crate::checkpoint::{self, CONFIG, Stored, WEIGHTS};
use crate::names::Names;
use crate::{
    Architecture, ClassificationHead, Dense, Encoder, EncoderError, Pooling, Projection, SpanHead,
};

/// The dense map of Hugging Face's base models over the first token.
const POOLER: &str = "pooler.dense";

/// A class of models, as its `Auto…` class in transformers knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelClass {
    /// Hidden states: `AutoModel`.
    Encoder,
    /// Tokens in masked places: `AutoModelForMaskedLM`.
    MaskedLm,
    /// A class or a number for a text or two: `AutoModelForSequenceClassification`.
    SequenceClassification,
    /// The answer to a question as a part of a text: `AutoModelForQuestionAnswering`.
    QuestionAnswering,
}

impl ModelClass {
    /// Returns the class by which transformers loads any architecture.
    pub fn auto(self) -> String {
        format!("AutoModel{}", self.ending().trim_start_matches("Model"))
    }

    /// Returns the class of an architecture.
    pub fn name(self, architecture: Architecture) -> String {
        let family = match architecture {
            Architecture::Bert => "Bert",
            Architecture::Roberta => "Roberta",
            Architecture::RobertaPreLayerNorm => "RobertaPreLayerNorm",
        };
        format!("{family}{}", self.ending())
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Encoder => "Model",
            Self::MaskedLm => "ForMaskedLM",
            Self::SequenceClassification => "ForSequenceClassification",
            Self::QuestionAnswering => "ForQuestionAnswering",
        }
    }
}

/// What a classifier's outputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs<'a> {
    /// One class of these names, by the greatest output.
    Classes(&'a [String]),
    /// A number.
    Number,
}

/// A tensor under its name in a folder.
type Named = (String, Tensor);

impl Encoder {
    /// Writes the folder of the encoder alone. Hugging Face's base models have a *pooler* besides, a dense map and tanh over the
    /// first token, whose values nothing but `pooler_output` depends on: those of `pooler` where one is given, else those with which
    /// a new one begins.
    ///
    /// # Errors
    /// When the pooler is no map of hidden states to vectors as wide with a bias and tanh, or a file cannot be written.
    pub fn save_model(&self, folder: &Path, pooler: Option<&Dense>) -> Result<(), EncoderError> {
        let prefix = Names::of(self.config().architecture).prefix;
        let mut tensors = self.named_body()?;
        for (name, _) in &mut tensors {
            if let Some(bare) = name.strip_prefix(prefix) {
                *name = bare.to_owned();
            }
        }
        let [weight, bias] = match pooler {
            Some(dense) => dense.as_pooler(self.config().hidden_size)?,
            None => {
                let new = Projection::new(self.config(), 0)?;
                let parameters = new.parameters();
                [
                    parameters.value("mlp.dense.weight", false)?,
                    parameters.value("mlp.dense.bias", false)?,
                ]
            }
        };
        tensors.extend(linear(POOLER, weight, bias));
        self.write(folder, ModelClass::Encoder, tensors, Map::new())
    }

    /// Writes the folder of the encoder with its masked language modelling head.
    ///
    /// # Errors
    /// When the encoder has no such head, or a file cannot be written.
    pub fn save_masked_lm(&self, folder: &Path) -> Result<(), EncoderError> {
        if !self.has_head() {
            return Err(EncoderError::invalid(
                "encoder",
                "it has no head that predicts tokens",
                "take it without one, for `encoder` or `sentences`; or train it by masked language modelling",
            ));
        }
        let parameters = self.parameters();
        let tensors = parameters.iter().map(|(name, _)| name.to_owned());
        let tensors: Result<Vec<Named>, EncoderError> = tensors
            .map(|name| Ok((name.clone(), parameters.value(&name, false)?)))
            .collect();
        self.write(folder, ModelClass::MaskedLm, tensors?, Map::new())
    }

    /// Writes the folder of a classifier.
    ///
    /// # Errors
    /// When the head sees another pooling than the first token, which no class of transformers computes; when it has another number of
    /// outputs; or when a file cannot be written.
    pub fn save_classifier(
        &self,
        folder: &Path,
        head: &ClassificationHead,
        outputs: Outputs<'_>,
    ) -> Result<(), EncoderError> {
        if head.pooling() != Pooling::Cls {
            return Err(EncoderError::invalid(
                "pooling",
                "the head sees a mean or a maximum over all tokens, and the classifiers of transformers see the first token \
                 alone",
                "train with `pooling = \"cls\"` to take the model away; `pipe predict` reads this one as it is",
            ));
        }
        let value = |name: &str| head.parameters().value(name, false);
        let dense = (
            value("classifier.dense.weight")?,
            value("classifier.dense.bias")?,
        );
        let output = (
            value("classifier.out_proj.weight")?,
            value("classifier.out_proj.bias")?,
        );
        let architecture = self.config().architecture;
        let prefix = Names::of(architecture).prefix;
        let (dense_name, output_name) = match architecture {
            Architecture::Bert => (format!("{prefix}{POOLER}"), "classifier"),
            Architecture::Roberta | Architecture::RobertaPreLayerNorm => {
                ("classifier.dense".to_owned(), "classifier.out_proj")
            }
        };
        let mut tensors = self.named_body()?;
        tensors.extend(linear(&dense_name, dense.0, dense.1));
        tensors.extend(linear(output_name, output.0, output.1));
        let (labels, problem) = match outputs {
            Outputs::Classes(names) => (names.to_vec(), "single_label_classification"),
            Outputs::Number => (vec!["score".to_owned()], "regression"),
        };
        let by_id = labels.iter().enumerate();
        let by_id: Map<String, Value> = by_id
            .map(|(id, label)| (id.to_string(), label.as_str().into()))
            .collect();
        let by_label = labels.iter().enumerate();
        let by_label: Map<String, Value> = by_label
            .map(|(id, label)| (label.clone(), id.into()))
            .collect();
        let more = json!({"id2label": by_id, "label2id": by_label, "problem_type": problem});
        let more = more.as_object().cloned().unwrap_or_default();
        self.write(folder, ModelClass::SequenceClassification, tensors, more)
    }

    /// Writes the folder of an encoder with a head that finds spans.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save_span_finder(&self, folder: &Path, head: &SpanHead) -> Result<(), EncoderError> {
        let value = |name: &str| head.parameters().value(name, false);
        let mut tensors = self.named_body()?;
        tensors.extend(linear(
            "qa_outputs",
            value("qa_outputs.weight")?,
            value("qa_outputs.bias")?,
        ));
        self.write(folder, ModelClass::QuestionAnswering, tensors, Map::new())
    }

    fn named_body(&self) -> Result<Vec<Named>, EncoderError> {
        let body = self.body();
        let names = body.iter().map(|(name, _)| name.to_owned());
        names
            .map(|name| Ok((name.clone(), body.value(&name, false)?)))
            .collect()
    }

    fn write(
        &self,
        folder: &Path,
        class: ModelClass,
        tensors: Vec<Named>,
        more: Map<String, Value>,
    ) -> Result<(), EncoderError> {
        fs::create_dir_all(folder).map_err(EncoderError::io(folder))?;
        let mut config = self.config().clone();
        config.architectures = vec![class.name(config.architecture)];
        let mut config = match serde_json::to_value(&config) {
            Ok(Value::Object(config)) => config,
            _ => Map::new(),
        };
        config.extend(more);
        let place = folder.join(CONFIG);
        contract::write_json(&place, &config)?;
        let tensors: Result<Vec<_>, EncoderError> = tensors
            .into_iter()
            .map(|(name, tensor)| Ok((name, Stored::Tensor(tensor.contiguous()?))))
            .collect();
        let weights = folder.join(WEIGHTS);
        checkpoint::write(&weights, tensors?)?;
        // The weights are written for their owner alone; a folder that leaves is for whoever may read the rest of it.
        let mode = fs::metadata(&place).map_err(EncoderError::io(&place))?;
        fs::set_permissions(&weights, mode.permissions()).map_err(EncoderError::io(&weights))
    }
}

fn linear(module: &str, weight: Tensor, bias: Tensor) -> [Named; 2] {
    [
        (format!("{module}.weight"), weight),
        (format!("{module}.bias"), bias),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::weights::WeightsFile;
    use crate::{Config, Size};

    fn encoder(architecture: Architecture) -> Encoder {
        let config = Config::of_size(Size::Nano, architecture, 50, 40, 0);
        Encoder::new(config, 3).unwrap()
    }

    fn said(folder: &Path) -> Value {
        let text = fs::read_to_string(folder.join(CONFIG)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_classes_have_the_names_of_transformers() {
        assert_eq!(ModelClass::Encoder.auto(), "AutoModel");
        assert_eq!(ModelClass::MaskedLm.auto(), "AutoModelForMaskedLM");
        let name = ModelClass::QuestionAnswering.name(Architecture::RobertaPreLayerNorm);
        assert_eq!(name, "RobertaPreLayerNormForQuestionAnswering");
    }

    #[test]
    fn an_encoder_alone_is_read_as_the_same_without_its_head() {
        for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
            let encoder = encoder(architecture);
            let folder = tempfile::tempdir().unwrap();
            encoder.save_model(folder.path(), None).unwrap();
            let read = Encoder::load(folder.path()).unwrap();
            assert!(!read.has_head());
            for (name, _) in encoder.body().iter() {
                let values = |encoder: &Encoder| -> Vec<f32> {
                    let value = encoder.parameters().value(name, false).unwrap();
                    value.flatten_all().unwrap().to_vec1().unwrap()
                };
                assert_eq!(values(&read), values(&encoder), "{name}");
            }
            let file = WeightsFile::open(&folder.path().join(WEIGHTS)).unwrap();
            assert_eq!(file.shape("pooler.dense.weight"), Some(&[64, 64][..]));
            assert_eq!(file.count(), encoder.body().len() + 2);
            assert_eq!(
                said(folder.path())["architectures"],
                json!([ModelClass::Encoder.name(architecture)])
            );
            let error = read.save_masked_lm(folder.path()).unwrap_err().to_string();
            assert_eq!(error, "encoder: it has no head that predicts tokens");
        }
    }

    #[test]
    fn a_kept_projection_becomes_the_pooler() {
        let encoder = encoder(Architecture::Bert);
        let folder = tempfile::tempdir().unwrap();
        let projection = Projection::new(encoder.config(), 9).unwrap();
        projection.save(&folder.path().join("dense")).unwrap();
        let dense = Dense::load(&folder.path().join("dense")).unwrap();
        let to = folder.path().join("model");
        encoder.save_model(&to, Some(&dense)).unwrap();
        let file = WeightsFile::open(&to.join(WEIGHTS)).unwrap();
        let values =
            |tensor: Tensor| -> Vec<f32> { tensor.flatten_all().unwrap().to_vec1().unwrap() };
        let found = file.tensor("pooler.dense.weight", &[64, 64]).unwrap();
        let wanted = projection.parameters().value("mlp.dense.weight", false);
        assert_eq!(values(found), values(wanted.unwrap()));
    }

    #[test]
    fn a_head_on_the_first_token_has_a_class_and_others_are_refused() {
        let labels = ["no", "yes"].map(str::to_owned);
        for (architecture, dense) in [
            (Architecture::Bert, "bert.pooler.dense.weight"),
            (Architecture::RobertaPreLayerNorm, "classifier.dense.weight"),
        ] {
            let encoder = encoder(architecture);
            let head = ClassificationHead::new(encoder.config(), 2, 5).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let outputs = Outputs::Classes(&labels);
            encoder
                .save_classifier(folder.path(), &head, outputs)
                .unwrap();
            let file = WeightsFile::open(&folder.path().join(WEIGHTS)).unwrap();
            assert_eq!(file.shape(dense), Some(&[64, 64][..]));
            let said = said(folder.path());
            assert_eq!(said["id2label"], json!({"0": "no", "1": "yes"}));
            assert_eq!(said["problem_type"], "single_label_classification");
            let mean = head.with_pooling(Pooling::Mean);
            let error = encoder.save_classifier(folder.path(), &mean, outputs);
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with("pooling: the head sees a mean"),
                "{error}"
            );
        }
    }
}

//! An encoder's shape: Hugging Face's `config.json`.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{EncoderError, distilled};

/// Where layer normalisation is applied. This decides the checkpoint's class and the names of its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// After each sub-layer: `BertForMaskedLM` (Devlin et al. 2019).
    #[serde(rename = "bert")]
    Bert,
    /// After each sub-layer, with positions that begin after the padding token's id: `RobertaForMaskedLM` (Liu et al. 2019).
    #[serde(rename = "roberta")]
    Roberta,
    /// Before each sub-layer, on the embeddings, and once at the end: `RobertaPreLayerNormForMaskedLM`, the
    /// architecture of Wettig et al. 2023.
    #[serde(rename = "roberta-prelayernorm")]
    RobertaPreLayerNorm,
}

impl Architecture {
    /// Whether a sub-layer's sum is normalised, and not the sub-layer's input.
    pub(crate) fn normalises_last(self) -> bool {
        match self {
            Self::Bert | Self::Roberta => true,
            Self::RobertaPreLayerNorm => false,
        }
    }
}

/// The usual sizes, from Turc et al. 2019 (tiny to base) and Devlin et al. 2019 (base, large).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// 2 layers, 64 wide.
    Nano,
    /// 2 layers, 128 wide.
    Tiny,
    /// 4 layers, 256 wide.
    Mini,
    /// 4 layers, 512 wide.
    Small,
    /// 8 layers, 512 wide.
    Medium,
    /// 12 layers, 768 wide.
    Base,
    /// 24 layers, 1024 wide.
    Large,
}

impl Size {
    /// All sizes, smallest first.
    pub const ALL: [Self; 7] = [
        Self::Nano,
        Self::Tiny,
        Self::Mini,
        Self::Small,
        Self::Medium,
        Self::Base,
        Self::Large,
    ];
    /// The names of all sizes, smallest first.
    pub const NAMES: [&'static str; 7] =
        ["nano", "tiny", "mini", "small", "medium", "base", "large"];

    /// Returns the size with the name `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.name() == name)
    }

    /// Returns the name of the size, in lower case.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Returns (layers, hidden size, attention heads, feed-forward size).
    pub fn shape(self) -> (usize, usize, usize, usize) {
        match self {
            Self::Nano => (2, 64, 2, 256),
            Self::Tiny => (2, 128, 2, 512),
            Self::Mini => (4, 256, 4, 1024),
            Self::Small => (4, 512, 8, 2048),
            Self::Medium => (8, 512, 8, 2048),
            Self::Base => (12, 768, 12, 3072),
            Self::Large => (24, 1024, 16, 4096),
        }
    }
}

impl Size {
    /// Returns the floating-point operations per token in the matrix products of one forward pass through the layers. Those
    /// between tokens (attention) are left out.
    pub fn token_operations(self) -> f64 {
        let (layers, hidden, _, inner) = self.shape();
        token_operations(layers, hidden, inner)
    }
}

/// Returns the operations per token in the layers' matrix products: a multiplication and an addition for each weight.
fn token_operations(layers: usize, hidden: usize, inner: usize) -> f64 {
    let [layers, hidden, inner] = [layers, hidden, inner].map(|size| size as f64);
    2.0 * layers * (4.0 * hidden * hidden + 2.0 * hidden * inner)
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The non-linearity between the two feed-forward maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// x · Φ(x) with the exact normal distribution function.
    #[serde(rename = "gelu")]
    Gelu,
    /// The approximation with tanh (Hendrycks and Gimpel 2016, section 2).
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluTanh,
}

impl Activation {
    /// Returns the kernels' activation function.
    pub(crate) fn function(self) -> kernels::elementary::Activation {
        match self {
            Self::Gelu => kernels::elementary::Activation::Gelu,
            Self::GeluTanh => kernels::elementary::Activation::GeluTanh,
        }
    }
}

/// An encoder's shape. Fields and defaults are those of Hugging Face's `BertConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The class that Hugging Face loads the checkpoint with.
    #[serde(default)]
    pub architectures: Vec<String>,
    /// Where layer normalisation sits.
    #[serde(rename = "model_type")]
    pub architecture: Architecture,
    /// Size of the vocabulary: token ids are below it.
    pub vocab_size: usize,
    /// Width of a hidden state.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads, which share the hidden size equally.
    pub num_attention_heads: usize,
    /// Width between the two feed-forward maps.
    pub intermediate_size: usize,
    /// Activation function between the two feed-forward maps.
    #[serde(default = "defaults::activation")]
    pub hidden_act: Activation,
    /// Dropout probability of embeddings and sub-layer outputs.
    #[serde(default = "defaults::dropout")]
    pub hidden_dropout_prob: f64,
    /// Dropout probability of attention weights.
    #[serde(default = "defaults::dropout")]
    pub attention_probs_dropout_prob: f64,
    /// Dropout probability of a classification head; `hidden_dropout_prob` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier_dropout: Option<f64>,
    /// Rows of the position table.
    #[serde(default = "defaults::positions")]
    pub max_position_embeddings: usize,
    /// Number of token types; 1 means that all tokens have the same type.
    #[serde(default = "defaults::token_types")]
    pub type_vocab_size: usize,
    /// Standard deviation of the initial weights.
    #[serde(default = "defaults::initializer_range")]
    pub initializer_range: f64,
    /// Constant that layer normalisation adds to the variance.
    #[serde(default = "defaults::layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// The padding token. Pre-layer-norm positions start one above it.
    #[serde(default)]
    pub pad_token_id: Option<u32>,
    /// Whether the decoder's weight is the token embedding. Only `true` is supported here.
    #[serde(default = "defaults::tied")]
    pub tie_word_embeddings: bool,
    /// Number format of the weights. Here always written as `float32`.
    #[serde(skip_deserializing, default = "defaults::dtype")]
    pub dtype: String,
    /// Kind of position embeddings. Only a table of them, `absolute`, is supported here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_embedding_type: Option<String>,
    /// Whether a token sees only the tokens before it. Only encoders, without this, are supported here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_decoder: Option<bool>,
    /// Hugging Face's settings for quantised weights. Only weights that are not quantised are supported here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization_config: Option<serde_json::Value>,
}

mod defaults {
    use super::Activation;

    pub(super) fn activation() -> Activation {
        Activation::Gelu
    }
    pub(super) fn dropout() -> f64 {
        0.1
    }
    pub(super) fn positions() -> usize {
        512
    }
    pub(super) fn token_types() -> usize {
        2
    }
    pub(super) fn initializer_range() -> f64 {
        0.02
    }
    pub(super) fn layer_norm_eps() -> f64 {
        1e-12
    }
    pub(super) fn tied() -> bool {
        true
    }
    pub(super) fn dtype() -> String {
        "float32".into()
    }
}

impl Config {
    /// The configuration of a new encoder for sequences of up to `length` tokens over `vocabulary` tokens, of which
    /// `padding` is the padding token's id. Post-layer-norm encoders have two token types and layer-norm epsilon 1e-12,
    /// pre-layer-norm ones a single type and 1e-5, as published.
    pub fn of_size(
        size: Size,
        architecture: Architecture,
        vocabulary: usize,
        length: usize,
        padding: u32,
    ) -> Self {
        let (layers, hidden, heads, intermediate) = size.shape();
        let (class, types, epsilon, offset) = match architecture {
            Architecture::Bert => ("BertForMaskedLM", 2, 1e-12, 0),
            Architecture::Roberta => ("RobertaForMaskedLM", 1, 1e-5, padding as usize + 1),
            Architecture::RobertaPreLayerNorm => (
                "RobertaPreLayerNormForMaskedLM",
                1,
                1e-5,
                padding as usize + 1,
            ),
        };
        Self {
            architectures: vec![class.into()],
            architecture,
            vocab_size: vocabulary,
            hidden_size: hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: intermediate,
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            classifier_dropout: None,
            max_position_embeddings: length + offset,
            type_vocab_size: types,
            initializer_range: 0.02,
            layer_norm_eps: epsilon,
            pad_token_id: Some(padding),
            tie_word_embeddings: true,
            dtype: defaults::dtype(),
            position_embedding_type: None,
            is_decoder: None,
            quantization_config: None,
        }
    }

    /// Returns this shape at another width: heads stay as wide as they are, and the feed-forward map stays as many times wider.
    pub fn with_width(self, hidden: usize) -> Self {
        let head = self.hidden_size / self.num_attention_heads;
        let wider = self.intermediate_size / self.hidden_size;
        Self {
            hidden_size: hidden,
            num_attention_heads: hidden / head,
            intermediate_size: hidden * wider,
            ..self
        }
    }

    /// Reads `config.json`.
    ///
    /// # Errors
    /// When the file cannot be read, is not JSON, lacks a field, or describes another kind of encoder.
    pub fn read(path: &Path) -> Result<Self, EncoderError> {
        let text = contract::read_text(path)?;
        let remedy = "give the folder of a BERT encoder: config.json with model_type \"bert\", \"roberta\", \
                      \"roberta-prelayernorm\" or \"distilbert\"";
        let config: Self = distilled::config(&text)
            .unwrap_or_else(|| serde_json::from_str(&text))
            .map_err(|error| EncoderError::checkpoint(path, error.to_string(), remedy))?;
        config.check().map_err(|error| match error {
            EncoderError::Invalid { place, reason, .. } => {
                EncoderError::checkpoint(path, format!("{place}: {reason}"), remedy)
            }
            other => other,
        })?;
        Ok(config)
    }

    /// Writes `config.json`: the same configuration gives the same bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), EncoderError> {
        Ok(contract::write_json(path, self)?)
    }

    /// Returns how many floating-point operations the matrix products of a forward pass take, over sequences of these
    /// lengths, with a vocabulary projection at `predicted` positions. A multiplication and an addition count as two; a
    /// training step takes three times as many.
    ///
    /// A weight takes 2 operations per token; queries times keys and attention weights times values together take 4 ·
    /// length · hidden size per token and layer.
    pub fn forward_operations(
        &self,
        lengths: impl IntoIterator<Item = usize>,
        predicted: usize,
    ) -> f64 {
        let (hidden, layers) = (self.hidden_size as f64, self.num_hidden_layers as f64);
        let token = self.token_operations();
        let sequences = lengths.into_iter().map(|length| {
            let length = length as f64;
            length * (token + 4.0 * length * hidden * layers)
        });
        let head = 2.0 * hidden * (hidden + self.vocab_size as f64);
        sequences.sum::<f64>() + predicted as f64 * head
    }

    /// Returns the floating-point operations per token in the matrix products of one forward pass through the layers. Those
    /// between tokens (attention) are left out.
    pub fn token_operations(&self) -> f64 {
        token_operations(
            self.num_hidden_layers,
            self.hidden_size,
            self.intermediate_size,
        )
    }

    /// Returns the length of the longest sequence that the position table has room for.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings
            .saturating_sub(self.first_position())
    }

    /// Returns the row of the position table for the first token of a sequence.
    pub fn first_position(&self) -> usize {
        match self.architecture {
            Architecture::Bert => 0,
            Architecture::Roberta | Architecture::RobertaPreLayerNorm => {
                self.pad_token_id.unwrap_or(1) as usize + 1
            }
        }
    }

    /// Returns the width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Checks that the values describe an encoder that can be built.
    ///
    /// # Errors
    /// [`EncoderError::Invalid`] for the first value that is wrong.
    pub fn check(&self) -> Result<(), EncoderError> {
        let invalid = |place: &str, reason: String, remedy: &str| {
            Err(EncoderError::invalid(place, reason, remedy))
        };
        for (place, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("type_vocab_size", self.type_vocab_size),
        ] {
            if value == 0 || u32::try_from(value).is_err() {
                return invalid(place, format!("{value} is out of range"), "give at least 1");
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let reason = format!(
                "{} heads do not divide a width of {}",
                self.num_attention_heads, self.hidden_size
            );
            return invalid(
                "num_attention_heads",
                reason,
                "choose a divisor of hidden_size",
            );
        }
        if self.max_length() == 0 {
            let reason = format!(
                "{} leave no position to a token",
                self.max_position_embeddings
            );
            return invalid(
                "max_position_embeddings",
                reason,
                "give more than pad_token_id + 1",
            );
        }
        if self.quantization_config.is_some() {
            let reason = "quantised weights are not supported".to_owned();
            return invalid(
                "quantization_config",
                reason,
                "give the weights as they were before",
            );
        }
        if self.is_decoder == Some(true) {
            let reason = "a decoder, whose tokens see only those before them, is not supported";
            return invalid("is_decoder", reason.to_owned(), "use an encoder");
        }
        if let Some(kind) = self
            .position_embedding_type
            .as_ref()
            .filter(|kind| *kind != "absolute")
        {
            let reason = format!("{kind} is not supported");
            return invalid(
                "position_embedding_type",
                reason,
                "use an encoder with `absolute`",
            );
        }
        for (place, value) in [
            ("hidden_dropout_prob", Some(self.hidden_dropout_prob)),
            (
                "attention_probs_dropout_prob",
                Some(self.attention_probs_dropout_prob),
            ),
            ("classifier_dropout", self.classifier_dropout),
        ] {
            if let Some(value) = value.filter(|value| !(0.0..1.0).contains(value)) {
                let reason = format!("{value} is no probability below 1");
                return invalid(place, reason, "give a number from 0 to 0.99");
            }
        }
        Ok(())
    }
}

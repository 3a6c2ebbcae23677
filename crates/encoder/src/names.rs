//! Hugging Face's names of an encoder's parameters.

use crate::Architecture;

/// The names of one architecture's modules; each module has a `.weight` and mostly a `.bias`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// The prefix of the encoder's own names in a checkpoint with a head.
    pub(crate) prefix: &'static str,
    /// The list of layers, after the prefix.
    layers: &'static str,
    attention_norm: &'static str,
    feed_forward_norm: &'static str,
    /// Name of the head's dense map.
    pub(crate) head_dense: &'static str,
    /// Name of the head's layer normalisation.
    pub(crate) head_norm: &'static str,
    /// Full name of the tied decoder's bias.
    pub(crate) head_bias: &'static str,
}

/// The maps and normalisations of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    Query,
    Key,
    Value,
    AttentionOutput,
    AttentionNorm,
    FeedForwardInput,
    FeedForwardOutput,
    FeedForwardNorm,
}

pub(crate) const WORDS: &str = "embeddings.word_embeddings.weight";
pub(crate) const POSITIONS: &str = "embeddings.position_embeddings.weight";
pub(crate) const TOKEN_TYPES: &str = "embeddings.token_type_embeddings.weight";
pub(crate) const EMBEDDING_NORM: &str = "embeddings.LayerNorm";
/// Name of the normalisation after the last layer, in encoders that have one.
pub(crate) const FINAL_NORM: &str = "LayerNorm";
/// The ending of the names of attention's key biases.
pub(crate) const KEY_BIAS: &str = "attention.self.key.bias";
/// The bias of a head that finds spans.
pub(crate) const SPAN_BIAS: &str = "qa_outputs.bias";

impl Names {
    pub(crate) fn of(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Bert => Self {
                prefix: "bert.",
                layers: "encoder.layer",
                attention_norm: "attention.output.LayerNorm",
                feed_forward_norm: "output.LayerNorm",
                head_dense: "cls.predictions.transform.dense",
                head_norm: "cls.predictions.transform.LayerNorm",
                head_bias: "cls.predictions.bias",
            },
            Architecture::Roberta => Self {
                prefix: "roberta.",
                head_dense: "lm_head.dense",
                head_norm: "lm_head.layer_norm",
                head_bias: "lm_head.bias",
                ..Self::of(Architecture::Bert)
            },
            Architecture::RobertaPreLayerNorm => Self {
                prefix: "roberta_prelayernorm.",
                layers: "encoder.layer",
                attention_norm: "attention.LayerNorm",
                feed_forward_norm: "intermediate.LayerNorm",
                head_dense: "lm_head.dense",
                head_norm: "lm_head.layer_norm",
                head_bias: "lm_head.bias",
            },
        }
    }

    /// Returns the names of the modules of a decoder of masked tokens.
    pub(crate) fn of_decoder(architecture: Architecture) -> Self {
        Self {
            prefix: "decoder.",
            layers: "layer",
            ..Self::of(architecture)
        }
    }

    /// Returns the name of a parameter outside the layers and the head.
    pub(crate) fn body(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Returns the name of a layer's module.
    pub(crate) fn layer(&self, layer: usize, module: Module) -> String {
        let rest = match module {
            Module::Query => "attention.self.query",
            Module::Key => "attention.self.key",
            Module::Value => "attention.self.value",
            Module::AttentionOutput => "attention.output.dense",
            Module::AttentionNorm => self.attention_norm,
            Module::FeedForwardInput => "intermediate.dense",
            Module::FeedForwardOutput => "output.dense",
            Module::FeedForwardNorm => self.feed_forward_norm,
        };
        format!("{}{}.{layer}.{rest}", self.prefix, self.layers)
    }
}

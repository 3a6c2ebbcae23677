//! DistilBERT checkpoints (Sanh et al. 2019), read as the BERT encoders that they are: with fewer layers, no token types, and names
//! of their own. What is trained from them is written as BERT.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Config;

/// The `model_type` of such a configuration.
const KIND: &str = "distilbert";
/// Hugging Face's `DistilBertConfig`: the keys that have other names in `BertConfig`, and the defaults that differ.
const KEYS: [(&str, &str, Option<u32>); 4] = [
    ("dim", "hidden_size", Some(768)),
    ("n_layers", "num_hidden_layers", Some(6)),
    ("n_heads", "num_attention_heads", Some(12)),
    ("hidden_dim", "intermediate_size", Some(3072)),
];
const OTHERS: [(&str, &str); 4] = [
    ("activation", "hidden_act"),
    ("dropout", "hidden_dropout_prob"),
    ("attention_dropout", "attention_probs_dropout_prob"),
    ("seq_classif_dropout", "classifier_dropout"),
];
/// DistilBERT's names of the modules that BERT names otherwise, the longer of BERT's names first.
const MODULES: [(&str, &str); 12] = [
    ("attention.self.query.", "attention.q_lin."),
    ("attention.self.key.", "attention.k_lin."),
    ("attention.self.value.", "attention.v_lin."),
    ("attention.output.dense.", "attention.out_lin."),
    ("attention.output.LayerNorm.", "sa_layer_norm."),
    ("intermediate.dense.", "ffn.lin1."),
    ("output.dense.", "ffn.lin2."),
    ("output.LayerNorm.", "output_layer_norm."),
    ("encoder.layer.", "transformer.layer."),
    ("cls.predictions.transform.dense.", "vocab_transform."),
    ("cls.predictions.transform.LayerNorm.", "vocab_layer_norm."),
    ("cls.predictions.bias", "vocab_projector.bias"),
];
/// The prefixes of the encoder's names in a checkpoint with a head.
const PREFIXES: [&str; 2] = ["bert.", "distilbert."];

/// Returns the configuration of a DistilBERT as one of BERT; `None` if the text describes another kind of encoder.
pub(crate) fn config(text: &str) -> Option<Result<Config, serde_json::Error>> {
    let Ok(Value::Object(given)) = serde_json::from_str(text) else {
        return None;
    };
    let kind = given.get("model_type").and_then(Value::as_str);
    (kind == Some(KIND)).then(|| Config::deserialize(Value::Object(converted(given))))
}

fn converted(mut given: Map<String, Value>) -> Map<String, Value> {
    for (own, berts, usual) in KEYS {
        let value = given.remove(own).or_else(|| usual.map(Value::from));
        given.extend(value.map(|value| (berts.to_owned(), value)));
    }
    for (own, berts) in OTHERS {
        let value = given.remove(own);
        given.extend(value.map(|value| (berts.to_owned(), value)));
    }
    for (key, value) in [
        ("model_type", Value::from("bert")),
        ("architectures", Value::from(vec!["BertForMaskedLM"])),
        // A single type, whose embedding is zero.
        ("type_vocab_size", Value::from(1)),
    ] {
        given.insert(key.to_owned(), value);
    }
    given
        .entry("vocab_size")
        .or_insert_with(|| Value::from(30_522));
    given
}

/// Returns DistilBERT's name of a parameter that BERT calls `name`, in a checkpoint with a head.
pub(crate) fn name(name: &str) -> String {
    let [berts, own] = PREFIXES;
    let mut renamed = match name.strip_prefix(berts) {
        Some(rest) => format!("{own}{rest}"),
        None => name.to_owned(),
    };
    for (berts, own) in MODULES {
        renamed = renamed.replace(berts, own);
    }
    renamed
}

/// The prefix of DistilBERT's names, which checkpoints without a head lack.
pub(crate) const PREFIX: &str = PREFIXES[1];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Architecture;

    #[test]
    fn names_are_distilberts() {
        for (berts, own) in [
            (
                "bert.embeddings.word_embeddings.weight",
                "distilbert.embeddings.word_embeddings.weight",
            ),
            (
                "bert.encoder.layer.3.attention.self.key.bias",
                "distilbert.transformer.layer.3.attention.k_lin.bias",
            ),
            (
                "bert.encoder.layer.0.attention.output.LayerNorm.weight",
                "distilbert.transformer.layer.0.sa_layer_norm.weight",
            ),
            (
                "bert.encoder.layer.0.attention.output.dense.weight",
                "distilbert.transformer.layer.0.attention.out_lin.weight",
            ),
            (
                "bert.encoder.layer.10.output.LayerNorm.bias",
                "distilbert.transformer.layer.10.output_layer_norm.bias",
            ),
            (
                "bert.encoder.layer.10.output.dense.bias",
                "distilbert.transformer.layer.10.ffn.lin2.bias",
            ),
            (
                "cls.predictions.transform.LayerNorm.bias",
                "vocab_layer_norm.bias",
            ),
            ("cls.predictions.bias", "vocab_projector.bias"),
        ] {
            assert_eq!(name(berts), own);
        }
    }

    #[test]
    fn configurations_get_berts_keys_and_distilberts_defaults() {
        let read = config(r#"{"model_type": "distilbert", "dim": 64, "n_heads": 4}"#);
        let read = read.unwrap().unwrap();
        assert_eq!(read.architecture, Architecture::Bert);
        assert_eq!((read.hidden_size, read.num_attention_heads), (64, 4));
        assert_eq!((read.num_hidden_layers, read.intermediate_size), (6, 3072));
        assert_eq!((read.type_vocab_size, read.vocab_size), (1, 30_522));
        assert!(config(r#"{"model_type": "bert"}"#).is_none());
        assert!(
            config(r#"{"model_type": "distilbert", "dim": "wide"}"#)
                .unwrap()
                .is_err()
        );
        assert!(config("[").is_none());
    }
}

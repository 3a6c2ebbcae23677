//! JinaBERT (Günther et al. 2023), the encoder of jina-embeddings-v2: post-layer-norm BERT with ALiBi (Press et al. 2022) in the place of
//! positions, and GEGLU. Its code is on the Hugging Face Hub alone, in two forms; candle has that of the English models
//! (`jina-bert-implementation`), and not that of the later ones (`jina-bert-v2-qk-post-norm`), which normalises queries and keys.

use candle_core::{Module, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::jina_bert::{BertModel, Config, PositionEmbeddingType};
use contract::StageError;

use super::settings::Settings;
use super::{Family, Parameter, Sizes};

/// The code of Jina's that computes otherwise.
const LATER: &str = "jina-bert-v2-qk-post-norm";

pub(super) struct JinaBert {
    sizes: Sizes,
    config: Config,
}

impl JinaBert {
    /// Reads a configuration. What is left out is as in Jina's code.
    ///
    /// # Errors
    /// When it lacks something, or has something that candle does not compute.
    pub(super) fn read(settings: &Settings) -> Result<Self, StageError> {
        for key in ["auto_map", "_name_or_path"] {
            let said = settings.given(key).map(ToString::to_string);
            if said.is_some_and(|said| said.contains(LATER)) {
                return Err(settings.refusal(
                    key,
                    &format!("names {LATER}, which candle does not compute"),
                    "give an encoder of jina-bert-implementation, such as jina-embeddings-v2-base-en",
                ));
            }
        }
        for (key, value) in [
            ("position_embedding_type", "\"alibi\""),
            ("feed_forward_type", "\"geglu\""),
        ] {
            if settings.given(key).is_none() {
                let remedy = format!("give an encoder where it is {value}");
                return Err(settings.refusal(key, "is missing", &remedy));
            }
            settings.only(key, &[value])?;
        }
        settings.only("hidden_act", &["\"gelu\""])?;
        let sizes = Sizes {
            vocabulary: settings.size(&["vocab_size"])?,
            hidden: settings.size(&["hidden_size"])?,
            layers: settings.size(&["num_hidden_layers"])?,
            heads: settings.size(&["num_attention_heads"])?,
            inner: settings.size(&["intermediate_size"])?,
            maps: 3,
            longest: settings.size_or("max_position_embeddings", 512)?,
        };
        settings.check_heads(&sizes, false)?;
        let config = Config {
            vocab_size: sizes.vocabulary,
            hidden_size: sizes.hidden,
            num_hidden_layers: sizes.layers,
            num_attention_heads: sizes.heads,
            intermediate_size: sizes.inner,
            hidden_act: Activation::Gelu,
            max_position_embeddings: sizes.longest,
            type_vocab_size: settings.size_or("type_vocab_size", 2)?,
            initializer_range: 0.02,
            layer_norm_eps: settings.number_or("layer_norm_eps", 1e-12)?,
            pad_token_id: 0,
            position_embedding_type: PositionEmbeddingType::Alibi,
        };
        Ok(Self { sizes, config })
    }
}

impl Family for JinaBert {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["bert."]
    }

    fn body(&self) -> Vec<Parameter> {
        let (sizes, types) = (self.sizes, self.config.type_vocab_size);
        let table = |name: &str, rows: usize| {
            Parameter::new(format!("embeddings.{name}.weight"), &[rows, sizes.hidden])
        };
        let mut parameters = vec![
            table("word_embeddings", sizes.vocabulary),
            table("token_type_embeddings", types),
        ];
        parameters.extend(Parameter::norm("embeddings.LayerNorm", sizes.hidden));
        parameters
    }

    fn layer(&self, layer: usize) -> Vec<Parameter> {
        let Sizes { hidden, inner, .. } = self.sizes;
        let name = |rest: &str| format!("encoder.layer.{layer}.{rest}");
        let linear = |rest: &str, inputs, outputs| Parameter::linear(&name(rest), inputs, outputs);
        let mut parameters = [
            linear("attention.self.query", hidden, hidden),
            linear("attention.self.key", hidden, hidden),
            linear("attention.self.value", hidden, hidden),
            linear("attention.output.dense", hidden, hidden),
            Parameter::norm(&name("attention.output.LayerNorm"), hidden),
            linear("mlp.wo", inner, hidden),
            Parameter::norm(&name("mlp.layernorm"), hidden),
        ]
        .concat();
        let gated = name("mlp.gated_layers.weight");
        parameters.push(Parameter::new(gated, &[2 * inner, hidden]));
        parameters
    }

    fn hidden_states(
        &self,
        weights: VarBuilder<'static>,
        ids: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let config = Config {
            max_position_embeddings: ids.dim(1)?,
            ..self.config.clone()
        };
        BertModel::new(weights, &config)?.forward(ids)
    }
}

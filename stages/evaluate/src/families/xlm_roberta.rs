//! XLM-RoBERTa (Conneau et al. 2020): RoBERTa, with a vocabulary of many languages.

use candle_core::Tensor;
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::xlm_roberta::{Config, XLMRobertaModel};
use contract::StageError;

use super::settings::Settings;
use super::{Family, Parameter, Sizes};

pub(super) struct XlmRoberta {
    sizes: Sizes,
    /// Rows of the table of positions.
    positions: usize,
    config: Config,
}

impl XlmRoberta {
    /// Reads a configuration. What is left out is as in transformers.
    ///
    /// # Errors
    /// When it lacks something, or has something that candle does not compute.
    pub(super) fn read(settings: &Settings) -> Result<Self, StageError> {
        settings.only("position_embedding_type", &["\"absolute\""])?;
        settings.no_code()?;
        settings.only("hidden_act", &["\"gelu\""])?;
        let positions = settings.size_or("max_position_embeddings", 512)?;
        let padding = match settings.given("pad_token_id") {
            None => 1,
            Some(id) => match id.as_u64().and_then(|id| u32::try_from(id).ok()) {
                Some(id) => id,
                None => return Err(settings.refusal("pad_token_id", "is no id", "give its id")),
            },
        };
        // The first token has the position after the padding token's id.
        let longest = positions.saturating_sub(padding as usize + 1);
        if longest == 0 {
            let reason = format!("is {positions}, which leaves no position to a token");
            let remedy = "give more than pad_token_id + 1";
            return Err(settings.refusal("max_position_embeddings", &reason, remedy));
        }
        let sizes = Sizes {
            vocabulary: settings.size(&["vocab_size"])?,
            hidden: settings.size(&["hidden_size"])?,
            layers: settings.size(&["num_hidden_layers"])?,
            heads: settings.size(&["num_attention_heads"])?,
            inner: settings.size(&["intermediate_size"])?,
            maps: 2,
            longest,
        };
        settings.check_heads(&sizes, false)?;
        let config = Config {
            hidden_size: sizes.hidden,
            layer_norm_eps: settings.number_or("layer_norm_eps", 1e-12)?,
            attention_probs_dropout_prob: 0.0,
            hidden_dropout_prob: 0.0,
            num_attention_heads: sizes.heads,
            position_embedding_type: "absolute".to_owned(),
            intermediate_size: sizes.inner,
            hidden_act: Activation::Gelu,
            num_hidden_layers: sizes.layers,
            vocab_size: sizes.vocabulary,
            max_position_embeddings: positions,
            type_vocab_size: settings.size_or("type_vocab_size", 2)?,
            pad_token_id: padding,
        };
        Ok(Self {
            sizes,
            positions,
            config,
        })
    }
}

impl Family for XlmRoberta {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["roberta."]
    }

    fn body(&self) -> Vec<Parameter> {
        let (sizes, types) = (self.sizes, self.config.type_vocab_size);
        let table = |name: &str, rows: usize| {
            Parameter::new(format!("embeddings.{name}.weight"), &[rows, sizes.hidden])
        };
        let mut parameters = vec![
            table("word_embeddings", sizes.vocabulary),
            table("position_embeddings", self.positions),
            table("token_type_embeddings", types),
        ];
        parameters.extend(Parameter::norm("embeddings.LayerNorm", sizes.hidden));
        parameters
    }

    fn layer(&self, layer: usize) -> Vec<Parameter> {
        let Sizes { hidden, inner, .. } = self.sizes;
        let name = |rest: &str| format!("encoder.layer.{layer}.{rest}");
        let linear = |rest: &str, inputs, outputs| Parameter::linear(&name(rest), inputs, outputs);
        [
            linear("attention.self.query", hidden, hidden),
            linear("attention.self.key", hidden, hidden),
            linear("attention.self.value", hidden, hidden),
            linear("attention.output.dense", hidden, hidden),
            Parameter::norm(&name("attention.output.LayerNorm"), hidden),
            linear("intermediate.dense", hidden, inner),
            linear("output.dense", inner, hidden),
            Parameter::norm(&name("output.LayerNorm"), hidden),
        ]
        .concat()
    }

    fn hidden_states(
        &self,
        weights: VarBuilder<'static>,
        ids: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let model = XLMRobertaModel::new(&self.config, weights)?;
        let (mask, types) = (ids.ones_like()?, ids.zeros_like()?);
        model.forward(ids, &mask, &types, None, None, None)
    }
}

//! ModernBERT (Warner et al. 2024): pre-layer-norm, rotary positions, gated feed-forward maps, and layers that see a window around a
//! token between layers that see all.

use candle_core::Tensor;
use candle_nn::VarBuilder;
use candle_transformers::models::modernbert::{self, Config};
use contract::StageError;
use serde_json::Value;

use super::settings::Settings;
use super::{Family, Parameter, Sizes};

/// The name in front of all parameters of `ModernBertForMaskedLM`. candle expects it.
const PREFIX: &str = "model.";
/// The two types of layers.
const FULL: &str = "full_attention";
const WINDOW: &str = "sliding_attention";
/// The setting of rotary positions since version 5 of transformers.
const ROPE: &str = "rope_parameters";

pub(super) struct ModernBert {
    sizes: Sizes,
    config: Config,
}

impl ModernBert {
    /// Reads a configuration as transformers writes it, before version 5 or since. What is left out is as in transformers.
    ///
    /// # Errors
    /// When it lacks something, or has something that candle does not compute.
    pub(super) fn read(settings: &Settings) -> Result<Self, StageError> {
        settings.no_code()?;
        settings.only("hidden_activation", &["\"gelu\""])?;
        settings.only("position_embedding_type", &["\"absolute\""])?;
        for bias in ["attention_bias", "mlp_bias", "norm_bias"] {
            settings.only(bias, &["false"])?;
        }
        let sizes = Sizes {
            vocabulary: settings.size(&["vocab_size"])?,
            hidden: settings.size(&["hidden_size"])?,
            layers: settings.size(&["num_hidden_layers"])?,
            heads: settings.size(&["num_attention_heads"])?,
            inner: settings.size(&["intermediate_size"])?,
            maps: 3,
            longest: settings.size_or("max_position_embeddings", 8192)?,
        };
        settings.check_heads(&sizes, true)?;
        if let Some(Value::Object(parts)) = settings.given(ROPE)
            && let Some(name) = parts
                .keys()
                .find(|name| ![FULL, WINDOW].contains(&name.as_str()))
        {
            let reason = format!("has `{name}`, which is no type of layers");
            let remedy = "give it one table for each type, as transformers writes it";
            return Err(settings.refusal(ROPE, &reason, remedy));
        }
        let base = |kind: &str, name: &str, default: f64| {
            let parameters = settings.given(ROPE).map(|it| &it[kind]);
            match settings.rotary_base(parameters)? {
                Some(base) => Ok(base),
                None => settings.number_or(name, default),
            }
        };
        let config = Config {
            vocab_size: sizes.vocabulary,
            hidden_size: sizes.hidden,
            num_hidden_layers: sizes.layers,
            num_attention_heads: sizes.heads,
            intermediate_size: sizes.inner,
            max_position_embeddings: sizes.longest,
            // The name under which candle reads it is one that transformers does not look at.
            layer_norm_eps: settings.number_or("norm_eps", 1e-5)?,
            pad_token_id: 0,
            global_attn_every_n_layers: period(settings, sizes.layers)?,
            global_rope_theta: base(FULL, "global_rope_theta", 160_000.0)?,
            local_attention: settings.size_or("local_attention", 128)?,
            local_rope_theta: base(WINDOW, "local_rope_theta", 10_000.0)?,
            classifier_config: None,
        };
        Ok(Self { sizes, config })
    }
}

/// Returns of how many layers one sees all tokens, the first of them.
fn period(settings: &Settings, layers: usize) -> Result<usize, StageError> {
    const KEY: &str = "layer_types";
    let Some(types) = settings.given(KEY) else {
        return settings.size_or("global_attn_every_n_layers", 3);
    };
    let refusal = |reason: &str| {
        let reason = format!("is {types}: {reason}");
        let remedy = "give an encoder whose layers see all tokens at equal distances";
        Err(settings.refusal(KEY, &reason, remedy))
    };
    let types: Vec<Option<&str>> = match types {
        Value::Array(types) => types.iter().map(Value::as_str).collect(),
        _ => return refusal("no list"),
    };
    if types.len() != layers {
        return refusal(&format!("there are {layers} layers"));
    }
    let is_full = |kind: &&Option<&str>| **kind == Some(FULL);
    let period = 1 + types.iter().skip(1).take_while(|it| !is_full(it)).count();
    let in_turn = |layer: usize| match layer % period {
        0 => FULL,
        _ => WINDOW,
    };
    let mut all = types.iter().enumerate();
    match all.all(|(layer, kind)| *kind == Some(in_turn(layer))) {
        true => Ok(period),
        false => refusal("they are not in turn"),
    }
}

impl Family for ModernBert {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &[PREFIX]
    }

    fn body(&self) -> Vec<Parameter> {
        let Sizes {
            vocabulary, hidden, ..
        } = self.sizes;
        vec![
            Parameter::new("embeddings.tok_embeddings.weight", &[vocabulary, hidden]),
            Parameter::new("embeddings.norm.weight", &[hidden]),
            Parameter::new("final_norm.weight", &[hidden]),
        ]
    }

    fn layer(&self, layer: usize) -> Vec<Parameter> {
        let Sizes { hidden, inner, .. } = self.sizes;
        let name = |rest: &str| format!("layers.{layer}.{rest}.weight");
        let mut parameters = vec![
            Parameter::new(name("attn.Wqkv"), &[3 * hidden, hidden]),
            Parameter::new(name("attn.Wo"), &[hidden, hidden]),
            Parameter::new(name("mlp_norm"), &[hidden]),
            Parameter::new(name("mlp.Wi"), &[2 * inner, hidden]),
            Parameter::new(name("mlp.Wo"), &[hidden, inner]),
        ];
        // The embeddings are normalised already. candle would do without in any layer.
        if layer > 0 {
            parameters.push(Parameter::new(name("attn_norm"), &[hidden]));
        }
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
        let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        let model = modernbert::ModernBert::load(weights.rename_f(bare), &config)?;
        model.forward(ids, &ids.ones_like()?)
    }
}

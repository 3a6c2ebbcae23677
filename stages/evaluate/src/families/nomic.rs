//! NomicBERT (Nussbaum et al. 2024): post-layer-norm BERT without biases, with rotary positions and SwiGLU.

use candle_core::Tensor;
use candle_nn::VarBuilder;
use candle_transformers::models::nomic_bert::{Config, NomicBertModel};
use contract::StageError;

use super::settings::Settings;
use super::{Family, Parameter, Sizes};

/// A setting that the configurations of Nomic's own code have, and those of transformers' class do not.
const OWN: &str = "n_embd";

pub(super) struct NomicBert {
    sizes: Sizes,
    config: Config,
}

impl NomicBert {
    /// Reads a configuration, of Nomic's own code or of transformers' class. The tensors have one set of names.
    ///
    /// # Errors
    /// When it lacks something, or has something that candle does not compute, or computes without a reference that it was compared
    /// with: biases, other activation functions, positions that are turned in part, normalisation before sub-layers, experts.
    pub(super) fn read(settings: &Settings) -> Result<Self, StageError> {
        for (key, accepted) in [
            ("activation_function", &["\"swiglu\""][..]),
            ("hidden_act", &["\"silu\""]),
            ("qkv_proj_bias", &["false"]),
            ("mlp_fc1_bias", &["false"]),
            ("mlp_fc2_bias", &["false"]),
            ("prenorm", &["false"]),
            ("parallel_block", &["false"]),
            ("use_rms_norm", &["false"]),
            ("causal", &["false"]),
            ("scale_attn_weights", &["true"]),
            ("scale_attn_by_inverse_layer_idx", &["false"]),
            ("rotary_emb_fraction", &["1.0", "1"]),
            ("rotary_emb_interleaved", &["false"]),
            ("rotary_emb_scale_base", &[]),
            ("num_experts", &["0"]),
            ("moe_every_n_layers", &["0"]),
        ] {
            settings.only(key, accepted)?;
        }
        let is_own = settings.given(OWN).is_some();
        let sizes = Sizes {
            vocabulary: settings.size(&["vocab_size"])?,
            hidden: settings.size(&["hidden_size", OWN])?,
            layers: settings.size(&["num_hidden_layers", "n_layer"])?,
            heads: settings.size(&["num_attention_heads", "n_head"])?,
            inner: settings.size(&["intermediate_size", "n_inner"])?,
            maps: 3,
            longest: longest(settings)?,
        };
        settings.check_heads(&sizes, true)?;
        let width = sizes.hidden / sizes.heads;
        settings.only("head_dim", &[&width.to_string()])?;
        if is_own {
            // Where Nomic's code says nothing, it takes what GPT-2 has.
            for key in ["activation_function", "rotary_emb_fraction"] {
                if settings.given(key).is_none() {
                    return Err(settings.refusal(key, "is missing", "give the whole file"));
                }
            }
        }
        let (epsilon, base) = match is_own {
            true => (
                settings.number("layer_norm_epsilon")?,
                settings.number("rotary_emb_base")?,
            ),
            false => (
                settings.number_or("layer_norm_eps", 1e-12)?,
                settings
                    .rotary_base(settings.given("rope_parameters"))?
                    .unwrap_or(1000.0),
            ),
        };
        let config = Config {
            vocab_size: sizes.vocabulary,
            n_embd: sizes.hidden,
            n_head: sizes.heads,
            n_layer: sizes.layers,
            n_inner: sizes.inner,
            n_positions: sizes.longest,
            type_vocab_size: settings.size_or("type_vocab_size", 2)?,
            layer_norm_epsilon: epsilon,
            rotary_emb_fraction: 1.0,
            rotary_emb_base: base,
            rotary_emb_interleaved: false,
            qkv_proj_bias: false,
            mlp_fc1_bias: false,
            mlp_fc2_bias: false,
            activation_function: "swiglu".to_owned(),
            prenorm: false,
            model_type: None,
        };
        Ok(Self { sizes, config })
    }
}

/// Returns the most tokens of a sequence. Where the file has a factor for longer ones, rotary positions change beyond the length of
/// pre-training, and candle's do not.
fn longest(settings: &Settings) -> Result<usize, StageError> {
    if settings.given("rotary_scaling_factor").is_some() {
        return settings.size_or("max_trained_positions", 2048);
    }
    match settings.given("n_positions").is_some() {
        true => settings.size(&["n_positions"]),
        false => settings.size_or("max_position_embeddings", 2048),
    }
}

impl Family for NomicBert {
    fn sizes(&self) -> Sizes {
        self.sizes
    }

    fn prefixes(&self) -> &'static [&'static str] {
        &["nomic_bert.", "bert."]
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
        parameters.extend(Parameter::norm("emb_ln", sizes.hidden));
        parameters
    }

    fn layer(&self, layer: usize) -> Vec<Parameter> {
        let Sizes { hidden, inner, .. } = self.sizes;
        let name = |rest: &str| format!("encoder.layers.{layer}.{rest}");
        let matrix = |rest: &str, outputs, inputs| {
            Parameter::new(format!("{}.weight", name(rest)), &[outputs, inputs])
        };
        let mut parameters = vec![
            matrix("attn.Wqkv", 3 * hidden, hidden),
            matrix("attn.out_proj", hidden, hidden),
            matrix("mlp.fc11", inner, hidden),
            matrix("mlp.fc12", inner, hidden),
            matrix("mlp.fc2", hidden, inner),
        ];
        for norm in ["norm1", "norm2"] {
            parameters.extend(Parameter::norm(&name(norm), hidden));
        }
        parameters
    }

    fn hidden_states(
        &self,
        weights: VarBuilder<'static>,
        ids: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let config = Config {
            n_positions: ids.dim(1)?,
            ..self.config.clone()
        };
        NomicBertModel::load(weights, &config)?.forward(ids, None, None)
    }
}

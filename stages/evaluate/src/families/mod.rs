//! Encoders of families that the crate `encoder` does not compute, through candle-transformers.
//!
//! A family is a file here: it reads `config.json`, refusing by name what candle-transformers does not look at or takes to be otherwise, and
//! names every parameter with its shape, so that none is missing, of another shape or not finite when candle gets them (`weights`).
//! Of hidden states there are those of the last layer alone. Text becomes ids as `tokenizer.json` says (`tokens`).
//!
//! The sequences of a batch have one length, so there is neither padding nor a mask, and the model of a batch has room for that
//! length and no more: candle makes its tables of positions for as many as it is told of, of JinaBERT's a square of them a head.

mod jina;
mod modernbert;
mod nomic;
mod settings;
mod tokens;
mod weights;
mod xlm_roberta;

#[cfg(test)]
mod tests;

use std::path::Path;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use contract::{Context, StageError, read_json};
use encoder::Pooling;
use serde_json::{Map, Value};

use crate::encode::Engine;
use settings::Settings;
use tokens::Tokens;

/// The file of the configuration in a Hugging Face folder.
const CONFIG: &str = "config.json";

/// The families, by the name that their configurations have (JinaBERT's are called `bert`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    ModernBert,
    XlmRoberta,
    NomicBert,
    JinaBert,
}

impl Name {
    /// Returns the family that a configuration belongs to, if it is one of these.
    fn of(config: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        match text("model_type")? {
            "modernbert" => Some(Self::ModernBert),
            "xlm-roberta" => Some(Self::XlmRoberta),
            "nomic_bert" => Some(Self::NomicBert),
            "bert" => {
                let code = config.get("auto_map").map(Value::to_string);
                let is_jina = text("position_embedding_type") == Some("alibi")
                    || code.is_some_and(|code| code.contains("jinaai/"));
                is_jina.then_some(Self::JinaBert)
            }
            _ => None,
        }
    }

    /// Returns the family of the encoder in a folder. `None` as well where there is no configuration, or one that cannot be read: what
    /// loads the encoder says so.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        Self::of(&read_json(&folder.join(CONFIG), "").ok()?)
    }

    /// Returns the family's name for people.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::ModernBert => "ModernBERT",
            Self::XlmRoberta => "XLM-RoBERTa",
            Self::NomicBert => "NomicBERT",
            Self::JinaBert => "JinaBERT",
        }
    }

    fn read(self, settings: &Settings) -> Result<Box<dyn Family>, StageError> {
        Ok(match self {
            Self::ModernBert => Box::new(modernbert::ModernBert::read(settings)?),
            Self::XlmRoberta => Box::new(xlm_roberta::XlmRoberta::read(settings)?),
            Self::NomicBert => Box::new(nomic::NomicBert::read(settings)?),
            Self::JinaBert => Box::new(jina::JinaBert::read(settings)?),
        })
    }
}

/// Refuses an encoder of one of these families, for the own engine.
///
/// # Errors
/// When it is one; the error names the family, and the engine that computes it.
pub(crate) fn refuse(folder: &Path) -> Result<(), StageError> {
    let Some(name) = Name::of_folder(folder) else {
        return Ok(());
    };
    Err(StageError::input(
        folder.join(CONFIG).display(),
        format!(
            "the own engine computes BERT, RoBERTa and DistilBERT, and no {}",
            name.told()
        ),
        "set `engine = \"candle\"`, whose vectors have the same bits on processors of one kind alone",
    ))
}

/// Returns the floating-point operations per token in the matrix products of one forward pass through the layers of the encoder whose
/// `config.json` this is, if it is of one of these families.
pub(crate) fn token_operations(config: &Path) -> Option<f64> {
    let settings = Settings::read(config).ok()?;
    let family = Name::of(settings.map())?.read(&settings).ok()?;
    Some(family.sizes().token_operations())
}

/// The sizes of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Token ids are below it.
    pub(crate) vocabulary: usize,
    /// Width of a hidden state.
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// Width between the feed-forward maps.
    pub(crate) inner: usize,
    /// Number of feed-forward maps: two, or three where one of them is a gate.
    pub(crate) maps: usize,
    /// The most tokens of a sequence, special tokens included.
    pub(crate) longest: usize,
}

impl Sizes {
    /// Returns the operations per token in the layers' matrix products: a multiplication and an addition for each weight.
    fn token_operations(self) -> f64 {
        let [layers, hidden, inner, maps] =
            [self.layers, self.hidden, self.inner, self.maps].map(|size| size as f64);
        2.0 * layers * (4.0 * hidden * hidden + maps * hidden * inner)
    }

    /// Returns the operations of a forward pass over sequences of these lengths, those between tokens included.
    fn operations(self, lengths: &[usize]) -> f64 {
        let [layers, hidden] = [self.layers, self.hidden].map(|size| size as f64);
        let of_sequence = |&length: &usize| {
            let length = length as f64;
            length * (self.token_operations() + 4.0 * length * hidden * layers)
        };
        lengths.iter().map(of_sequence).sum()
    }
}

/// A parameter: its name in a checkpoint without a head, and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
}

impl Parameter {
    fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
        }
    }

    /// Returns weight and bias of a layer normalisation.
    fn norm(module: &str, width: usize) -> [Self; 2] {
        ["weight", "bias"].map(|part| Self::new(format!("{module}.{part}"), &[width]))
    }

    /// Returns weight and bias of a map.
    fn linear(module: &str, inputs: usize, outputs: usize) -> [Self; 2] {
        [
            Self::new(format!("{module}.weight"), &[outputs, inputs]),
            Self::new(format!("{module}.bias"), &[outputs]),
        ]
    }
}

/// A family of encoders, with the configuration of one of them.
pub(crate) trait Family: Send + Sync {
    fn sizes(&self) -> Sizes;

    /// Returns what the names of the encoder's parameters may begin with, in checkpoints with a head. Without one it is nothing.
    fn prefixes(&self) -> &'static [&'static str];

    /// Returns the parameters outside the layers, that of the words first.
    fn body(&self) -> Vec<Parameter>;

    /// Returns the parameters of a layer.
    fn layer(&self, layer: usize) -> Vec<Parameter>;

    /// Returns the hidden states of the last layer, `[sequences, length, hidden]`, for ids `[sequences, length]` without padding.
    fn hidden_states(
        &self,
        weights: VarBuilder<'static>,
        ids: &Tensor,
    ) -> candle_core::Result<Tensor>;
}

/// An encoder of one of these families, with its tokenizer.
pub(crate) struct CandleEncoder {
    name: Name,
    family: Box<dyn Family>,
    weights: VarBuilder<'static>,
    tokens: Tokens,
}

impl CandleEncoder {
    /// Reads a Hugging Face folder.
    ///
    /// # Errors
    /// When the encoder is of another family, has a setting that is not computed here, a file or a parameter is missing or damaged, or
    /// the run asks to stop.
    pub(crate) fn load(folder: &Path, context: &Context) -> Result<Self, StageError> {
        let settings = Settings::read(&folder.join(CONFIG))?;
        let Some(name) = Name::of(settings.map()) else {
            let found = settings.map().get("model_type").cloned();
            let found = found.unwrap_or_default();
            return Err(match found.as_str() {
                Some("bert" | "roberta" | "roberta-prelayernorm" | "distilbert") => settings.refusal(
                    "model_type",
                    &format!("is {found}, which the own engine computes"),
                    "leave `engine` out, or set it to own",
                ),
                _ => settings.refusal(
                    "model_type",
                    &format!("is {found}, and candle computes modernbert, xlm-roberta, nomic_bert, and bert with alibi (JinaBERT)"),
                    "give an encoder of one of these families, or of BERT's to the own engine",
                ),
            });
        };
        let family = name.read(&settings)?;
        let tokens = Tokens::load(folder)?;
        tokens.check_embedded(family.sizes().vocabulary)?;
        let weights = weights::load(folder, &*family, context)?;
        Ok(Self {
            name,
            family,
            weights,
            tokens,
        })
    }

    pub(crate) fn name(&self) -> Name {
        self.name
    }

    pub(crate) fn sizes(&self) -> Sizes {
        self.family.sizes()
    }

    /// Returns the most tokens of a sequence by the tokenizer's files, if they say it.
    pub(crate) fn said_length(&self) -> Option<usize> {
        self.tokens.said_length()
    }

    /// Returns the hidden states of the last layer, of sequences of one length.
    fn hidden_states(&self, ids: &[&[u32]]) -> candle_core::Result<Vec<Vec<Vec<f32>>>> {
        let (sequences, length) = (ids.len(), ids.first().map_or(0, |ids| ids.len()));
        let ids = Tensor::from_vec(ids.concat(), (sequences, length), &Device::Cpu)?;
        let states = self.family.hidden_states(self.weights.clone(), &ids)?;
        states.to_vec3()
    }
}

impl Engine for &CandleEncoder {
    fn tokens(&self, text: &str, max_length: usize) -> Result<(Vec<u32>, bool), StageError> {
        self.tokens.single(text, max_length)
    }

    fn prompt(&self, text: &str, max_length: usize) -> Result<usize, StageError> {
        self.tokens.beginning(text, max_length)
    }

    fn is_even(&self) -> bool {
        true
    }

    fn vectors(
        &self,
        ids: &[&[u32]],
        pooling: Pooling,
        skip: usize,
    ) -> Result<Vec<Vec<f32>>, StageError> {
        let states = self.hidden_states(ids).map_err(StageError::failed)?;
        let vectors = states.iter().map(|states| pool(states, pooling, skip));
        Ok(vectors.collect())
    }

    fn operations(&self, lengths: &[usize]) -> f64 {
        self.sizes().operations(lengths)
    }
}

/// Whether a pooling is over the last layer alone, of which there are hidden states.
pub(crate) fn pools(pooling: Pooling) -> bool {
    matches!(pooling, Pooling::Cls | Pooling::Mean | Pooling::Max)
}

/// Makes one vector of a sequence's hidden states, as [`Pooling`] does: sums are made in 64 bits, averages and maxima leave out the first
/// `skip` tokens, and those of no tokens are zero.
fn pool(states: &[Vec<f32>], pooling: Pooling, skip: usize) -> Vec<f32> {
    let tokens = &states[skip.min(states.len())..];
    let column = |place: usize| tokens.iter().map(move |state| state[place]);
    let width = states.first().map_or(0, Vec::len);
    match pooling {
        Pooling::Cls => states.first().cloned().unwrap_or_default(),
        _ if tokens.is_empty() => vec![0.0; width],
        Pooling::Max => (0..width)
            .map(|place| column(place).fold(f32::NEG_INFINITY, f32::max))
            .collect(),
        _ => (0..width)
            .map(|place| {
                let sum: f64 = column(place).map(f64::from).sum();
                (sum / tokens.len() as f64) as f32
            })
            .collect(),
    }
}

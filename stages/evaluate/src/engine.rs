//! The parameter `engine`: what computes the hidden states of an encoder.

use contract::{Device, Field, FieldDefault, FieldType, KeyPolicy, Params};
use encoder::DeclaredPrecision;
use serde::Deserialize;

/// The numerics class of hidden states that candle computes.
///
/// It promises less than the classes of `kernels::numerics`: the same inputs give the same bits with the same program on the same
/// kind of processor, for any number of threads. It promises nothing between kinds: candle's matrix products are those of the crate
/// gemm, which takes the instructions that a processor has and splits sums by the sizes of its caches, and exponentials are those of the
/// system's C library.
///
/// The number rises with every change that alters bits, and so whenever candle or gemm is raised.
pub const CANDLE_CLASS: &str = "candle-cpu/1";

/// What computes hidden states, as a stage's parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeclaredEngine {
    /// The engine of the crate `encoder`: BERT, RoBERTa and DistilBERT, with the same bits on every processor.
    #[default]
    Own,
    /// candle-transformers: the families of `families`, in the numerics class [`CANDLE_CLASS`].
    Candle,
}

impl DeclaredEngine {
    /// The field that declares the parameter. It came after results that the own engine had made, which keep their keys.
    pub const FIELD: Field = Field::new(
        "engine",
        FieldType::Choice(&["own", "candle"]),
        FieldDefault::Text("own"),
        "What computes hidden states. own: BERT, RoBERTa, DistilBERT, the same bits on every processor; candle: ModernBERT, \
                XLM-RoBERTa, NomicBERT, JinaBERT, the same bits on processors of one kind alone.",
    )
    .keyed(KeyPolicy::Unless(FieldDefault::Text("own")));

    /// Returns the numerics class of a job of a stage with this field and that of the precision, from its complete parameters: a
    /// [`contract::NumericsOf`].
    pub fn numerics(params: &Params, device: Device) -> &'static str {
        let declared = params.0.get(Self::FIELD.name);
        let declared = declared.and_then(|value| Self::deserialize(value).ok());
        match declared.unwrap_or_default() {
            Self::Own => DeclaredPrecision::numerics(params, device),
            Self::Candle => CANDLE_CLASS,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_from_engine_and_precision() {
        let class = |params: serde_json::Value| {
            let params = params.as_object().cloned().unwrap_or_default();
            DeclaredEngine::numerics(&Params(params), Device::Cpu)
        };
        assert_eq!(class(json!({})), "cpu-f32/2");
        assert_eq!(class(json!({ "engine": "own" })), "cpu-f32/2");
        assert_eq!(
            class(json!({ "engine": "own", "precision": "bf16" })),
            "cpu-bf16/3"
        );
        assert_eq!(
            class(json!({ "engine": "candle", "precision": "f32" })),
            "candle-cpu/1"
        );
    }
}

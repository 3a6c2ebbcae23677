//! The parameter `precision`, by which stages choose how operands of matrix products are rounded.

use contract::{Device, Field, FieldDefault, FieldType, Params, StageError};
use kernels::Precision;
use kernels::numerics::{BF16_CLASS, CLASS};
use serde::{Deserialize, Serialize};

/// The environment variable that asks for bfloat16 to be emulated where the processor has no instructions for it.
const IMITATE: &str = "PIPE_IMITATE_BF16";

/// A precision as a stage's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeclaredPrecision {
    /// 32-bit operands.
    F32,
    /// bfloat16 operands; sums, statistics, weights and residual stream stay in 32 bits.
    Bf16,
}

/// Whether emulation was asked for: by any value other than an empty one and `0`.
fn is_imitated() -> bool {
    std::env::var_os(IMITATE).is_some_and(|value| !value.is_empty() && value != "0")
}

impl DeclaredPrecision {
    /// The field that declares the parameter.
    pub const FIELD: Field = Field::new(
        "precision",
        FieldType::Choice(&["f32", "bf16"]),
        FieldDefault::Text("f32"),
        "Operands of matrix products: 32-bit floats, or bfloat16, which is about 1.6 times as fast where the \
                processor has it.",
    );

    /// Returns the numerics class of a job of a stage with the field, from its complete parameters: a [`contract::NumericsOf`].
    pub fn numerics(params: &Params, device: Device) -> &'static str {
        let declared = params.0.get(Self::FIELD.name);
        let declared = declared.and_then(|value| Self::deserialize(value).ok());
        match (device, declared.unwrap_or(Self::F32)) {
            (_, Self::Bf16) => BF16_CLASS,
            (_, Self::F32) => CLASS,
        }
    }

    /// Returns the precision for computing.
    ///
    /// # Errors
    /// When the processor has no instructions for the precision, and exact but slow emulation was not asked for.
    pub fn resolve(self) -> Result<Precision, StageError> {
        let precision = match self {
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
        };
        if precision.is_native() || is_imitated() {
            return Ok(precision);
        }
        Err(StageError::input(
            Self::FIELD.name,
            "this processor has no instructions for bfloat16 (AVX512-BF16)",
            format!(
                "set precision to f32, or the environment variable {IMITATE}=1 to get the same bits several times slower"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_from_the_precision() {
        let class = |params: serde_json::Value| {
            let params = params.as_object().cloned().unwrap_or_default();
            DeclaredPrecision::numerics(&Params(params), Device::Cpu)
        };
        assert_eq!(class(json!({})), "cpu-f32/2");
        assert_eq!(class(json!({ "precision": "f32" })), "cpu-f32/2");
        assert_eq!(class(json!({ "precision": "bf16" })), "cpu-bf16/3");
    }
}

//! A dense map over sequence vectors, in the form in which sentence-transformers stores one (its module `Dense`).

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use contract::read_json;
use kernels::elementary::tanh_all;
use kernels::{Matrix, Precision, add_bias, multiply};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{self, CONFIG, Stored, WEIGHTS};
use crate::values::with_values;
use crate::weights::WeightsFile;
use crate::{EncoderError, Projection};

/// The greatest width that is believed before the weights are seen.
const WIDEST: usize = 1 << 16;
const WEIGHT: &str = "linear.weight";
const BIAS: &str = "linear.bias";
/// The beginning of the names of activation functions in configurations.
const TANH: &str = "torch.nn.modules.activation.Tanh";
const REMEDY: &str = "give the folder of a module as sentence-transformers saves it";

/// A dense map, for inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// The weight, `[outputs, inputs]`.
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    inputs: usize,
    outputs: usize,
    activation: DenseActivation,
}

/// What is applied to the result of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DenseActivation {
    Identity,
    Tanh,
}

/// The configuration of the module.
#[derive(Debug, Deserialize, Serialize)]
struct Form {
    in_features: usize,
    out_features: usize,
    bias: bool,
    activation_function: String,
}

impl Dense {
    /// Reads the module's folder: `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// When a file is missing or damaged, a tensor has another shape than the configuration says, or the activation function is
    /// neither the identity nor tanh.
    pub fn load(folder: &Path) -> Result<Self, EncoderError> {
        let place = folder.join(CONFIG);
        let form: Form = read_json(&place, REMEDY)?;
        let sizes = [form.in_features, form.out_features];
        if sizes.iter().any(|size| !(1..=WIDEST).contains(size)) {
            let [inputs, outputs] = sizes;
            let reason = format!("a map from {inputs} to {outputs} components");
            return Err(EncoderError::checkpoint(&place, reason, REMEDY));
        }
        let activation = match form.activation_function.rsplit('.').next() {
            Some("Identity") => DenseActivation::Identity,
            Some("Tanh") => DenseActivation::Tanh,
            _ => {
                let name = form.activation_function;
                return Err(EncoderError::checkpoint(
                    &place,
                    format!("the activation function {name} is not supported"),
                    "give a module with Tanh or Identity",
                ));
            }
        };
        let file = WeightsFile::open(&folder.join(WEIGHTS))?;
        let read = |name: &str, shape: &[usize]| -> Result<Vec<f32>, EncoderError> {
            Ok(with_values(&file.tensor(name, shape)?, <[f32]>::to_vec)?)
        };
        Ok(Self {
            weight: read(WEIGHT, &[form.out_features, form.in_features])?,
            bias: match form.bias {
                true => Some(read(BIAS, &[form.out_features])?),
                false => None,
            },
            inputs: form.in_features,
            outputs: form.out_features,
            activation,
        })
    }

    /// Returns the number of components of a vector that the map takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of components of a vector that the map gives.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns weight and bias as a pooler of hidden states of that width.
    ///
    /// # Errors
    /// When the map has other widths, no bias, or another activation function than tanh.
    pub(crate) fn as_pooler(&self, width: usize) -> Result<[Tensor; 2], EncoderError> {
        match &self.bias {
            Some(bias) if self.is_pooler(width) => Ok([
                Tensor::from_slice(&self.weight, (width, width), &Device::Cpu)?,
                Tensor::from_slice(bias, width, &Device::Cpu)?,
            ]),
            _ => Err(EncoderError::invalid(
                "pooler",
                format!(
                    "a map from {} to {} components is none",
                    self.inputs, self.outputs
                ),
                "leave the pooler to be new",
            )),
        }
    }

    /// Whether the map is what Hugging Face calls a pooler of hidden states of that width: as wide as they are, with a bias and tanh.
    pub fn is_pooler(&self, width: usize) -> bool {
        let is_square = [self.inputs, self.outputs] == [width; 2];
        is_square && self.bias.is_some() && self.activation == DenseActivation::Tanh
    }

    /// Returns the mapped vectors, `[vectors, outputs]`, of `vectors`, `[vectors, inputs]`. A vector's result does not depend on the
    /// others.
    ///
    /// # Panics
    /// When the vectors are not whole ones.
    pub fn apply(&self, vectors: &[f32], precision: Precision) -> Vec<f32> {
        assert_eq!(vectors.len() % self.inputs, 0, "vectors of another width");
        let count = vectors.len() / self.inputs;
        let mut output = vec![0.0; count * self.outputs];
        let weight = Matrix::new(&self.weight, self.outputs, self.inputs);
        let vectors = Matrix::new(vectors, count, self.inputs);
        multiply(precision, vectors, weight.transposed(), &mut output, false);
        if let Some(bias) = &self.bias {
            add_bias(&mut output, bias);
        }
        if self.activation == DenseActivation::Tanh {
            tanh_all(&mut output);
        }
        output
    }
}

impl Projection {
    /// Writes the map into `folder`, which is made if need be, as [`Dense::load`] and sentence-transformers read it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), EncoderError> {
        fs::create_dir_all(folder).map_err(EncoderError::io(folder))?;
        let parameters = self.parameters();
        let weight = parameters.value("mlp.dense.weight", false)?;
        let bias = parameters.value("mlp.dense.bias", false)?;
        let (outputs, inputs) = weight.dims2()?;
        let form = Form {
            in_features: inputs,
            out_features: outputs,
            bias: true,
            activation_function: TANH.to_owned(),
        };
        contract::write_json(&folder.join(CONFIG), &form)?;
        let tensors = [
            (BIAS.to_owned(), Stored::Tensor(bias.contiguous()?)),
            (WEIGHT.to_owned(), Stored::Tensor(weight.contiguous()?)),
        ];
        checkpoint::write(&folder.join(WEIGHTS), tensors)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Architecture, Config, Mode, Size};

    fn saved() -> (tempfile::TempDir, Projection) {
        let config = Config::of_size(Size::Nano, Architecture::Bert, 50, 40, 0);
        let projection = Projection::new(&config, 7).unwrap();
        let folder = tempfile::tempdir().unwrap();
        projection.save(folder.path()).unwrap();
        (folder, projection)
    }

    #[test]
    fn a_saved_projection_gives_the_same_bits() {
        let (folder, projection) = saved();
        let dense = Dense::load(folder.path()).unwrap();
        let width = dense.inputs();
        assert_eq!(width, dense.outputs());
        let values: Vec<f32> = (0..3 * width).map(|at| (at as f32 * 0.37).sin()).collect();
        let pooled = Tensor::from_slice(&values, (3, width), &Device::Cpu).unwrap();
        let expected = projection.forward(&pooled, Mode::Evaluate).unwrap();
        let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(dense.apply(&values, Precision::default()), expected);
        assert_eq!(
            dense.apply(&values[width..], Precision::default()),
            expected[width..]
        );
    }

    #[test]
    fn what_is_not_a_whole_module_is_refused_by_name() {
        let (folder, _) = saved();
        let config = folder.path().join(CONFIG);
        let whole = fs::read_to_string(&config).unwrap();
        let refusal = |text: &str| {
            fs::write(&config, text).unwrap();
            Dense::load(folder.path()).unwrap_err().to_string()
        };
        let found = refusal(&whole.replace(TANH, "torch.nn.modules.activation.ReLU"));
        assert!(found.contains("ReLU is not supported"), "{found}");
        let found = refusal(&whole.replace("\"in_features\": 6", "\"in_features\": 7"));
        assert!(found.contains("`linear.weight` has shape"), "{found}");
        let found = refusal(&whole.replace("\"out_features\": 6", "\"out_features\": 999999999"));
        assert!(found.contains("components"), "{found}");
        fs::write(&config, whole).unwrap();
        fs::write(folder.path().join(WEIGHTS), b"").unwrap();
        let found = Dense::load(folder.path()).unwrap_err().to_string();
        assert!(found.contains("the file is empty"), "{found}");
    }
}

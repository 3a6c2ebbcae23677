//! Scaling of components: activation normalisation of Glow (Kingma and Dhariwal 2018, section 3.1).

/// The factor between a stored logarithm and that of the scale, which lets the scale learn faster (`logscale_factor` of
/// tensor2tensor's `glow_ops.py`, which BERT-flow uses).
const FACTOR: f64 = 3.0;
/// What keeps the scale of a component without variance finite.
const LEAST: f64 = 1e-6;

/// y = (x + bias) · scale, for each component.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    bias: Vec<f64>,
    scale: Vec<f64>,
    /// The sum of the logarithms of the scales.
    pub(crate) log_determinant: f64,
}

/// The gradients of an affine map.
pub(crate) struct AffineGradient<'a> {
    pub(crate) bias: &'a mut [f64],
    pub(crate) log_scale: &'a mut [f64],
}

impl Affine {
    /// Makes the map of stored parameters.
    pub(crate) fn new(bias: &[f32], log_scale: &[f32]) -> Self {
        let logs = log_scale.iter().map(|log| FACTOR * f64::from(*log));
        Self {
            bias: bias.iter().map(|value| f64::from(*value)).collect(),
            scale: logs.clone().map(kernels::exp).collect(),
            log_determinant: logs.sum(),
        }
    }

    /// Returns the stored parameters, bias and log-scale, of the map that gives these rows a mean of zero and a variance of one.
    pub(crate) fn normalising(rows: &[Vec<f64>], width: usize) -> (Vec<f32>, Vec<f32>) {
        let count = rows.len() as f64;
        let mean = |of: &dyn Fn(&Vec<f64>) -> f64| rows.iter().map(of).sum::<f64>() / count;
        let one = |at: usize| {
            let bias = -mean(&|row| row[at]);
            let variance = mean(&|row| (row[at] + bias) * (row[at] + bias));
            let log_scale = -kernels::ln(variance.sqrt() + LEAST) / FACTOR;
            (bias as f32, log_scale as f32)
        };
        (0..width).map(one).unzip()
    }

    /// Maps `values` in place.
    pub(crate) fn apply(&self, values: &mut [f64]) {
        for ((value, bias), scale) in values.iter_mut().zip(&self.bias).zip(&self.scale) {
            *value = (*value + bias) * scale;
        }
    }

    /// Turns the gradient of the mapped values, `mapped`, into that of the values before, and adds those of the parameters.
    pub(crate) fn backward(
        &self,
        mapped: &[f64],
        gradient: &mut [f64],
        into: &mut AffineGradient<'_>,
    ) {
        for (at, gradient) in gradient.iter_mut().enumerate() {
            into.log_scale[at] += FACTOR * *gradient * mapped[at];
            *gradient *= self.scale[at];
            into.bias[at] += *gradient;
        }
    }

    /// Subtracts from the gradient of the log-scales what the logarithm of the determinant gives to the likelihood.
    pub(crate) fn subtract_determinant(into: &mut AffineGradient<'_>) {
        into.log_scale.iter_mut().for_each(|value| *value -= FACTOR);
    }

    /// Undoes [`Affine::apply`].
    #[cfg(test)]
    pub(crate) fn invert(&self, values: &mut [f64]) {
        for ((value, bias), scale) in values.iter_mut().zip(&self.bias).zip(&self.scale) {
            *value = *value / scale - bias;
        }
    }
}

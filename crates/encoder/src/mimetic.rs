//! Initial weights that resemble those of a trained encoder.
//!
//! Trained transformers have value and output maps whose product is near a multiple of the identity, query and key maps
//! that agree, and position embeddings that vary smoothly. With such initial weights (Trockman and Kolter, *Mimetic
//! Initialization of Self-Attention Layers*, ICML 2023, sections 3 and 4) tokens attend to near and to equal tokens from the
//! first update on. A narrow encoder on a small budget otherwise spends most of the budget on learning that.
//!
//! Here: keys begin as queries; value and output maps have [`IDENTITY`] added to their diagonals; positions begin as
//! sinusoids of amplitude [`AMPLITUDE`] (Vaswani et al. 2017, section 3.5), with wavelengths from 2π to 20π tokens in
//! place of 20000π, since sequences are short.

use candle_core::{Device, Tensor};

use crate::names::{Module, Names, POSITIONS};
use crate::{Config, EncoderError, Parameters};

/// The number added to the diagonals of value and output maps.
const IDENTITY: f32 = 0.3;
/// The amplitude of the position sinusoids.
const AMPLITUDE: f64 = 0.2;
/// The ratio of the longest wavelength to the shortest.
const LONGEST: f64 = 10.0;

/// Sets the parameters of a new encoder to the mimetic start.
pub(crate) fn start(
    config: &Config,
    names: &Names,
    parameters: &Parameters,
) -> Result<(), EncoderError> {
    let width = config.hidden_size;
    let positions = sinusoids(config.max_position_embeddings, width);
    let shape = (config.max_position_embeddings, width);
    let positions = Tensor::from_vec(positions, shape, &Device::Cpu)?;
    parameters.set(&names.body(POSITIONS), &positions)?;
    let mut diagonal = vec![0.0_f32; width * width];
    for place in 0..width {
        diagonal[place * (width + 1)] = IDENTITY;
    }
    let diagonal = Tensor::from_vec(diagonal, (width, width), &Device::Cpu)?;
    for layer in 0..config.num_hidden_layers {
        let name = |module| format!("{}.weight", names.layer(layer, module));
        let query = parameters.value(&name(Module::Query), false)?;
        parameters.set(&name(Module::Key), &query.copy()?)?;
        for module in [Module::Value, Module::AttentionOutput] {
            let weight = parameters.value(&name(module), false)?;
            parameters.set(&name(module), &(weight + &diagonal)?)?;
        }
    }
    Ok(())
}

/// Returns a `[positions, width]` table: sines in the first half of each row, cosines in the second.
///
/// Angles are added up by rotation, from IEEE operations alone, so that every machine gives the same bits.
fn sinusoids(positions: usize, width: usize) -> Vec<f32> {
    let waves = width / 2;
    // The frequencies are 1, r, r², … down to nearly 1 / LONGEST.
    let ratio = exponential(-kernels::ln(LONGEST) / waves.max(1) as f64);
    let mut table = vec![0.0_f32; positions * width];
    let mut frequency = 1.0;
    for wave in 0..waves {
        let (step_sine, step_cosine) = sine_and_cosine(frequency);
        let (mut sine, mut cosine) = (0.0, 1.0);
        for position in 0..positions {
            table[position * width + wave] = (AMPLITUDE * sine) as f32;
            table[position * width + waves + wave] = (AMPLITUDE * cosine) as f32;
            (sine, cosine) = (
                sine * step_cosine + cosine * step_sine,
                cosine * step_cosine - sine * step_sine,
            );
        }
        frequency *= ratio;
    }
    table
}

/// Returns e^x for |x| ≤ 3, by its series.
fn exponential(x: f64) -> f64 {
    (1..=40)
        .rev()
        .fold(1.0, |sum, n| 1.0 + sum * x / f64::from(n))
}

/// Returns sine and cosine of 0 ≤ x ≤ 1, by their series.
fn sine_and_cosine(x: f64) -> (f64, f64) {
    let series = |first: i32| {
        (0..12).rev().fold(1.0, |sum, n| {
            let factor = f64::from((2 * n + first) * (2 * n + first + 1));
            1.0 - sum * x * x / factor
        })
    };
    (x * series(2), series(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_agree_with_the_library() {
        for step in 0..=100 {
            let x = f64::from(step) / 100.0;
            let (sine, cosine) = sine_and_cosine(x);
            assert!(
                (sine - x.sin()).abs() < 1e-15 && (cosine - x.cos()).abs() < 1e-15,
                "{x}"
            );
            assert!(
                (exponential(-3.0 * x) - (-3.0 * x).exp()).abs() < 1e-14,
                "{x}"
            );
        }
    }

    #[test]
    fn sinusoids_are_those_of_their_angles() {
        let (positions, width) = (64, 16);
        let table = sinusoids(positions, width);
        for position in 0..positions {
            for wave in 0..width / 2 {
                let frequency = LONGEST.powf(-(wave as f64) / (width / 2) as f64);
                let angle = position as f64 * frequency;
                let at = position * width + wave;
                assert!((f64::from(table[at]) - AMPLITUDE * angle.sin()).abs() < 1e-7);
                let cosine = f64::from(table[at + width / 2]);
                assert!((cosine - AMPLITUDE * angle.cos()).abs() < 1e-7);
            }
        }
    }
}

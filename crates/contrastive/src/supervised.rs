//! The supervised contrastive loss of a batch of vectors with classes, and its gradient.
//!
//! With the unit vectors u of the vectors, the loss of example i is
//!
//! −1 / |P(i)| · Σ_{j ∈ P(i)} log e^(uᵢ · uⱼ / τ) / Σ_{k ≠ i} e^(uᵢ · u_k / τ),
//!
//! where P(i) are the other examples of its class (Khosla et al. 2020, equation 2; Gunel et al., *Supervised Contrastive Learning for
//! Pre-trained Language Model Fine-tuning*, ICLR 2021, equation 3). An example that is alone of its class has none, and contributes 0.

use kernels::{Matrix, Precision, cross_entropy, multiply};

use crate::Similarity;
use crate::compared::Compared;

/// What decides the loss beside vectors and classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supervised {
    /// τ, by which cosines are divided.
    pub temperature: f64,
}

impl Supervised {
    /// Returns the loss of `vectors`, `[classes, width]`, in nats, summed over the examples, and its gradient with respect to the
    /// vectors.
    ///
    /// # Panics
    /// When there are not as many vectors as classes.
    pub fn of(self, vectors: &[f32], classes: &[u32], width: usize) -> (f64, Vec<f32>) {
        let count = classes.len();
        assert_eq!(vectors.len(), count * width);
        if count < 2 {
            return (0.0, vec![0.0; vectors.len()]);
        }
        let units = Compared::new(Similarity::Cosine, vectors, width);
        let matrix = || Matrix::new(&units.values, count, width);
        let mut logits = vec![0.0; count * count];
        multiply(
            Precision::F32,
            matrix(),
            matrix().transposed(),
            &mut logits,
            false,
        );
        let factor = (1.0 / self.temperature) as f32;
        let mut losses = vec![0.0; count];
        // Row by row, the logits become the gradients of their loss.
        for (example, (row, loss)) in logits.chunks_exact_mut(count).zip(&mut losses).enumerate() {
            row.iter_mut().for_each(|logit| *logit *= factor);
            *loss = among_others(example, row, classes);
            row.iter_mut().for_each(|gradient| *gradient *= factor);
        }
        let of_logits = Matrix::new(&logits, count, count);
        let mut gradients = vec![0.0; count * width];
        // A vector is an anchor once, and one of the others in every other row.
        multiply(Precision::F32, of_logits, matrix(), &mut gradients, false);
        let mut as_others = vec![0.0; count * width];
        multiply(
            Precision::F32,
            of_logits.transposed(),
            matrix(),
            &mut as_others,
            false,
        );
        kernels::add(&mut gradients, &as_others);
        units.before(&mut gradients, width);
        (kernels::sum(&losses), gradients)
    }
}

/// Returns the loss of an example from its logits with all, its own among them, which become the gradient of that loss.
fn among_others(example: usize, row: &mut [f32], classes: &[u32]) -> f64 {
    let others = |at: &usize| *at != example;
    let places: Vec<usize> = (0..row.len()).filter(others).collect();
    let is_positive = |place: usize| classes[place] == classes[example];
    let positives = places.iter().filter(|&&place| is_positive(place)).count();
    let Some(first) = places.iter().position(|&place| is_positive(place)) else {
        row.fill(0.0);
        return 0.0;
    };
    let mut logits: Vec<f32> = places.iter().map(|&place| row[place]).collect();
    let mean = places.iter().filter(|&&place| is_positive(place));
    let mean = kernels::sum(&mean.map(|&at| f64::from(row[at])).collect::<Vec<_>>());
    let mean = mean / positives as f64;
    let to_first = f64::from(logits[first]);
    let mut loss = [0.0];
    cross_entropy(&mut logits, None, &[first as u32], &mut loss);
    // All positives share the target's place.
    logits[first] += 1.0;
    row[example] = 0.0;
    for (&place, share) in places.iter().zip(logits) {
        row[place] = match is_positive(place) {
            true => share - (1.0 / positives as f64) as f32,
            false => share,
        };
    }
    loss[0] + to_first - mean
}

#[cfg(test)]
mod tests;

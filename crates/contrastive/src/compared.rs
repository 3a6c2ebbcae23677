//! Vectors as a loss compares them.

use crate::Similarity;

/// The least norm that a vector is divided by, as in PyTorch's `cosine_similarity`.
const LEAST_NORM: f64 = 1e-8;

/// Vectors as they are compared.
pub(crate) struct Compared {
    pub(crate) values: Vec<f32>,
    /// What each was divided by; empty where they are as they were.
    norms: Vec<f64>,
}

impl Compared {
    pub(crate) fn new(similarity: Similarity, vectors: &[f32], width: usize) -> Self {
        let mut values = vectors.to_vec();
        let mut norms = Vec::new();
        if similarity == Similarity::Cosine {
            for vector in values.chunks_exact_mut(width) {
                let norm = kernels::sum_of_squares(vector).sqrt().max(LEAST_NORM);
                for value in vector.iter_mut() {
                    *value = (f64::from(*value) / norm) as f32;
                }
                norms.push(norm);
            }
        }
        Self { values, norms }
    }

    /// Turns the gradient of the compared vectors into that of the vectors: its part along a vector is lost, the rest is divided by
    /// the vector's norm.
    pub(crate) fn before(&self, gradient: &mut [f32], width: usize) {
        let units = self.values.chunks_exact(width).zip(&self.norms);
        for (gradient, (unit, norm)) in gradient.chunks_exact_mut(width).zip(units) {
            let products = gradient.iter().zip(unit);
            let products = products.map(|(a, b)| f64::from(*a) * f64::from(*b));
            let along = kernels::sum(&products.collect::<Vec<f64>>());
            for (value, unit) in gradient.iter_mut().zip(unit) {
                *value = ((f64::from(*value) - along * f64::from(*unit)) / norm) as f32;
            }
        }
    }
}

//! The contrastive loss of a batch of vectors, and its gradient.
//!
//! With vectors h of the anchors, h⁺ of what belongs to them and perhaps h⁻ of hard negatives, the loss of anchor i is
//!
//! −log e^(s(hᵢ, hᵢ⁺)/τ) / Σⱼ (e^(s(hᵢ, hⱼ⁺)/τ) + α^[i=j] e^(s(hᵢ, hⱼ⁻)/τ)),
//!
//! where s is the cosine (Gao et al. 2021, equations 1, 5 and 8: the weight α counts for an anchor's own hard negative alone). In one
//! direction only: positives are compared with no other anchor.

use kernels::{Matrix, Precision, cross_entropy, multiply};
use serde::{Deserialize, Serialize};

use crate::compared::Compared;

/// How two vectors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Similarity {
    /// The cosine of the angle between them.
    #[default]
    Cosine,
    /// Their scalar product.
    Dot,
}

impl Similarity {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["cosine", "dot"];
}

/// What decides a loss beside the vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// How vectors are compared.
    pub similarity: Similarity,
    /// τ, by which similarities are divided.
    pub temperature: f64,
    /// α, the weight of an anchor's own hard negative.
    pub negative_weight: f64,
}

/// The loss of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrasted {
    /// The sum over the anchors, in nats.
    pub loss: f64,
    /// The gradient of that sum with respect to the vectors of each view, in the order and shape of the views.
    pub gradients: Vec<Vec<f32>>,
}

impl Contrast {
    /// Returns the loss of `views`: the vectors of anchors, of their positives and perhaps of hard negatives, each `[count, width]`.
    ///
    /// # Panics
    /// When there are not two or three views of one size, or `width` does not divide it.
    pub fn of(&self, views: &[Vec<f32>], width: usize) -> Contrasted {
        let [anchors, others @ ..] = views else {
            panic!("no views");
        };
        assert!(matches!(others.len(), 1 | 2), "{} views", views.len());
        assert!(views.iter().all(|view| view.len() == anchors.len()));
        assert_eq!(anchors.len() % width, 0);
        let count = anchors.len() / width;
        let anchors = Compared::new(self.similarity, anchors, width);
        // Positives, and hard negatives below them.
        let others = Compared::new(self.similarity, &others.concat(), width);
        let columns = others.values.len() / width;
        let matrix = |values, rows| Matrix::new(values, rows, width);
        let mut logits = vec![0.0; count * columns];
        multiply(
            Precision::F32,
            matrix(&anchors.values, count),
            matrix(&others.values, columns).transposed(),
            &mut logits,
            false,
        );
        let factor = (1.0 / self.temperature) as f32;
        logits.iter_mut().for_each(|logit| *logit *= factor);
        if columns > count {
            let weight = kernels::ln(self.negative_weight) as f32;
            for (row, logits) in logits.chunks_exact_mut(columns).enumerate() {
                logits[count + row] += weight;
            }
        }
        let targets: Vec<u32> = (0..count as u32).collect();
        let mut losses = vec![0.0; count];
        // Each row of logits gets the gradient of its loss in its place.
        cross_entropy(&mut logits, None, &targets, &mut losses);
        logits.iter_mut().for_each(|gradient| *gradient *= factor);
        let of_logits = Matrix::new(&logits, count, columns);
        let mut of_anchors = vec![0.0; count * width];
        let inner = matrix(&others.values, columns);
        multiply(Precision::F32, of_logits, inner, &mut of_anchors, false);
        let mut of_others = vec![0.0; columns * width];
        let inner = matrix(&anchors.values, count);
        multiply(
            Precision::F32,
            of_logits.transposed(),
            inner,
            &mut of_others,
            false,
        );
        anchors.before(&mut of_anchors, width);
        others.before(&mut of_others, width);
        let mut gradients = vec![of_anchors];
        gradients.extend(of_others.chunks(count * width).map(<[f32]>::to_vec));
        Contrasted {
            loss: kernels::sum(&losses),
            gradients,
        }
    }
}

#[cfg(test)]
mod tests;

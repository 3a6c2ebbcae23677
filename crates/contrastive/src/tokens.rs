//! The token-level contrastive loss of a sequence, and its gradient (Su et al., *TaCL: Improving BERT Pre-training with Token-aware
//! Contrastive Learning*, Findings of NAACL 2022; `bert_contrastive.py`).
//!
//! A student reads the masked sequence and makes the states s, a frozen teacher reads the sequence as it was and makes t. The loss of
//! a masked place i is
//!
//! −log e^(cos(sᵢ, tᵢ)/τ) / Σⱼ e^(cos(sᵢ, tⱼ)/τ),
//!
//! over all places j of the sequence: a token's state is to be that of the same token, and no other's of the sequence.

use kernels::{Matrix, Precision, cross_entropy, multiply};

use crate::Similarity;
use crate::compared::Compared;

/// What decides the loss beside the states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenContrast {
    /// τ, by which cosines are divided.
    pub temperature: f64,
}

impl TokenContrast {
    /// Returns the loss of a sequence in nats, summed over the places, and its gradient with respect to the student's states there.
    /// `student` are the states at `places`, `[places, width]`, `teacher` those of all tokens, `[tokens, width]`.
    ///
    /// # Panics
    /// When sizes disagree, or a place is not one of the sequence.
    pub fn of(
        self,
        student: &[f32],
        teacher: &[f32],
        places: &[u32],
        width: usize,
    ) -> (f64, Vec<f32>) {
        assert_eq!(student.len(), places.len() * width);
        assert_eq!(teacher.len() % width, 0);
        let tokens = teacher.len() / width;
        let student = Compared::new(Similarity::Cosine, student, width);
        let teacher = Compared::new(Similarity::Cosine, teacher, width);
        let teacher = Matrix::new(&teacher.values, tokens, width);
        let mut logits = vec![0.0; places.len() * tokens];
        multiply(
            Precision::F32,
            Matrix::new(&student.values, places.len(), width),
            teacher.transposed(),
            &mut logits,
            false,
        );
        let factor = (1.0 / self.temperature) as f32;
        logits.iter_mut().for_each(|logit| *logit *= factor);
        let mut losses = vec![0.0; places.len()];
        cross_entropy(&mut logits, None, places, &mut losses);
        logits.iter_mut().for_each(|gradient| *gradient *= factor);
        let of_logits = Matrix::new(&logits, places.len(), tokens);
        let mut gradient = vec![0.0; places.len() * width];
        multiply(Precision::F32, of_logits, teacher, &mut gradient, false);
        student.before(&mut gradient, width);
        (kernels::sum(&losses), gradient)
    }
}

#[cfg(test)]
mod tests;

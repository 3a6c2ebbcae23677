//! Similarities of vectors.

use serde::{Deserialize, Serialize};

use crate::protocol::cosine;

/// The similarities of sentence-transformers (`similarity_fn_name`). Larger values mean more similar vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Similarity {
    /// The cosine of the angle between the vectors, as in SentEval.
    #[default]
    Cosine,
    /// The scalar product of the vectors.
    Dot,
    /// The negative Euclidean norm of the vectors' difference.
    Euclidean,
    /// The negative sum of the absolute values of the vectors' difference.
    Manhattan,
}

impl Similarity {
    /// Whether the similarity is the cosine.
    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
    pub(crate) fn is_cosine(&self) -> bool {
        *self == Self::Cosine
    }

    /// Returns the similarity of two vectors, computed in 64 bits.
    pub fn of(self, left: &[f32], right: &[f32]) -> f64 {
        let pairs = left.iter().zip(right);
        let pairs = pairs.map(|(a, b)| (f64::from(*a), f64::from(*b)));
        match self {
            Self::Cosine => cosine(left, right),
            Self::Dot => pairs.map(|(a, b)| a * b).sum(),
            Self::Euclidean => -pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
            Self::Manhattan => -pairs.map(|(a, b)| (a - b).abs()).sum::<f64>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarities_are_those_of_sentence_transformers() {
        let of = |similarity: Similarity| similarity.of(&[3.0, 4.0], &[0.0, 8.0]);
        assert_eq!(of(Similarity::Cosine), 0.8);
        assert_eq!(of(Similarity::Dot), 32.0);
        assert_eq!(of(Similarity::Euclidean), -5.0);
        assert_eq!(of(Similarity::Manhattan), -7.0);
    }
}

//! How many dimensions vectors use: the effective rank of Roy and Vetterli (2007), e to the entropy of the singular values, normalised
//! to add up to 1.
//!
//! Singular values are the roots of the eigenvalues of XᵀX.

use metrics::eigen;
use rayon::prelude::*;

/// The sum of x xᵀ over vectors x.
pub(crate) struct Gram {
    width: usize,
    /// `[width, width]`, of which the part from the diagonal on is in use.
    sums: Vec<f64>,
}

impl Gram {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            sums: vec![0.0; width * width],
        }
    }

    /// Adds the chosen rows of `rows`, `[rows, width]`, in their order.
    pub(crate) fn add(&mut self, rows: &[f32], chosen: &[usize]) {
        let width = self.width;
        let sums = self.sums.par_chunks_mut(width.max(1)).enumerate();
        sums.for_each(|(first, sums)| {
            for &row in chosen {
                let row = &rows[row * width..][..width];
                let factor = f64::from(row[first]);
                for (sum, &value) in sums[first..].iter_mut().zip(&row[first..]) {
                    *sum += factor * f64::from(value);
                }
            }
        });
    }

    /// Returns the effective rank of the vectors, from 1 to their width; `None` if all are zero, or one is not finite.
    pub(crate) fn effective_rank(self) -> Option<f64> {
        let finite = self.sums.iter().all(|sum| sum.is_finite());
        let values = if finite {
            self.eigenvalues()
        } else {
            Vec::new()
        };
        // Rounding may leave a small negative number where there is a zero.
        let singular: Vec<f64> = values.iter().map(|value| value.max(0.0).sqrt()).collect();
        let sum = kernels::sum(&singular);
        let shares = singular.iter().map(|value| value / sum);
        let terms: Vec<f64> = shares
            .filter(|&share| share > 0.0)
            .map(|share| -share * kernels::ln(share))
            .collect();
        (sum > 0.0).then(|| kernels::exp(kernels::sum(&terms)))
    }

    /// Returns the eigenvalues.
    fn eigenvalues(self) -> Vec<f64> {
        let (width, mut all) = (self.width, self.sums);
        for row in 0..width {
            for column in 0..row {
                all[row * width + column] = all[column * width + row];
            }
        }
        eigen(all, width).values
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kernels::Stream;

    use super::*;

    fn rank(rows: &[f32], width: usize) -> Option<f64> {
        let mut gram = Gram::new(width);
        let all: Vec<usize> = (0..rows.len() / width).collect();
        // In two parts, as batches come.
        let (first, second) = all.split_at(all.len() / 2);
        gram.add(rows, first);
        gram.add(rows, second);
        gram.effective_rank()
    }

    #[test]
    fn known_ranks_are_found() {
        let near = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?}");
        };
        // Orthogonal vectors of one length use all dimensions alike; copies of one vector use one.
        near(
            rank(&[2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, -2.0], 3),
            3.0,
        );
        near(rank(&[0.6, 0.8, 0.6, 0.8, 3.0, 4.0], 2), 1.0);
        // Singular values 3 and 1, in a basis that is turned.
        let turned = [3.0 * 0.6, 3.0 * 0.8, -0.8, 0.6];
        let entropy = -(0.75_f64 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
        let found = rank(&turned, 2).unwrap();
        assert!((found - entropy.exp()).abs() < 1e-6, "{found}");
        assert_eq!(rank(&[0.0; 6], 3), None);
        assert_eq!(rank(&[f32::NAN, 1.0], 2), None);
    }

    /// The rotations keep trace and sum of squares, and leave nothing beside the diagonal.
    #[test]
    fn eigenvalues_have_the_moments_of_the_matrix() {
        let width = 30;
        let mut draws = Stream::new(1, "test").draws(0, 0, 0);
        let rows: Vec<f32> = (0..width * 200)
            .map(|at| (draws.normal_pair()[0] / (1 + at % width) as f64) as f32)
            .collect();
        let mut gram = Gram::new(width);
        gram.add(&rows, &(0..200).collect::<Vec<_>>());
        let mut trace = 0.0;
        let mut squares = 0.0;
        for row in 0..width {
            trace += gram.sums[row * width + row];
            for column in 0..width {
                let element = gram.sums[row.min(column) * width + row.max(column)];
                squares += element * element;
            }
        }
        let values = gram.eigenvalues();
        let found: f64 = values.iter().sum();
        let found_squares: f64 = values.iter().map(|value| value * value).sum();
        assert!((found / trace - 1.0).abs() < 1e-12);
        assert!((found_squares / squares - 1.0).abs() < 1e-12);
    }
}

//! Eigenvalues and eigenvectors of symmetric matrices, by Jacobi's rotations in 64 bits. A library's decomposition would do as well but
//! for its bits: they depend on the instructions of the processor.

/// Sweeps of rotations after which eigenvalues have long settled.
const SWEEPS: usize = 60;

/// Eigenvalues, largest first, with a unit eigenvector each.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// The eigenvalues.
    pub values: Vec<f64>,
    /// The eigenvectors, in the order of the eigenvalues; the largest element of each is positive.
    pub vectors: Vec<Vec<f64>>,
}

/// Decomposes the symmetric matrix `all`, `[width, width]`, by cyclic rotations (Golub and Van Loan, *Matrix Computations*, section 8.5).
///
/// # Panics
/// When the matrix has another size.
pub fn eigen(mut all: Vec<f64>, width: usize) -> Eigen {
    assert_eq!(all.len(), width * width, "a square matrix");
    // Row by row, what the rows of the matrix have become combinations of.
    let mut basis = vec![0.0; width * width];
    for at in 0..width {
        basis[at * width + at] = 1.0;
    }
    let trace = (0..width).map(|at| all[at * width + at].abs()).sum::<f64>();
    let negligible = trace * f64::EPSILON * f64::EPSILON;
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for first in 0..width {
            for second in first + 1..width {
                if all[first * width + second].abs() > negligible {
                    rotate(&mut all, &mut basis, width, first, second);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..width).collect();
    let value = |at: usize| all[at * width + at];
    order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
    let vector = |at: usize| {
        let mut vector = basis[at * width..][..width].to_vec();
        let largest = vector.iter().fold(0.0_f64, |most, value| {
            if value.abs() > most.abs() {
                *value
            } else {
                most
            }
        });
        if largest < 0.0 {
            vector.iter_mut().for_each(|value| *value = -*value);
        }
        vector
    };
    Eigen {
        values: order.iter().map(|&at| value(at)).collect(),
        vectors: order.iter().map(|&at| vector(at)).collect(),
    }
}

/// Makes the element at (p, q) zero, and turns the basis along.
fn rotate(all: &mut [f64], basis: &mut [f64], width: usize, p: usize, q: usize) {
    let (diagonal, between) = ((all[p * width + p], all[q * width + q]), all[p * width + q]);
    let tau = (diagonal.1 - diagonal.0) / (2.0 * between);
    let tangent = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = tangent * cosine;
    for at in 0..width {
        let (one, other) = (all[at * width + p], all[at * width + q]);
        all[at * width + p] = cosine * one - sine * other;
        all[at * width + q] = sine * one + cosine * other;
    }
    for values in [&mut *all, basis] {
        for at in 0..width {
            let (one, other) = (values[p * width + at], values[q * width + at]);
            values[p * width + at] = cosine * one - sine * other;
            values[q * width + at] = sine * one + cosine * other;
        }
    }
    all[p * width + q] = 0.0;
    all[q * width + p] = 0.0;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symmetric(width: usize, numbers: &[f64]) -> Vec<f64> {
        let mut all = vec![0.0; width * width];
        for row in 0..width {
            for column in 0..=row {
                let number = numbers[row * (row + 1) / 2 + column];
                all[row * width + column] = number;
                all[column * width + row] = number;
            }
        }
        all
    }

    proptest! {
        /// A v = λ v for each pair, the vectors are orthonormal, and values fall.
        #[test]
        fn vectors_are_stretched_by_their_values(
            width in 1_usize..12, numbers in prop::collection::vec(-3.0_f64..3.0, 66),
        ) {
            let all = symmetric(width, &numbers);
            let found = eigen(all.clone(), width);
            prop_assert!(found.values.is_sorted_by(|a, b| a >= b));
            for (place, vector) in found.vectors.iter().enumerate() {
                for row in 0..width {
                    let image: f64 = (0..width).map(|at| all[row * width + at] * vector[at]).sum();
                    prop_assert!((image - found.values[place] * vector[row]).abs() < 1e-9);
                }
                for (other, own) in found.vectors.iter().enumerate() {
                    let product: f64 = own.iter().zip(vector).map(|(a, b)| a * b).sum();
                    let expected = if other == place { 1.0 } else { 0.0 };
                    prop_assert!((product - expected).abs() < 1e-9);
                }
            }
        }
    }
}

//! How vectors lie on the unit sphere (Wang and Isola, *Understanding Contrastive Representation Learning through Alignment and
//! Uniformity on the Hypersphere*, ICML 2020; `align_uniform/__init__.py`). Vectors are scaled to length 1 first: without that both
//! numbers mean nothing.

use rayon::prelude::*;

/// Returns a vector scaled to length 1; a zero vector stays zero.
pub fn unit(vector: &[f32]) -> Vec<f64> {
    let squares = vector.iter().map(|value| f64::from(*value).powi(2));
    let norm = squares.sum::<f64>().sqrt();
    let norm = if norm > 0.0 { norm } else { 1.0 };
    vector
        .iter()
        .map(|value| f64::from(*value) / norm)
        .collect()
}

/// Returns the mean squared distance of pairs of unit vectors that belong together; `None` without a pair.
pub fn alignment<'v>(pairs: impl IntoIterator<Item = (&'v [f64], &'v [f64])>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for (a, b) in pairs {
        sum += a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// Returns the logarithm of the mean, over all pairs of different vectors, of e^(−2 d²), d their distance; `None` with fewer than two
/// vectors. Pairs are visited one by one: no matrix of them is in memory. The sums of rows are added in the order of the vectors, so that
/// the result does not depend on the number of threads.
pub fn uniformity(units: &[Vec<f64>]) -> Option<f64> {
    let pairs = units.len() * units.len().saturating_sub(1) / 2;
    if pairs == 0 {
        return None;
    }
    let row = |(place, a): (usize, &Vec<f64>)| -> f64 {
        let others = units[place + 1..].iter();
        let kernel = |b: &Vec<f64>| {
            let distance: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
            libm::exp(-2.0 * distance)
        };
        others.map(kernel).sum()
    };
    let rows: Vec<f64> = units.par_iter().enumerate().map(row).collect();
    Some(libm::log(rows.iter().sum::<f64>() / pairs as f64))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// By hand: two opposite vectors are 2 apart, d² = 4; neighbours at a right angle have d² = 2.
    #[test]
    fn corners_of_a_square() {
        let square: Vec<Vec<f64>> = [[3.0, 0.0], [0.0, 0.5], [-1.0, 0.0], [0.0, -2.0]]
            .iter()
            .map(|corner: &[f32; 2]| unit(corner))
            .collect();
        let expected = ((4.0 * (-4.0_f64).exp() + 2.0 * (-8.0_f64).exp()) / 6.0).ln();
        assert!((uniformity(&square).unwrap() - expected).abs() < 1e-12);
        let pairs = [(&square[0][..], &square[1][..]), (&square[0], &square[2])];
        assert!((alignment(pairs).unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(uniformity(&square[..1]), None);
        assert_eq!(alignment([]), None);
        // All in one place: nothing is less uniform than 0.
        assert!(uniformity(&vec![square[0].clone(); 5]).unwrap().abs() < 1e-12);
    }
}

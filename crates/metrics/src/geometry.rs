//! How vectors lie on the unit sphere (Wang and Isola, *Understanding Contrastive Representation Learning through Alignment and
//! Uniformity on the Hypersphere*, ICML 2020; `align_uniform/__init__.py`). Vectors are scaled to length 1 first: without that both
//! numbers mean nothing.

use rayon::prelude::*;

use crate::eigen;

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

/// Returns the mean cosine over all pairs of different vectors: the squared length of their sum tells it without visiting the pairs.
/// `None` with fewer than two vectors.
pub fn mean_cosine(units: &[Vec<f64>]) -> Option<f64> {
    let count = units.len() as f64;
    let width = units.first()?.len();
    let mut sum = vec![0.0; width];
    for unit in units {
        for (sum, value) in sum.iter_mut().zip(unit) {
            *sum += value;
        }
    }
    let squares = |vector: &[f64]| vector.iter().map(|value| value * value).sum::<f64>();
    let own: f64 = units.iter().map(|unit| squares(unit)).sum();
    (units.len() > 1).then(|| (squares(&sum) - own) / (count * (count - 1.0)))
}

/// How vectors spread over the directions of their space.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Singular values of the matrix of vectors as they are, largest first.
    pub singular: Vec<f64>,
    /// Variances along the principal components, largest first.
    pub variances: Vec<f64>,
}

impl Spectrum {
    /// Decomposes vectors of one length.
    pub fn of(vectors: &[&[f32]]) -> Self {
        let width = vectors.first().map_or(0, |vector| vector.len());
        let count = vectors.len().max(1) as f64;
        let (gram, mean) = moments(vectors, width);
        let centred = gram.iter().enumerate().map(|(at, value)| {
            let (row, column) = (at / width, at % width);
            (value - count * mean[row] * mean[column]) / (count - 1.0).max(1.0)
        });
        let centred = centred.collect();
        // Rounding may leave a small negative number where there is a zero.
        let roots = eigen(gram, width).values.into_iter();
        Self {
            singular: roots.map(|value| value.max(0.0).sqrt()).collect(),
            variances: eigen(centred, width)
                .values
                .into_iter()
                .map(|value| value.max(0.0))
                .collect(),
        }
    }

    /// Returns the singular values over the largest one (Gao et al. 2021, figure F.1).
    pub fn relative(&self) -> Vec<f64> {
        let largest = self.singular.first().copied().unwrap_or(0.0);
        let largest = if largest > 0.0 { largest } else { 1.0 };
        self.singular.iter().map(|value| value / largest).collect()
    }

    /// Returns how large the singular value is that `share` of all, from above 0 to 1, are at least as large as, over the largest one.
    pub fn relative_at(&self, share: f64) -> Option<f64> {
        let all = self.relative();
        let place = (share * all.len() as f64).ceil() as usize;
        all.get(place.max(1) - 1).copied()
    }

    /// Returns e to the entropy of the singular values, normalised to add up to 1 (Roy and Vetterli 2007); `None` if all are 0.
    pub fn effective_rank(&self) -> Option<f64> {
        let sum: f64 = self.singular.iter().sum();
        let shares = self.singular.iter().map(|value| value / sum);
        let terms = shares.filter(|&share| share > 0.0);
        let entropy: f64 = terms.map(|share| -share * libm::log(share)).sum();
        (sum > 0.0).then(|| libm::exp(entropy))
    }

    /// Returns the share of the first principal component in the variance; `None` if all vectors are equal.
    pub fn largest_share(&self) -> Option<f64> {
        let sum: f64 = self.variances.iter().sum();
        (sum > 0.0).then(|| self.variances[0] / sum)
    }

    /// Returns IsoScore, from 0, where one direction holds all variance, to 1, where all hold as much (Rudman et al., *IsoScore:
    /// Measuring the Uniformity of Embedding Space Utilization*, Findings of ACL 2022, section 4); `None` if all vectors are equal or
    /// have one number.
    pub fn isotropy(&self) -> Option<f64> {
        let width = self.variances.len() as f64;
        let norm = self
            .variances
            .iter()
            .map(|value| value * value)
            .sum::<f64>();
        let norm = norm.sqrt();
        if self.variances.len() < 2 || norm == 0.0 {
            return None;
        }
        let normalised = self
            .variances
            .iter()
            .map(|value| width.sqrt() * value / norm);
        let defect = normalised.map(|value| (value - 1.0).powi(2)).sum::<f64>();
        let defect = defect.sqrt() / (2.0 * (width - width.sqrt())).sqrt();
        let used = (width - defect.powi(2) * (width - width.sqrt())).powi(2) / width.powi(2);
        Some((width * used - 1.0) / (width - 1.0))
    }
}

/// Returns the sums of x xᵀ, `[width, width]`, and the mean of vectors x.
pub fn moments(vectors: &[&[f32]], width: usize) -> (Vec<f64>, Vec<f64>) {
    let mut gram = vec![0.0; width * width];
    let rows = gram.par_chunks_mut(width.max(1)).enumerate();
    rows.for_each(|(row, sums)| {
        for vector in vectors {
            let factor = f64::from(vector[row]);
            for (sum, &value) in sums.iter_mut().zip(*vector) {
                *sum += factor * f64::from(value);
            }
        }
    });
    let mut mean = vec![0.0; width];
    for vector in vectors {
        for (sum, &value) in mean.iter_mut().zip(*vector) {
            *sum += f64::from(value);
        }
    }
    let count = vectors.len().max(1) as f64;
    mean.iter_mut().for_each(|sum| *sum /= count);
    (gram, mean)
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

    /// By hand: variances 1 and 1 are isotropic, 1 and 0 are not; two right-angled vectors have a cosine of 0.
    #[test]
    fn spread_over_directions() {
        let even: Vec<&[f32]> = vec![&[1.0, 0.0], &[-1.0, 0.0], &[0.0, 1.0], &[0.0, -1.0]];
        let spectrum = Spectrum::of(&even);
        assert!((spectrum.isotropy().unwrap() - 1.0).abs() < 1e-12);
        assert!((spectrum.effective_rank().unwrap() - 2.0).abs() < 1e-12);
        assert!((spectrum.largest_share().unwrap() - 0.5).abs() < 1e-12);
        let line: Vec<&[f32]> = vec![&[1.0, 2.0], &[2.0, 4.0], &[-3.0, -6.0]];
        let spectrum = Spectrum::of(&line);
        assert!(spectrum.isotropy().unwrap().abs() < 1e-9, "{spectrum:?}");
        assert!((spectrum.effective_rank().unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(spectrum.relative()[0], 1.0);
        let units: Vec<Vec<f64>> = even[..3].iter().map(|vector| unit(vector)).collect();
        assert!((mean_cosine(&units).unwrap() + 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Spectrum::of(&[&[1.0, 1.0], &[1.0, 1.0]]).isotropy(), None);
    }
}

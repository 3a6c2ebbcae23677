//! Agreement with NumPy and SciPy on how vectors lie in their space. The goldens were made by `tests/goldens/geometry.py`.

#![allow(clippy::unwrap_used)]

use metrics::eigen;
use metrics::geometry::{Spectrum, alignment, mean_cosine, moments, uniformity, unit};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    vectors: Vec<Vec<f32>>,
    pairs: Vec<[usize; 2]>,
    alignment: f64,
    uniformity: f64,
    mean_cosine: f64,
    singular: Vec<f64>,
    effective_rank: f64,
    variances: Vec<f64>,
    components: Vec<Vec<f64>>,
    isotropy: f64,
}

fn near(found: f64, expected: f64) {
    let size = expected.abs().max(1.0);
    assert!(
        (found - expected).abs() < TOLERANCE * size,
        "{found} for {expected}"
    );
}

#[test]
fn numbers_are_those_of_numpy() {
    let golden: Golden = serde_json::from_str(include_str!("goldens/geometry.json")).unwrap();
    let vectors: Vec<&[f32]> = golden.vectors.iter().map(Vec::as_slice).collect();
    let units: Vec<Vec<f64>> = vectors.iter().map(|vector| unit(vector)).collect();
    let pairs = golden.pairs.iter();
    let pairs = pairs.map(|[a, b]| (units[*a].as_slice(), units[*b].as_slice()));
    near(alignment(pairs).unwrap(), golden.alignment);
    near(uniformity(&units).unwrap(), golden.uniformity);
    near(mean_cosine(&units).unwrap(), golden.mean_cosine);
    let spectrum = Spectrum::of(&vectors);
    near(spectrum.effective_rank().unwrap(), golden.effective_rank);
    near(spectrum.isotropy().unwrap(), golden.isotropy);
    for (found, expected) in [
        (&spectrum.singular, &golden.singular),
        (&spectrum.variances, &golden.variances),
    ] {
        assert_eq!(found.len(), expected.len());
        found
            .iter()
            .zip(expected)
            .for_each(|(found, expected)| near(*found, *expected));
    }
    // The principal components, which whitening projects on, but for their signs.
    let (width, count) = (golden.variances.len(), vectors.len() as f64);
    let (gram, mean) = moments(&vectors, width);
    let covariance = gram
        .iter()
        .enumerate()
        .map(|(at, value)| (value - count * mean[at / width] * mean[at % width]) / (count - 1.0));
    let found = eigen(covariance.collect(), width);
    for (found, expected) in found.vectors.iter().zip(&golden.components) {
        let both = found.iter().zip(expected);
        both.for_each(|(found, expected)| near(found.abs(), *expected));
    }
}

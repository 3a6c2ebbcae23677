//! The stage kind `whiten`.

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, Params, Signature, Stage,
    StageError,
};
use metrics::eigen;
use metrics::geometry::moments;
use serde::Deserialize;

use crate::Embeddings;
use crate::embeddings::{self, Description};

/// Gives sentence vectors a mean of zero and unit covariance (Su et al. 2021, *Whitening Sentence Representations for Better Semantics
/// and Faster Retrieval*, equations 2 to 9): y = (x − μ) U diag(1/√s), with the covariance U diag(s) Uᵀ of the vectors it is fit on, and
/// of U the columns of the largest eigenvalues alone.
pub struct WhitenStage;

#[derive(Deserialize)]
struct Parameters {
    dimensions: usize,
}

impl Stage for WhitenStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "whiten",
            version: 1,
            about: "Gives sentence vectors a mean of zero and unit covariance",
            fields: const {
                &[
                    Field::new(
                        "embeddings",
                        FieldType::Input(ArtifactType::Embeddings),
                        FieldDefault::Required,
                        "The vectors, from stage kind `embed`.",
                    ),
                    Field::new(
                        "fit",
                        FieldType::Input(ArtifactType::Embeddings),
                        FieldDefault::Absent,
                        "The vectors whose mean and covariance are taken, of the same encoder; left out, those that are whitened (the \
                            target, without its labels).",
                    ),
                    Field::new(
                        "dimensions",
                        FieldType::Integer {
                            min: 0,
                            max: 1 << 20,
                        },
                        FieldDefault::Integer(0),
                        "Dimensions to keep, those of the largest variance; 0 for all that the vectors spread over.",
                    ),
                ]
            },
            output: ArtifactType::Embeddings,
            numerics: None,
            files: embeddings::FILES,
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let Parameters { dimensions } = params.parse()?;
        let own = Embeddings::read(inputs.path("embeddings")?)?;
        let other = match inputs.optional("fit") {
            Some(folder) => Some(Embeddings::read(folder)?),
            None => None,
        };
        let vectors = own.to_fit(other.as_ref())?;
        let width = own.description.dimension;
        let (mean, map) = whitening(&vectors, width, dimensions)?;
        context.keep_going()?;
        let (sentences, vectors): (Vec<String>, Vec<Vec<f32>>) = own
            .vectors
            .iter()
            .map(|(sentence, vector)| (sentence.clone(), apply(&mean, &map, vector)))
            .unzip();
        let description = Description {
            normalised: false,
            dimension: map.len(),
            ..own.description
        };
        embeddings::write(context.output(), &description, &sentences, &vectors)
    }
}

/// Returns the mean of vectors, and the rows of the map that whitens them.
fn whitening(
    vectors: &[&[f32]],
    width: usize,
    dimensions: usize,
) -> Result<(Vec<f64>, Vec<Vec<f64>>), StageError> {
    let count = vectors.len() as f64;
    let (gram, mean) = moments(vectors, width);
    let covariance = gram.iter().enumerate().map(|(at, value)| {
        let (row, column) = (at / width, at % width);
        (value - count * mean[row] * mean[column]) / (count - 1.0)
    });
    let found = eigen(covariance.collect(), width);
    // What rounding has left of a variance of zero would be blown up.
    let least = found.values.first().copied().unwrap_or(0.0) * 1e-12;
    let spread = found
        .values
        .iter()
        .take_while(|value| **value > least)
        .count();
    // Vectors after a layer normalisation may have a sum of zero, and lack a dimension.
    let wanted = match dimensions {
        0 => spread,
        wanted => wanted,
    };
    if spread < wanted || wanted == 0 {
        return Err(StageError::input(
            "dimensions",
            format!(
                "{wanted} are wanted, and {} vectors of {width} numbers spread over {spread}",
                vectors.len()
            ),
            match spread {
                0 => "give vectors that are not all equal".to_owned(),
                _ => format!("give at most {spread}, or `fit` with more sentences"),
            },
        ));
    }
    let pairs = found.vectors.iter().zip(&found.values).take(wanted);
    let map = pairs.map(|(vector, value)| vector.iter().map(|one| one / value.sqrt()).collect());
    Ok((mean, map.collect()))
}

fn apply(mean: &[f64], map: &[Vec<f64>], vector: &[f32]) -> Vec<f32> {
    let centred = vector.iter().zip(mean);
    let centred: Vec<f64> = centred
        .map(|(value, mean)| f64::from(*value) - mean)
        .collect();
    let products = map
        .iter()
        .map(|row| row.iter().zip(&centred).map(|(a, b)| a * b).sum::<f64>());
    products.map(|value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use kernels::Stream;

    use super::*;

    #[test]
    fn whitened_vectors_have_unit_covariance() {
        let width = 6;
        let mut draws = Stream::new(1, "test").draws(0, 0, 0);
        let vectors: Vec<Vec<f32>> = (0..80)
            .map(|_| {
                let own = draws.normal_pair()[0];
                (0..width)
                    .map(|at| (own + draws.normal_pair()[0] * (1 + at) as f64 + 3.0) as f32)
                    .collect()
            })
            .collect();
        let slices: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        for dimensions in [0, 2] {
            let (mean, map) = whitening(&slices, width, dimensions).unwrap();
            let kept = map.len();
            assert_eq!(kept, if dimensions == 0 { width } else { dimensions });
            let whitened: Vec<Vec<f32>> =
                vectors.iter().map(|one| apply(&mean, &map, one)).collect();
            let slices: Vec<&[f32]> = whitened.iter().map(Vec::as_slice).collect();
            let (gram, mean) = moments(&slices, kept);
            assert!(mean.iter().all(|mean| mean.abs() < 1e-5));
            for (at, value) in gram.iter().enumerate() {
                let expected = if at / kept == at % kept { 1.0 } else { 0.0 };
                assert!((value / 79.0 - expected).abs() < 1e-5, "{at}: {value}");
            }
        }
        // Four points lie in three dimensions.
        assert_eq!(whitening(&slices[..4], width, 0).unwrap().1.len(), 3);
        let error = whitening(&slices[..4], width, 6).unwrap_err().to_string();
        assert!(
            error.contains("6 are wanted, and 4 vectors of 6 numbers spread over 3"),
            "{error}"
        );
    }
}

//! The stage kind `flow`.

use contract::{
    ArtifactType, Context, Inputs, OutputFile, Params, Problem, Signature, Stage, StageError,
};
use encoder::with_deep_stack;
use evaluate::embeddings::{self, Description, Embeddings};
use rayon::prelude::*;
use training::{Epochs, Start, log};

use crate::glow::Flow;
use crate::objective::{COLUMNS, Fitting};
use crate::parameters::{FIELDS, Parameters};
use crate::shape::Shape;

const FILES: &[OutputFile] = &[
    embeddings::FILES[0],
    embeddings::FILES[1],
    OutputFile::log(log::FILE, COLUMNS, "the training, a row for each update"),
];

/// Trains an invertible map that makes sentence vectors likely under a standard normal distribution, and maps them.
#[derive(Clone, Copy, Debug)]
pub struct FlowStage;

impl Stage for FlowStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "flow",
            version: 1,
            about: "Trains a normalising flow on sentence vectors and maps them by it (BERT-flow)",
            fields: FIELDS,
            output: ArtifactType::Embeddings,
            // The map is computed in 64 bits; its parameters are updated in 32.
            numerics: Some(|_, _| kernels::numerics::CLASS),
            files: FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(Parameters::check)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let own = Embeddings::read(inputs.path("embeddings")?)?;
        let other = match inputs.optional("fit") {
            Some(folder) => Some(Embeddings::read(folder)?),
            None => None,
        };
        let fit = own.to_fit(other.as_ref())?;
        with_deep_stack(|| map(&parameters, &own, &fit, context))
            .map_err(|error| StageError::not_started("the threads of training", &error))?
    }
}

/// Trains a flow on the vectors `fit` and writes what it maps those of `own` to.
fn map(
    parameters: &Parameters,
    own: &Embeddings,
    fit: &[&[f32]],
    context: &Context,
) -> Result<(), StageError> {
    let shape = Shape {
        width: own.description.dimension,
        levels: parameters.levels,
        depth: parameters.depth,
        hidden: parameters.coupling_width,
    };
    shape.check()?;
    if fit.len() < 2 {
        return Err(StageError::input(
            "fit",
            "there are fewer than two vectors, which have no variance",
            "give the vectors of more sentences",
        ));
    }
    if !varies(fit, shape.width) {
        return Err(StageError::input(
            "fit",
            "its vectors are all equal, but for rounding",
            "give vectors that are not all equal: those of another encoder, or of other sentences",
        ));
    }
    let options = parameters.options();
    let mut epochs = Epochs::new(options.seed, fit.len())?;
    let first = epochs.update(0, parameters.batch).iter();
    let first: Vec<&[f32]> = first.map(|at| fit[*at as usize]).collect();
    let flow = Flow::new(shape, options.seed, &first)?;
    let updates = epochs.updates(parameters.batch) * parameters.epochs;
    let mut objective = Fitting {
        flow: &flow,
        vectors: fit,
        batch: parameters.batch,
        epochs,
    };
    training::train(&mut objective, &options, updates, Start::New, context)?;
    let glow = flow.now()?;
    let (sentences, vectors): (Vec<String>, Vec<&Vec<f32>>) = own
        .vectors
        .iter()
        .map(|(sentence, vector)| (sentence.clone(), vector))
        .unzip();
    let mapped = vectors.into_par_iter().map(|vector| {
        let values = glow.map(vector).0.into_iter();
        values.map(|value| value as f32).collect()
    });
    let description = Description {
        normalised: false,
        ..own.description
    };
    embeddings::write(
        context.output(),
        &description,
        &sentences,
        &mapped.collect::<Vec<_>>(),
    )
}

/// Whether vectors differ by more than rounding: some component has a variance that its mean square does not drown.
fn varies(vectors: &[&[f32]], width: usize) -> bool {
    let count = vectors.len() as f64;
    (0..width).any(|at| {
        let values = || vectors.iter().map(|vector| f64::from(vector[at]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        variance > f64::from(f32::EPSILON).powi(2) * (variance + mean * mean)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_vary_by_more_than_rounding() {
        let near = 1.0 + f32::EPSILON / 2.0;
        assert!(!varies(&[&[1.0, 3.0], &[near, 3.0]], 2));
        assert!(!varies(&[&[0.0, 0.0], &[0.0, 0.0]], 2));
        assert!(varies(&[&[1.0, 3.0], &[1.0, 3.01]], 2));
        assert!(varies(&[&[0.0, 1e-30], &[0.0, 2e-30]], 2));
    }
}

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The sizes of a job's inputs, by name, each in the unit that the stage which makes the input foretells. A job's work grows with
/// them. Where two jobs are compared, only sizes that are known for both are present.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes(pub BTreeMap<String, f64>);

impl Sizes {
    /// Returns the size of an input, if it is known.
    pub fn get(&self, input: &str) -> Option<f64> {
        self.0.get(input).copied()
    }

    /// Returns the size of an input as a factor of the job's work: 1 where the size is not known, so that the inputs of the jobs
    /// compared count as equally large.
    pub fn factor(&self, input: &str) -> f64 {
        self.get(input).unwrap_or(1.0)
    }
}

/// Finds a file of an input by its name in the input. Neither the input nor the file need exist.
pub type FileOf<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

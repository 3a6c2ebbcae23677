use std::collections::BTreeMap;
use std::path::PathBuf;

/// How large the inputs of a job are, by name, each in the unit that its maker and its users agree on: what the work of a user
/// grows with. Of two jobs that are compared, it holds what is known of both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes(pub BTreeMap<String, f64>);

impl Sizes {
    /// Returns the size of an input, if it is known.
    pub fn get(&self, input: &str) -> Option<f64> {
        self.0.get(input).copied()
    }

    /// Returns the size of an input as a factor: 1 where it is not known, and then the inputs of the jobs that are compared are
    /// taken to be alike.
    pub fn factor(&self, input: &str) -> f64 {
        self.get(input).unwrap_or(1.0)
    }
}

/// Finds files of an input by their names in it. It need not be there, and neither need the files.
pub type FileOf<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

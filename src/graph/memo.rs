//! Outcomes remembered by the variables that were read for them.

use std::collections::HashMap;
use std::rc::Rc;

use super::environment::{Environment, Reads};

/// Outcomes of one computation under different environments. An outcome depends on nothing but the variables that were read, so
/// environments that agree on these have one outcome.
pub(super) struct Memo<T>(Vec<Known<T>>);

/// Outcomes that came about by reading one set of variables.
struct Known<T> {
    reads: Rc<Reads>,
    /// The outcomes, by the definitions that the environment has for these variables.
    outcomes: HashMap<Box<[usize]>, T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Memo<T> {
    /// Returns the outcome under an environment, and the variables that were read for it.
    pub(super) fn get(&self, environment: &Environment<'_>) -> Option<(T, Rc<Reads>)> {
        self.0.iter().find_map(|known| {
            let outcome = known
                .outcomes
                .get(&definitions(environment, &known.reads))?;
            Some((outcome.clone(), Rc::clone(&known.reads)))
        })
    }

    /// Returns the set of variables that were read, kept once for all outcomes that read the same.
    pub(super) fn share(&mut self, reads: Reads) -> Rc<Reads> {
        let mut known = self.0.iter();
        if let Some(known) = known.find(|known| *known.reads == reads) {
            return Rc::clone(&known.reads);
        }
        let reads = Rc::new(reads);
        self.0.push(Known {
            reads: Rc::clone(&reads),
            outcomes: HashMap::new(),
        });
        reads
    }

    /// Remembers an outcome; `reads` is the set of variables as [`Self::share`] returned it.
    pub(super) fn put(&mut self, environment: &Environment<'_>, reads: &Rc<Reads>, outcome: T) {
        let mut known = self.0.iter_mut();
        if let Some(known) = known.find(|known| Rc::ptr_eq(&known.reads, reads)) {
            let definitions = definitions(environment, reads);
            known.outcomes.insert(definitions, outcome);
        }
    }
}

/// Returns the definitions that an environment has for the variables in `reads`.
fn definitions(environment: &Environment<'_>, reads: &Reads) -> Box<[usize]> {
    reads
        .iter()
        .map(|variable| environment.identity(variable))
        .collect()
}

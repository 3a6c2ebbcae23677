//! Uniform masking: every token is equally likely, without replacement.

use kernels::Draws;

use super::{Choose, Tokens};

/// Cuts one random order into pieces. So the first positions of a set are a uniform subset of it, and larger sizes keep the
/// positions that smaller sizes chose.
pub(super) struct Uniform;

impl Choose for Uniform {
    fn disjoint_sets(
        &self,
        tokens: &Tokens<'_>,
        sizes: &[usize],
        draws: &mut Draws,
    ) -> Vec<Vec<usize>> {
        let candidates = tokens.candidates();
        let chosen = draws.choose(candidates.len(), sizes.iter().sum());
        let mut chosen = chosen.into_iter().map(|place| candidates[place]);
        sizes
            .iter()
            .map(|&size| chosen.by_ref().take(size).collect())
            .collect()
    }
}

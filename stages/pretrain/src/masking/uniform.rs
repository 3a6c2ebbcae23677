//! Uniform masking: every token equally likely, without replacement.

use kernels::Draws;

use super::{Choose, Tokens};

/// One random order is cut into pieces, so the first places of a set are themselves a uniform subset of it, and growing
/// the sizes keeps what was chosen before.
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

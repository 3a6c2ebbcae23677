//! Uniform masking: every token equally likely, without replacement.

use kernels::Draws;

/// Returns disjoint sets of the given sizes, drawn uniformly without replacement from the places below `of`.
///
/// One random order is cut into pieces, so the first places of a set are themselves a uniform subset of it, and growing
/// the sizes keeps what was chosen before.
pub(super) fn disjoint_sets(of: usize, sizes: &[usize], draws: &mut Draws) -> Vec<Vec<usize>> {
    let mut chosen = draws.choose(of, sizes.iter().sum()).into_iter();
    sizes
        .iter()
        .map(|&size| chosen.by_ref().take(size).collect())
        .collect()
}

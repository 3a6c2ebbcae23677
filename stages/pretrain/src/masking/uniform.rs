//! Uniform masking: every token is equally likely.

use kernels::Draws;

use super::units::deal;
use super::{Choose, Count, Tokens, Units, Wanted};

/// Cuts one random order into pieces. So the first positions of a set are a uniform subset of it, and larger sizes keep the
/// positions that smaller sizes chose. With independent draws (BERT's successors since NeoBERT; Ankner et al. 2024) the number of
/// masked tokens is binomially distributed.
#[derive(Debug)]
pub(super) struct Uniform;

impl Choose for Uniform {
    fn choose(&self, tokens: &Tokens<'_>, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units> {
        let candidates = tokens.candidates();
        if wanted.count == Count::Bernoulli {
            let single = Units::single(candidates.iter().copied());
            return deal(&single, wanted, draws);
        }
        let chosen = draws.choose(candidates.len(), wanted.sizes.iter().sum());
        let mut chosen = chosen.into_iter().map(|place| candidates[place]);
        let sizes = wanted.sizes.iter();
        sizes
            .map(|&size| Units::single(chosen.by_ref().take(size)))
            .collect()
    }
}

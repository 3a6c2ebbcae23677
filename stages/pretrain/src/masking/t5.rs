//! T5's spans (Raffel et al., *Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer*, JMLR 2020, section
//! 3.1.4; `random_spans_noise_mask` of its code), which Wettig et al. used for span masking (footnote 6), with a mean length of 3.
//!
//! n masked tokens make round(n / mean) spans, at least one. The masked tokens are cut into that many pieces, every
//! composition being equally likely, and so are the others; pieces of both kinds alternate and the others begin. So the number is exact, no
//! draw is refused, and a sequence ends in a masked span.
//!
//! Where few tokens stay unmasked there are only as many spans as those can separate. Several disjoint copies are drawn in
//! one: the spans of all, in random order, with the tokens of none of them in between, as far as there are enough; where there are not,
//! spans of one copy may touch.

use kernels::Draws;

use super::{Choose, Tokens, Units, Wanted};

/// Spans of a mean length in tokens. A collision is a span that touches another one of its copy and becomes one with it. Places are counted
/// without the special tokens that are not masked, so a span may go on behind one.
#[derive(Clone, Debug)]
pub(super) struct T5Spans {
    mean: f64,
}

impl T5Spans {
    /// Spans that are `mean` tokens long on average.
    pub(super) fn new(mean: f64) -> Self {
        Self { mean }
    }

    /// Returns the number of spans that `size` tokens make, at most `most`.
    fn spans(&self, size: usize, most: usize) -> usize {
        let wished = (size as f64 / self.mean).round_ties_even() as usize;
        wished.min(most).max(1).min(size)
    }
}

impl Choose for T5Spans {
    fn choose(&self, tokens: &Tokens<'_>, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units> {
        let candidates = tokens.candidates();
        let masked: usize = wanted.sizes.iter().sum();
        let unmasked = candidates.len() - masked;
        let most = match wanted.sizes.len() {
            1 => unmasked.max(1),
            _ => usize::MAX,
        };
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for (copy, &size) in wanted.sizes.iter().enumerate() {
            let lengths = composition(size, self.spans(size, most), draws);
            spans.extend(lengths.into_iter().map(|length| (copy, length)));
        }
        let mut copies = vec![Units::default(); wanted.sizes.len()];
        if spans.is_empty() {
            return copies;
        }
        if copies.len() > 1 {
            draws.shuffle(&mut spans);
        }
        let between = match unmasked >= spans.len() {
            true => composition(unmasked, spans.len(), draws),
            false => weak_composition(unmasked, spans.len(), draws),
        };
        let mut runs: Vec<(usize, Vec<usize>)> = Vec::with_capacity(spans.len());
        let mut place = 0;
        for (gap, (copy, length)) in between.into_iter().zip(spans) {
            place += gap;
            let span = &candidates[place..place + length];
            place += length;
            match runs.last_mut() {
                Some((before, run)) if gap == 0 && *before == copy => {
                    run.extend_from_slice(span);
                    copies[copy].collisions += 1;
                }
                _ => runs.push((copy, span.to_vec())),
            }
        }
        for (copy, run) in runs {
            copies[copy].push(&run);
        }
        copies.iter().map(|copy| copy.shuffled(draws)).collect()
    }
}

/// Cuts `total` into so many parts of at least 1, every way being equally likely.
fn composition(total: usize, parts: usize, draws: &mut Draws) -> Vec<usize> {
    if parts == 0 {
        return Vec::new();
    }
    let mut ends = draws.choose(total - 1, parts - 1);
    ends.sort_unstable();
    let ends = ends.into_iter().map(|end| end + 1).chain([total]);
    let mut before = 0;
    ends.map(|end| end - std::mem::replace(&mut before, end))
        .collect()
}

/// Cuts `total` into so many parts, which may be 0, every way being equally likely.
fn weak_composition(total: usize, parts: usize, draws: &mut Draws) -> Vec<usize> {
    let mut cut = composition(total + parts, parts, draws);
    for part in &mut cut {
        *part -= 1;
    }
    cut
}

//! Dropout whose mask is a function of (seed, update, sample, place in the network, position in the sequence).
//!
//! How sequences are packed, split over micro-batches or given to threads does not enter; nothing has to be saved.

use candle_core::{Device, Tensor};
use kernels::Stream;
use rayon::prelude::*;

use crate::Result;
use crate::batch::{Batch, Group, Layout};

/// Whether an encoder is being trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No dropout, and no gradients of the encoder's parameters.
    Evaluate,
    /// Gradients, and dropout from the stream `dropout` under `seed`, at update `step`.
    Train {
        /// The run's seed.
        seed: u64,
        /// The update, counted from 0.
        step: u32,
    },
}

/// A place in the network that drops out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Embeddings,
    AttentionWeights(usize),
    AttentionOutput(usize),
    FeedForwardOutput(usize),
    HeadInput,
    HeadHidden,
}

impl Site {
    /// The third word of the random numbers' counter. Heads count down, so that layers never reach them.
    fn index(self) -> u32 {
        let layer = |layer: usize, place: u32| 1 + 3 * layer as u32 + place;
        match self {
            Self::Embeddings => 0,
            Self::AttentionWeights(index) => layer(index, 0),
            Self::AttentionOutput(index) => layer(index, 1),
            Self::FeedForwardOutput(index) => layer(index, 2),
            Self::HeadInput => u32::MAX,
            Self::HeadHidden => u32::MAX - 1,
        }
    }
}

/// Makes the masks of one forward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    stream: Stream,
    step: u32,
}

impl Dropout {
    /// Returns `None` when nothing is dropped.
    pub(crate) fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Evaluate => None,
            Mode::Train { seed, step } => Some(Self {
                stream: Stream::new(seed, "dropout"),
                step,
            }),
        }
    }

    /// Fills one sample's mask: 0 with that probability, else the inverse of the probability of keeping.
    fn fill(&self, site: Site, sample: u32, probability: f64, mask: &mut [f32]) {
        let threshold = (probability * (1_u64 << 32) as f64) as u32;
        let kept = (1.0 / (1.0 - probability)) as f32;
        let site = site.index();
        for (block, mask) in mask.chunks_mut(4).enumerate() {
            let words = self.stream.block(self.step, sample, site, block as u32);
            for (mask, word) in mask.iter_mut().zip(words) {
                *mask = if word < threshold { 0.0 } else { kept };
            }
        }
    }

    /// Returns a mask `[tokens, width]`, or `None` for probability 0.
    pub(crate) fn hidden(
        &self,
        site: Site,
        layout: &Layout,
        width: usize,
        probability: f64,
    ) -> Result<Option<Tensor>> {
        if probability == 0.0 {
            return Ok(None);
        }
        let mut mask = vec![0.0; layout.rows() * width];
        let mut samples = layout.samples.as_slice();
        for &Group {
            first_row,
            sequences,
            length,
        } in &layout.groups
        {
            let (own, rest) = samples.split_at(sequences);
            samples = rest;
            mask[first_row * width..][..sequences * length * width]
                .par_chunks_mut(length * width)
                .zip(own)
                .for_each(|(mask, &sample)| self.fill(site, sample, probability, mask));
        }
        Ok(Some(Tensor::from_vec(
            mask,
            (layout.rows(), width),
            &Device::Cpu,
        )?))
    }

    /// Returns one mask `[sequences · heads, length, length]` per group, or `None` for probability 0.
    pub(crate) fn attention(
        &self,
        site: Site,
        layout: &Layout,
        heads: usize,
        probability: f64,
    ) -> Result<Option<Vec<Tensor>>> {
        if probability == 0.0 {
            return Ok(None);
        }
        let mut samples = layout.samples.as_slice();
        let masks = layout.groups.iter().map(
            |&Group {
                 sequences, length, ..
             }| {
                let (own, rest) = samples.split_at(sequences);
                samples = rest;
                let each = heads * length * length;
                let mut mask = vec![0.0; sequences * each];
                mask.par_chunks_mut(each)
                    .zip(own)
                    .for_each(|(mask, &sample)| self.fill(site, sample, probability, mask));
                Ok(Tensor::from_vec(
                    mask,
                    (sequences * heads, length, length),
                    &Device::Cpu,
                )?)
            },
        );
        masks.collect::<Result<_>>().map(Some)
    }

    /// Returns a mask `[sequences, width]` for a head that sees one row per sequence, in the caller's order, or `None`
    /// for probability 0.
    pub(crate) fn pooled(
        &self,
        site: Site,
        batch: &Batch,
        width: usize,
        probability: f64,
    ) -> Result<Option<Tensor>> {
        if probability == 0.0 {
            return Ok(None);
        }
        let mut mask = vec![0.0; batch.sequences() * width];
        for (mask, sample) in mask.chunks_exact_mut(width).zip(batch.samples()) {
            self.fill(site, sample, probability, mask);
        }
        Ok(Some(Tensor::from_vec(
            mask,
            (batch.sequences(), width),
            &Device::Cpu,
        )?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn drops_the_share_and_keeps_the_mean() {
        let dropout = Dropout::of(Mode::Train { seed: 3, step: 9 }).unwrap();
        let mut mask = vec![0.0; 100_000];
        dropout.fill(Site::Embeddings, 5, 0.1, &mut mask);
        let dropped = mask.iter().filter(|&&m| m == 0.0).count();
        assert!((9_700..10_300).contains(&dropped), "{dropped}");
        assert!(mask.iter().all(|&m| m == 0.0 || m == 1.0 / 0.9));
    }

    #[test]
    fn seeds_steps_samples_and_sites_are_apart() {
        let mask = |seed, step, sample, site| {
            let mut mask = vec![0.0; 64];
            Dropout::of(Mode::Train { seed, step })
                .unwrap()
                .fill(site, sample, 0.5, &mut mask);
            mask
        };
        let base = mask(1, 2, 3, Site::Embeddings);
        assert_ne!(base, mask(2, 2, 3, Site::Embeddings));
        assert_ne!(base, mask(1, 3, 3, Site::Embeddings));
        assert_ne!(base, mask(1, 2, 4, Site::Embeddings));
        let mut sites = vec![Site::Embeddings, Site::HeadInput, Site::HeadHidden];
        for layer in 0..30 {
            sites.extend([
                Site::AttentionWeights(layer),
                Site::AttentionOutput(layer),
                Site::FeedForwardOutput(layer),
            ]);
        }
        let mut masks: Vec<_> = sites.into_iter().map(|site| mask(1, 2, 3, site)).collect();
        let all = masks.len();
        masks.sort_by(|a, b| a.partial_cmp(b).unwrap());
        masks.dedup();
        assert_eq!(masks.len(), all);
    }
}

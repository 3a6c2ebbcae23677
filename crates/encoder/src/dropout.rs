//! Dropout whose mask is a function of (seed, update, sample, place in the network, position in the sequence).
//!
//! The mask does not depend on how sequences are packed, split over micro-batches or given to threads. No state has to be saved.

use kernels::Stream;

/// Whether an encoder is being trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No dropout, and no gradients of the encoder's parameters.
    Evaluate,
    /// With gradients, and with dropout from the stream `dropout` under `seed` at update `step`.
    Train {
        /// The run's seed.
        seed: u64,
        /// The update, counted from 0.
        step: u32,
    },
}

/// A place in the network where dropout is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Embeddings,
    AttentionWeights(usize),
    AttentionOutput(usize),
    FeedForwardOutput(usize),
    HeadInput,
    HeadHidden,
    DecoderEmbeddings,
}

impl Site {
    /// Returns the third word of the random numbers' counter. Heads and a decoder's embeddings count down from the top, so no layer
    /// gets their numbers.
    fn index(self) -> u32 {
        let layer = |layer: usize, place: u32| 1 + 3 * layer as u32 + place;
        match self {
            Self::Embeddings => 0,
            Self::AttentionWeights(index) => layer(index, 0),
            Self::AttentionOutput(index) => layer(index, 1),
            Self::FeedForwardOutput(index) => layer(index, 2),
            Self::HeadInput => u32::MAX,
            Self::HeadHidden => u32::MAX - 1,
            Self::DecoderEmbeddings => u32::MAX - 2,
        }
    }
}

/// The dropout of one forward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    /// Random stream and update, in training.
    drawn: Option<(Stream, u32)>,
}

impl Dropout {
    pub(crate) fn of(mode: Mode) -> Self {
        let drawn = match mode {
            Mode::Evaluate => None,
            Mode::Train { seed, step } => Some((Stream::new(seed, "dropout"), step)),
        };
        Self { drawn }
    }

    /// Returns the dropout at a site, or `None` where nothing is dropped.
    pub(crate) fn at(&self, site: Site, probability: f64) -> Option<kernels::Dropout> {
        let (stream, step) = self.drawn?;
        let drops = probability > 0.0;
        drops.then(|| kernels::Dropout::new(&stream, step, site.index(), probability))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn seeds_steps_samples_and_sites_are_apart() {
        let mask = |seed, step, sample, site| {
            let mut mask = vec![0.0; 64];
            let dropout = Dropout::of(Mode::Train { seed, step });
            dropout.at(site, 0.5).unwrap().scales(sample, 0, &mut mask);
            mask
        };
        let base = mask(1, 2, 3, Site::Embeddings);
        assert_ne!(base, mask(2, 2, 3, Site::Embeddings));
        assert_ne!(base, mask(1, 3, 3, Site::Embeddings));
        assert_ne!(base, mask(1, 2, 4, Site::Embeddings));
        let mut sites = vec![Site::Embeddings, Site::HeadInput, Site::HeadHidden];
        sites.push(Site::DecoderEmbeddings);
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

    #[test]
    fn nothing_is_dropped_in_evaluation_or_with_probability_zero() {
        assert!(
            Dropout::of(Mode::Evaluate)
                .at(Site::Embeddings, 0.1)
                .is_none()
        );
        let training = Dropout::of(Mode::Train { seed: 1, step: 0 });
        assert!(training.at(Site::Embeddings, 0.0).is_none());
    }
}

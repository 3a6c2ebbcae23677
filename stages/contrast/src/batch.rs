//! The tokens of an update.

use std::ops::Range;
use std::sync::Arc;

use benchmarks::Triplet;
use encoder::Sequence;
use kernels::Stream;
use pretrain::copies::Rates;
use pretrain::feed::Targets;
use pretrain::masking::{Masker, Replacement, Vocabulary};
use rayon::prelude::*;
use tokenize::Tokenizer;

use crate::parameters::Parameters;
use crate::views::Positive;

/// The views of each sentence: itself, what belongs to it, and perhaps a hard negative.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    /// The views' token sequences, sentence by sentence.
    pub(crate) sequences: Vec<Sequence>,
    /// Number of views of each sentence.
    pub(crate) views: usize,
    /// Masked copies of the first two views, sentence by sentence; none without the auxiliary loss.
    pub(crate) masked: Vec<Sequence>,
    /// What the masked copies ask for.
    pub(crate) targets: Vec<Targets>,
}

impl Update {
    /// Returns the number of sentences.
    pub(crate) fn sentences(&self) -> usize {
        self.sequences.len() / self.views
    }

    /// Returns the number of tokens that the encoder reads.
    pub(crate) fn tokens(&self) -> usize {
        self.lengths().sum()
    }

    /// Returns the lengths of all sequences.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        let all = self.sequences.iter().chain(&self.masked);
        all.map(|sequence| sequence.ids.len())
    }

    /// Returns the number of tokens that the masked copies ask for.
    pub(crate) fn predicted(&self) -> usize {
        self.targets.iter().map(|targets| targets.ids.len()).sum()
    }

    /// Returns the views of some sentences.
    pub(crate) fn views_of(&self, sentences: &Range<usize>) -> &[Sequence] {
        &self.sequences[sentences.start * self.views..sentences.end * self.views]
    }

    /// Returns the masked copies of some sentences, and what they ask for.
    pub(crate) fn masked_of(&self, sentences: &Range<usize>) -> (&[Sequence], &[Targets]) {
        match self.masked.is_empty() {
            true => (&[], &[]),
            false => {
                let places = 2 * sentences.start..2 * sentences.end;
                (&self.masked[places.clone()], &self.targets[places])
            }
        }
    }
}

/// Makes updates from sentences. All random numbers are functions of (seed, update, place in the batch).
pub(crate) struct Maker<'a> {
    tokenizer: &'a Tokenizer,
    triplets: &'a [Triplet],
    positive: Positive,
    strength: f64,
    has_negatives: bool,
    has_fixed_mask: bool,
    max_length: usize,
    draws: Stream,
    /// Masks for the auxiliary loss.
    masker: Option<Masker>,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(
        parameters: &Parameters,
        tokenizer: &'a Tokenizer,
        triplets: &'a [Triplet],
        max_length: usize,
    ) -> Self {
        let seed = parameters.training.seed;
        let specials = tokenizer.specials();
        let masker = (parameters.masked_lm > 0.0).then(|| {
            let vocabulary =
                Vocabulary::new(tokenizer.vocabulary(), specials.mask, &specials.all());
            let rate = parameters.masked_lm_rate;
            let rates = Rates {
                corrupt: rate,
                predict: rate,
            };
            Masker {
                replacement: Replacement {
                    random: 0.1,
                    keep: 0.1,
                    ..Replacement::default()
                },
                mask_special: false,
                ..Masker::uniform(rates, Arc::new(vocabulary), Stream::new(seed, "mask"))
            }
        });
        Self {
            tokenizer,
            triplets,
            positive: parameters.positive,
            strength: parameters.strength,
            has_negatives: parameters.negatives
                && triplets.iter().all(|triplet| triplet.negative.is_some()),
            has_fixed_mask: parameters.fixed_mask,
            max_length,
            draws: Stream::new(seed, "views"),
            masker,
        }
    }

    /// Returns the update `step`, counted from 0, of the sentences at `places`.
    pub(crate) fn update(&self, step: u32, places: &[u32]) -> Update {
        let views = 2 + usize::from(self.has_negatives);
        let sentences: Vec<Vec<Vec<u32>>> = places
            .par_iter()
            .enumerate()
            .map(|(row, place)| {
                let triplet = &self.triplets[*place as usize];
                let mut draws = self.draws.draws(step, row as u32, 0);
                let positive = self.positive.of(triplet, self.strength, &mut draws);
                let texts = [triplet.anchor.as_str(), &positive].into_iter();
                let negative = triplet.negative.as_deref().filter(|_| self.has_negatives);
                let texts = texts.chain(negative);
                texts
                    .map(|text| self.tokenizer.single(text, Some(self.max_length)))
                    .collect()
            })
            .collect();
        let mut update = Update {
            sequences: Vec::with_capacity(places.len() * views),
            views,
            masked: Vec::new(),
            targets: Vec::new(),
        };
        let first_masked = (places.len() * views) as u32;
        for (row, texts) in sentences.into_iter().enumerate() {
            for (view, ids) in texts.into_iter().enumerate() {
                if let Some(masker) = self.masker.as_ref().filter(|_| view < 2) {
                    let sample = 2 * row as u32 + view as u32;
                    // One rate for both gives a single copy.
                    for masked in masker.copies(step, sample, &ids).into_iter().take(1) {
                        let sequence = Sequence::new(masked.ids, first_masked + sample);
                        update.masked.push(sequence);
                        update.targets.push(Targets {
                            positions: masked.positions,
                            ids: masked.targets,
                        });
                    }
                }
                // Dropout is a function of the sample: one sample for both passes gives both one mask.
                let pass = match view {
                    1 if self.has_fixed_mask => 0,
                    view => view,
                };
                let sample = (row * views + pass) as u32;
                update.sequences.push(Sequence::new(ids, sample));
            }
        }
        if self.masker.is_some() && update.predicted() == 0 {
            self.mask_one(step, &mut update);
        }
        update
    }

    /// Masks one token of an update of which by chance none is masked, so that the loss of masked tokens has a term in each update. An
    /// update of sentences without a token has none to mask.
    fn mask_one(&self, step: u32, update: &mut Update) {
        let specials = self.tokenizer.specials();
        let all = update.masked.iter().enumerate();
        let places = all.flat_map(|(row, sequence)| {
            let own = sequence.ids.iter().enumerate();
            own.map(move |(at, id)| (row, at, *id))
        });
        let places = places.filter(|(_, _, id)| !specials.all().contains(id));
        let places: Vec<(usize, usize, u32)> = places.collect();
        if places.is_empty() {
            return;
        }
        let mut draws = self.draws.draws(step, u32::MAX, 0);
        let &(row, at, id) = draws.pick(&places);
        update.masked[row].ids[at] = specials.mask;
        update.targets[row] = Targets {
            positions: vec![at as u32],
            ids: vec![id],
        };
    }
}

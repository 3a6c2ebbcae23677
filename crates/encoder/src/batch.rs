//! Packed batches: tokens of all sequences one after the other, no padding.
//!
//! Sequences are sorted by the indices of their samples. Sums over rows, and with them the bits of gradients, then do not
//! depend on the order in which the sequences are given, nor on how an update is split into batches of neighbouring samples.
//! Callers keep their own order and ask for rows.

use std::sync::Arc;

use kernels::Sequences;

use crate::{Config, EncoderError};

/// One sequence of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Token types, one per token; empty means all 0.
    pub token_types: Vec<u32>,
    /// Positions of the tokens in their text, from 0, one per token; empty means 0, 1, 2 and so on. An encoder that sees only some
    /// tokens of a text needs their positions in it.
    pub positions: Vec<u32>,
    /// The sample's index in the whole update (not in the micro-batch). Dropout depends on it.
    pub sample: u32,
}

impl Sequence {
    /// Makes a sequence whose tokens follow one another in their text and all have type 0.
    pub fn new(ids: Vec<u32>, sample: u32) -> Self {
        Self {
            ids,
            token_types: Vec::new(),
            positions: Vec::new(),
            sample,
        }
    }

    /// Sets the positions of the tokens in their text.
    #[must_use]
    pub fn at(self, positions: Vec<u32>) -> Self {
        Self { positions, ..self }
    }
}

/// Neighbouring sequences of equal length. The composed reference computes their attention as one batched matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) first_row: usize,
    pub(crate) sequences: usize,
    pub(crate) length: usize,
}

impl Group {
    pub(crate) fn rows(self) -> usize {
        self.sequences * self.length
    }
}

/// The places of the sequences in the packed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Groups of sequences, in packed order.
    pub(crate) groups: Vec<Group>,
    /// The samples' indices, in packed order.
    pub(crate) samples: Vec<u32>,
}

/// Sequences packed one after the other, without padding.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) layout: Layout,
    pub(crate) sequences: Arc<Sequences>,
    pub(crate) ids: Arc<[u32]>,
    pub(crate) positions: Arc<[u32]>,
    pub(crate) token_types: Arc<[u32]>,
    /// For each sequence, in the caller's order: (first row, length, sample).
    places: Vec<(u32, usize, u32)>,
    /// For each sequence, in the caller's order: its index among the packed sequences.
    packed: Vec<u32>,
}

impl Batch {
    /// Packs `sequences` for an encoder of the configuration `config`.
    ///
    /// # Errors
    /// When there is no sequence, or one is empty, is longer than the encoder's maximum, or contains a token id, a type or a
    /// position that the encoder does not have.
    pub fn pack(sequences: &[Sequence], config: &Config) -> Result<Self, EncoderError> {
        for (index, sequence) in sequences.iter().enumerate() {
            check(index, sequence, config)?;
        }
        let tokens: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
        if tokens == 0 || u32::try_from(tokens).is_err() {
            return Err(EncoderError::invalid(
                "batch",
                format!("{tokens} tokens"),
                "pack from one sequence to 4 billion tokens",
            ));
        }
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&index| sequences[index].sample);

        let mut groups: Vec<Group> = Vec::new();
        let mut places = vec![(0, 0, 0); sequences.len()];
        let mut ids = Vec::with_capacity(tokens);
        let mut positions = Vec::with_capacity(tokens);
        let mut token_types = Vec::with_capacity(tokens);
        let first_position = config.first_position() as u32;
        for &index in &order {
            let Sequence {
                ids: own,
                token_types: types,
                positions: places_in_text,
                sample,
            } = &sequences[index];
            places[index] = (ids.len() as u32, own.len(), *sample);
            match groups.last_mut() {
                Some(group) if group.length == own.len() => group.sequences += 1,
                _ => groups.push(Group {
                    first_row: ids.len(),
                    sequences: 1,
                    length: own.len(),
                }),
            }
            ids.extend_from_slice(own);
            match places_in_text.is_empty() {
                true => positions.extend((first_position..).take(own.len())),
                false => positions.extend(places_in_text.iter().map(|at| first_position + at)),
            }
            token_types.extend_from_slice(types);
            token_types.resize(ids.len(), 0);
        }
        let packed_order = order.iter().map(|&index| &sequences[index]);
        let packed_sequences = packed_order.map(|one| (one.ids.len(), one.sample));
        let packed_sequences = Sequences::new(packed_sequences);
        let samples = order.iter().map(|&index| sequences[index].sample).collect();
        let mut packed = vec![0; sequences.len()];
        for (place, &index) in (0..).zip(&order) {
            packed[index] = place;
        }
        Ok(Self {
            layout: Layout { groups, samples },
            sequences: Arc::new(packed_sequences),
            ids: ids.into(),
            positions: positions.into(),
            token_types: token_types.into(),
            places,
            packed,
        })
    }

    /// Returns the packed row of a token: `sequence` is an index in the caller's order, `token` an index in the sequence,
    /// both from 0.
    ///
    /// # Panics
    /// When there is no such token.
    pub fn row(&self, sequence: usize, token: usize) -> u32 {
        let (first, length, _) = self.places[sequence];
        assert!(token < length, "token {token} of a sequence of {length}");
        first + token as u32
    }

    /// Returns the number of tokens of all sequences.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Returns the number of sequences.
    pub fn sequences(&self) -> usize {
        self.places.len()
    }

    /// Returns the number of tokens of one sequence.
    ///
    /// # Panics
    /// When there is no such sequence.
    pub fn length(&self, sequence: usize) -> usize {
        self.places[sequence].1
    }

    /// Returns each sequence's index among the packed ones, in the caller's order.
    pub(crate) fn packed_places(&self) -> &[u32] {
        &self.packed
    }

    /// Returns the samples' indices in the caller's order.
    pub(crate) fn samples(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.places.iter().map(|place| place.2)
    }
}

fn check(index: usize, sequence: &Sequence, config: &Config) -> Result<(), EncoderError> {
    let invalid = |reason: String, remedy: &str| {
        Err(EncoderError::invalid(
            format!("sequence {index}"),
            reason,
            remedy,
        ))
    };
    let length = sequence.ids.len();
    if length == 0 {
        return invalid("no tokens".into(), "leave empty sequences out");
    }
    if length > config.max_length() {
        let reason = format!(
            "{length} tokens, but the encoder has {} positions",
            config.max_length()
        );
        return invalid(reason, "shorten the sequences to the encoder's length");
    }
    if !sequence.token_types.is_empty() && sequence.token_types.len() != length {
        let reason = format!(
            "{} token types for {length} tokens",
            sequence.token_types.len()
        );
        return invalid(reason, "give one type per token, or none");
    }
    if !sequence.positions.is_empty() && sequence.positions.len() != length {
        let reason = format!("{} positions for {length} tokens", sequence.positions.len());
        return invalid(reason, "give one position per token, or none");
    }
    let last = config.max_length();
    if let Some(position) = sequence.positions.iter().find(|&&at| at as usize >= last) {
        let reason = format!("position {position}, but the encoder has {last}, counted from 0");
        return invalid(reason, "shorten the texts to the encoder's length");
    }
    if let Some(id) = sequence
        .ids
        .iter()
        .find(|&&id| id as usize >= config.vocab_size)
    {
        let reason = format!("token id {id} in a vocabulary of {}", config.vocab_size);
        return invalid(reason, "use the tokenizer that belongs to the encoder");
    }
    let types = config.type_vocab_size;
    if let Some(kind) = sequence
        .token_types
        .iter()
        .find(|&&kind| kind as usize >= types)
    {
        let reason = format!("token type {kind}, but the encoder has {types}");
        return invalid(reason, "leave the token types empty for this encoder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::{Architecture, Size};

    fn config() -> Config {
        Config::of_size(Size::Nano, Architecture::RobertaPreLayerNorm, 50, 9, 1)
    }

    #[test]
    fn equal_lengths_make_one_group() {
        let sequences: Vec<_> = (0..4).map(|i| Sequence::new(vec![i; 5], i)).collect();
        let batch = Batch::pack(&sequences, &config()).unwrap();
        assert_eq!(
            batch.layout.groups,
            [Group {
                first_row: 0,
                sequences: 4,
                length: 5
            }]
        );
        assert_eq!(batch.positions[3..7], [5, 6, 2, 3]);
    }

    #[test]
    fn positions_are_those_that_were_given() {
        let sequences = [
            Sequence::new(vec![1, 2], 1),
            Sequence::new(vec![3, 4, 5], 0).at(vec![8, 0, 4]),
        ];
        let batch = Batch::pack(&sequences, &config()).unwrap();
        assert_eq!(*batch.positions, [10, 2, 6, 2, 3]);
    }

    #[test]
    fn bad_sequences_are_named() {
        let typed = |token_types| Sequence {
            token_types,
            ..Sequence::new(vec![1, 2], 0)
        };
        let at = |positions| Sequence::new(vec![1, 2], 0).at(positions);
        for (bad, reason) in [
            (Sequence::new(vec![], 0), "sequence 1: no tokens"),
            (
                Sequence::new(vec![1; 10], 0),
                "10 tokens, but the encoder has 9 positions",
            ),
            (
                Sequence::new(vec![50], 0),
                "token id 50 in a vocabulary of 50",
            ),
            (typed(vec![0, 1]), "token type 1, but the encoder has 1"),
            (typed(vec![0]), "1 token types for 2 tokens"),
            (at(vec![0]), "1 positions for 2 tokens"),
            (at(vec![0, 9]), "position 9, but the encoder has 9"),
        ] {
            let error = Batch::pack(&[Sequence::new(vec![3], 0), bad], &config()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert!(Batch::pack(&[], &config()).is_err());
    }

    proptest! {
        #[test]
        fn every_token_is_found_at_its_row(
            ids in prop::collection::vec(prop::collection::vec(0_u32..50, 1..9), 1..12),
        ) {
            let sequences: Vec<_> = ids.iter().cloned().zip(0..).map(|(i, s)| Sequence::new(i, s)).collect();
            let batch = Batch::pack(&sequences, &config()).unwrap();
            let mut seen = vec![false; batch.tokens()];
            for (index, sequence) in sequences.iter().enumerate() {
                prop_assert_eq!(batch.length(index), sequence.ids.len());
                for (position, &id) in sequence.ids.iter().enumerate() {
                    let row = batch.row(index, position) as usize;
                    prop_assert_eq!((batch.ids[row], batch.positions[row]), (id, position as u32 + 2));
                    prop_assert!(!std::mem::replace(&mut seen[row], true));
                }
            }
            prop_assert!(seen.into_iter().all(|seen| seen));
            prop_assert_eq!(batch.samples().collect::<Vec<_>>(), (0..ids.len() as u32).collect::<Vec<_>>());
        }
    }
}

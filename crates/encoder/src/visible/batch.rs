//! Sequences of which some tokens are masked, with the visible ones packed apart.

use std::sync::Arc;

use crate::{Batch, Config, EncoderError, Sequence};

/// Sequences packed twice: all of their tokens, and the visible ones alone. A token is visible if it is not the mask token.
#[derive(Clone, Debug)]
pub struct VisibleBatch {
    pub(crate) all: Batch,
    /// The visible tokens, with their positions in their texts; `None` if there are none.
    pub(crate) visible: Option<Batch>,
    /// For each row of `all`, the row of `visible` with the same token. Visible rows are in the same order in both.
    pub(crate) sources: Arc<[Option<u32>]>,
    pub(crate) mask: u32,
}

impl VisibleBatch {
    /// Packs `sequences` for an encoder of the configuration `config`; `mask` is the mask token. A sequence without visible tokens is
    /// no part of the visible batch.
    ///
    /// # Errors
    /// The errors of [`Batch::pack`]; when the encoder has no such mask token.
    pub fn pack(sequences: &[Sequence], mask: u32, config: &Config) -> Result<Self, EncoderError> {
        if mask as usize >= config.vocab_size {
            return Err(EncoderError::invalid(
                "mask",
                format!("token id {mask} in a vocabulary of {}", config.vocab_size),
                "use the tokenizer that belongs to the encoder",
            ));
        }
        let all = Batch::pack(sequences, config)?;
        let visible: Vec<Sequence> = sequences
            .iter()
            .map(|sequence| visible(sequence, mask))
            .filter(|sequence| !sequence.ids.is_empty())
            .collect();
        let visible = match visible.as_slice() {
            [] => None,
            some => Some(Batch::pack(some, config)?),
        };
        let mut next = 0..;
        let sources = all.ids.iter().map(|&id| match id == mask {
            true => None,
            false => next.next(),
        });
        Ok(Self {
            sources: sources.collect(),
            all,
            visible,
            mask,
        })
    }

    /// Returns the batch of all tokens, by whose rows the result of a pass is read.
    pub fn all(&self) -> &Batch {
        &self.all
    }

    /// Returns the number of visible tokens.
    pub fn visible_tokens(&self) -> usize {
        self.visible.as_ref().map_or(0, Batch::tokens)
    }
}

/// Returns the visible tokens of a sequence.
fn visible(sequence: &Sequence, mask: u32) -> Sequence {
    let places = || (0..sequence.ids.len()).filter(|&place| sequence.ids[place] != mask);
    let of = |values: &[u32]| {
        places()
            .filter_map(|place| values.get(place).copied())
            .collect()
    };
    Sequence {
        ids: of(&sequence.ids),
        token_types: of(&sequence.token_types),
        positions: match sequence.positions.is_empty() {
            true => places().map(|place| place as u32).collect(),
            false => of(&sequence.positions),
        },
        sample: sequence.sample,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Architecture, Size};

    #[test]
    fn visible_tokens_keep_their_positions() {
        let config = Config::of_size(Size::Nano, Architecture::Bert, 50, 9, 0);
        let sequences = [
            Sequence::new(vec![4, 20, 21, 4, 22], 7),
            Sequence::new(vec![4, 4], 3),
            Sequence::new(vec![10, 4, 11], 5).at(vec![2, 4, 8]),
        ];
        let batch = VisibleBatch::pack(&sequences, 4, &config).unwrap();
        let visible = batch.visible.as_ref().unwrap();
        // In the order of the samples: 3 (nothing is visible), 5, 7.
        assert_eq!(*visible.ids, [10, 11, 20, 21, 22]);
        assert_eq!(*visible.positions, [2, 8, 1, 2, 4]);
        let sources = [
            None,
            None,
            Some(0),
            None,
            Some(1),
            None,
            Some(2),
            Some(3),
            None,
            Some(4),
        ];
        assert_eq!(*batch.sources, sources);
        assert_eq!((batch.visible_tokens(), batch.all().tokens()), (5, 10));
    }

    #[test]
    fn nothing_need_be_visible() {
        let config = Config::of_size(Size::Nano, Architecture::Bert, 50, 9, 0);
        let batch = VisibleBatch::pack(&[Sequence::new(vec![4], 0)], 4, &config).unwrap();
        assert_eq!(batch.visible_tokens(), 0);
        let error = VisibleBatch::pack(&[Sequence::new(vec![4], 0)], 50, &config).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("token id 50 in a vocabulary of 50")
        );
    }
}

//! What an update holds beside each masked sequence, for an objective that compares the two.

use encoder::Sequence;

use crate::copies::Rates;
use crate::masking::{Masked, Masker};

/// What stands beside each masked sequence.
#[derive(Clone, Debug, Default)]
pub enum Beside {
    /// Nothing.
    #[default]
    Nothing,
    /// The sequence, masked once more by this masker.
    Masked(Masker),
    /// The same masked sequence, for another dropout.
    Repeated,
    /// The sequence as it was.
    Clean,
}

impl Beside {
    /// Returns what stands beside `masked`, which was made at these rates of the block `ids`, the `row`-th, at a visit to it. `sample`
    /// is the number of the sequence that is returned: dropout depends on it.
    pub(crate) fn of(
        &self,
        masked: &Masked,
        (rates, visit, row): (Rates, u32, u32),
        ids: &[u32],
        sample: u32,
    ) -> Option<Sequence> {
        let ids = match self {
            Self::Nothing => return None,
            Self::Masked(masker) => {
                let again = masker.copies_at(rates, visit, row, ids);
                again.into_iter().next()?.ids
            }
            Self::Repeated => masked.ids.clone(),
            Self::Clean => ids.to_vec(),
        };
        Some(Sequence::new(ids, sample))
    }
}

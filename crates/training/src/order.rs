//! The order of the data.

use contract::StageError;
use kernels::Stream;

/// Passes over the data, each in a random order that depends on seed and epoch alone. An order takes four bytes of memory per row.
pub struct Epochs {
    stream: Stream,
    rows: u32,
    /// The last epoch that was asked for, and its order.
    known: Option<(u32, Vec<u32>)>,
}

impl Epochs {
    /// Makes passes over `rows` rows.
    ///
    /// # Errors
    /// When there are more than 2³² rows.
    pub fn new(seed: u64, rows: usize) -> Result<Self, StageError> {
        Ok(Self {
            stream: Stream::new(seed, "order"),
            rows: u32::try_from(rows).map_err(StageError::failed)?,
            known: None,
        })
    }

    /// Returns the rows in the order of the epoch `epoch`.
    pub fn order(&mut self, epoch: u32) -> &[u32] {
        if self.known.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let mut order: Vec<u32> = (0..self.rows).collect();
            self.stream.draws(epoch, 0, 0).shuffle(&mut order);
            self.known = Some((epoch, order));
        }
        self.known.as_ref().map_or(&[], |(_, order)| order)
    }

    /// Returns how many updates of `batch` rows an epoch takes; the last update of an epoch holds the remaining rows.
    pub fn updates(&self, batch: usize) -> u32 {
        (self.rows as usize).div_ceil(batch.max(1)) as u32
    }

    /// Returns the rows of update `step`, counted from 0 over all epochs. An epoch may end with a smaller update.
    pub fn update(&mut self, step: u32, batch: usize) -> &[u32] {
        let updates = self.updates(batch).max(1);
        let start = (step % updates) as usize * batch;
        let order = self.order(step / updates);
        &order[start.min(order.len())..(start + batch).min(order.len())]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_epoch_holds_every_row_once(seed: u64, rows in 1_usize..200, batch in 1_usize..40) {
            let mut epochs = Epochs::new(seed, rows).unwrap();
            let updates = epochs.updates(batch);
            for epoch in 0..2 {
                let mut seen: Vec<u32> = (0..updates)
                    .flat_map(|step| epochs.update(epoch * updates + step, batch).to_vec())
                    .collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..rows as u32).collect::<Vec<_>>());
            }
        }

        #[test]
        fn an_update_does_not_depend_on_those_before(seed: u64, step in 0_u32..60) {
            let mut straight = Epochs::new(seed, 50).unwrap();
            let all: Vec<Vec<u32>> = (0..=step).map(|at| straight.update(at, 8).to_vec()).collect();
            let mut direct = Epochs::new(seed, 50).unwrap();
            prop_assert_eq!(direct.update(step, 8), &all[step as usize][..]);
        }
    }
}

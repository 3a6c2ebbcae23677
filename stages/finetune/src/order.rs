//! Which examples an update holds.

use kernels::Stream;

/// The order of training: each epoch passes over all examples in an order of its own, decided by seed and epoch alone.
pub(crate) struct Order {
    stream: Stream,
    examples: usize,
    batch: usize,
    epoch: Option<(u32, Vec<usize>)>,
}

impl Order {
    /// An order of `examples`, `batch` to an update. The last update of an epoch holds what is left.
    pub(crate) fn new(seed: u64, examples: usize, batch: usize) -> Self {
        Self {
            stream: Stream::new(seed, "order"),
            examples,
            batch,
            epoch: None,
        }
    }

    /// Returns the number of updates in an epoch.
    pub(crate) fn updates(&self) -> u32 {
        self.examples.div_ceil(self.batch) as u32
    }

    /// Returns the examples of the update `step`, counted from 0 over all epochs.
    pub(crate) fn update(&mut self, step: u32) -> &[usize] {
        let (epoch, within) = (step / self.updates(), step % self.updates());
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            let mut order: Vec<usize> = (0..self.examples).collect();
            self.stream.draws(epoch, 0, 0).shuffle(&mut order);
            self.epoch = Some((epoch, order));
        }
        let order = self.epoch.as_ref().map_or(&[][..], |(_, order)| order);
        let start = within as usize * self.batch;
        &order[start..(start + self.batch).min(order.len())]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_epoch_holds_every_example_once(seed: u64, examples in 1_usize..200, batch in 1_usize..40) {
            let mut order = Order::new(seed, examples, batch);
            let updates = order.updates();
            for epoch in 0..2 {
                let mut seen: Vec<usize> = (0..updates)
                    .flat_map(|step| order.update(epoch * updates + step).to_vec())
                    .collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..examples).collect::<Vec<_>>());
            }
        }

        #[test]
        fn an_update_does_not_depend_on_those_before(seed: u64, step in 0_u32..60) {
            let mut straight = Order::new(seed, 50, 8);
            let all: Vec<Vec<usize>> = (0..=step).map(|at| straight.update(at).to_vec()).collect();
            let mut direct = Order::new(seed, 50, 8);
            prop_assert_eq!(direct.update(step), &all[step as usize][..]);
        }
    }
}

//! Tests of the sequences in an update.

use kernels::Stream;
use pretrain::copies::Rates;
use pretrain::feed::{Examples, Feed};
use pretrain::masking::{Masker, Replacement, Strategy, Vocabulary};
use pretrain::plan::{BatchCounts, Plan, Updates};
use tokenize::{Blocks, Split};

use crate::artifact::{VOCABULARY, blocks, tokens};

const BLOCKS: usize = 23;

fn masker(rates: Rates) -> Masker {
    Masker {
        strategy: Strategy::Uniform,
        rates,
        replacement: Replacement::default(),
        mask_special: true,
        vocabulary: Vocabulary::new(VOCABULARY, 4, &[0, 1, 2, 3, 4]),
        stream: Stream::new(5, "mask"),
    }
}

fn plan(copies: usize, steps: u32, batch: usize) -> Plan {
    Plan::new(copies, steps, batch, BatchCounts::Copies, Updates::Fixed)
}

/// Returns the original sequences, with the predicted tokens put back.
fn originals(examples: &Examples) -> Vec<Vec<u32>> {
    examples
        .sequences
        .iter()
        .zip(&examples.targets)
        .map(|(sequence, targets)| {
            let mut ids = sequence.ids.clone();
            for (&position, &id) in targets.positions.iter().zip(&targets.ids) {
                ids[position as usize] = id;
            }
            ids
        })
        .collect()
}

#[test]
fn each_epoch_visits_every_block_once_in_an_order_of_its_own() {
    let folder = tokens(BLOCKS);
    let blocks_of = Blocks::open(folder.path(), Split::Train).unwrap();
    let steps = 3 * BLOCKS as u32;
    let mut feed = Feed::new(&blocks_of, masker(Rates::equal(0.4)), plan(1, steps, 1), 5).unwrap();
    let visited: Vec<_> = (0..steps)
        .flat_map(|step| originals(&feed.update(step).unwrap()))
        .collect();
    let mut expected = blocks(BLOCKS, 1);
    expected.sort();
    let mut orders = Vec::new();
    for epoch in visited.chunks(BLOCKS) {
        let mut sorted = epoch.to_vec();
        sorted.sort();
        assert_eq!(sorted, expected);
        assert!(!orders.contains(&epoch));
        orders.push(epoch);
    }
}

#[test]
fn any_update_can_be_asked_for_first() {
    let folder = tokens(BLOCKS);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let feed = || {
        Feed::new(
            &blocks,
            masker(Rates {
                corrupt: 0.1,
                predict: 0.4,
            }),
            plan(4, 40, 7),
            5,
        )
        .unwrap()
    };
    let mut straight = feed();
    let all: Vec<_> = (0..40).map(|step| straight.update(step).unwrap()).collect();
    for step in [0, 17, 39, 3] {
        assert_eq!(feed().update(step).unwrap(), all[step as usize]);
        assert_eq!(
            straight.update(step).unwrap(),
            all[step as usize],
            "going back"
        );
    }
}

#[test]
fn an_original_on_the_border_is_shared_between_updates() {
    let folder = tokens(BLOCKS);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let feed = |steps, batch| {
        let masker = masker(Rates {
            corrupt: 0.15,
            predict: 0.45,
        });
        let mut feed = Feed::new(&blocks, masker, plan(3, steps, batch), 5).unwrap();
        (0..steps)
            .flat_map(|step| {
                let examples = feed.update(step).unwrap();
                assert_eq!(examples.sequences.len(), batch);
                let samples: Vec<_> = examples.sequences.iter().map(|one| one.sample).collect();
                assert_eq!(samples, (0..batch as u32).collect::<Vec<_>>());
                examples
                    .sequences
                    .into_iter()
                    .map(|sequence| sequence.ids)
                    .zip(examples.targets)
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(feed(12, 5), feed(4, 15));
}

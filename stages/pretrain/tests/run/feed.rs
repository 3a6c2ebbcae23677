//! Tests of the sequences in an update.

use std::sync::Arc;

use kernels::Stream;
use pretrain::copies::Rates;
use pretrain::feed::{Examples, Feed};
use pretrain::masking::{Masker, Vocabulary};
use pretrain::plan::{BatchCounts, Plan, Updates};
use pretrain::rates::{Course, Rate, Schedule, Shape};
use tokenize::{Blocks, Split};

use crate::artifact::{VOCABULARY, blocks, tokens};

const BLOCKS: usize = 23;

fn masker(rates: Rates) -> Masker {
    let vocabulary = Vocabulary::new(VOCABULARY, 4, &[0, 1, 2, 3, 4]);
    Masker::uniform(rates, Arc::new(vocabulary), Stream::new(5, "mask"))
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

fn course(from: f64, to: f64, shape: Shape) -> Rate {
    Rate::Course(Course {
        from,
        to: Some(to),
        shape,
    })
}

/// The share of tokens that are masked follows the schedule, update by update, and what the rates ask for is told beside it.
#[test]
fn a_rate_follows_its_schedule() {
    let folder = tokens(BLOCKS);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let corrupt = course(0.6, 0.2, Shape::Linear);
    let schedule = Schedule {
        corrupt,
        predict: None,
    };
    let feed = |steps| {
        Feed::new(&blocks, masker(Rates::equal(0.2)), plan(1, steps, 200), 5)
            .unwrap()
            .with_rates(schedule)
    };
    let mut straight = feed(10);
    for step in 0..10 {
        let examples = straight.update(step).unwrap();
        let rate = corrupt.at(f64::from(step) / 10.0, 0.0);
        assert!((rate - (0.6 - 0.04 * f64::from(step))).abs() < 1e-12);
        let tally = examples.tally;
        let asked = rate * tally.candidates as f64;
        assert!((examples.asked - asked).abs() < 1e-6);
        // Each of 200 sequences is rounded by itself, so the sum is off by some √200 / 2.
        assert!(
            (tally.corrupted as f64 - asked).abs() < 30.0,
            "{tally:?} {asked}"
        );
        assert_eq!(feed(10).update(step).unwrap(), examples);
    }
    assert_ne!(feed(20).update(5).unwrap(), straight.update(5).unwrap());
}

/// A rate that each sequence draws lies between the ends, is uniform there, and another one at every visit.
#[test]
fn sequences_draw_their_rates() {
    let folder = tokens(BLOCKS);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let schedule = Schedule {
        corrupt: course(0.1, 0.9, Shape::Random),
        predict: None,
    };
    let mut feed = Feed::new(&blocks, masker(Rates::equal(0.5)), plan(1, 1000, 1), 5)
        .unwrap()
        .with_rates(schedule);
    let rates: Vec<f64> = (0..1000)
        .map(|step| {
            let examples = feed.update(step).unwrap();
            examples.asked / examples.tally.candidates as f64
        })
        .collect();
    assert!(rates.iter().all(|rate| (0.1..0.9).contains(rate)));
    let mean = rates.iter().sum::<f64>() / 1000.0;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / 999.0;
    assert!(
        (mean - 0.5).abs() < 5.0 * 0.8 / 12_000.0_f64.sqrt(),
        "{mean}"
    );
    assert!((variance * 12.0 / 0.64 - 1.0).abs() < 0.15, "{variance}");
}

/// Copies of a sequence that are divided between two updates have one rate, so they stay disjoint.
#[test]
fn copies_on_a_border_have_the_rate_of_the_first() {
    let folder = tokens(BLOCKS);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let schedule = Schedule {
        corrupt: course(0.2, 0.15, Shape::Linear),
        predict: Some(course(0.5, 0.4, Shape::Linear)),
    };
    assert_eq!(schedule.differing_copies(), None);
    let mut feed = Feed::new(&blocks, masker(Rates::equal(0.2)), plan(3, 30, 4), 5)
        .unwrap()
        .with_rates(schedule);
    let all: Vec<_> = (0..30)
        .flat_map(|step| feed.update(step).unwrap().targets)
        .collect();
    for copies in all.chunks(3) {
        let mut seen = Vec::new();
        for targets in copies {
            assert!(targets.positions.iter().all(|at| !seen.contains(at)));
            seen.extend_from_slice(&targets.positions);
        }
    }
}

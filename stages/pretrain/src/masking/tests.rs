//! Uniform masking, and what is common to all strategies.

mod laws;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assume, proptest};

use super::{Each, Masked, Masker, Rates, Replacement, Strategy, Stream, Tokens, Vocabulary};

const MASK: u32 = 4;
const SIZE: usize = 1000;

fn vocabulary() -> Vocabulary {
    Vocabulary::new(SIZE, MASK, &[0, 1, 2, 3, MASK])
}

fn masker(rates: Rates, replacement: Replacement) -> Masker {
    Masker {
        replacement,
        ..Masker::uniform(rates, Arc::new(vocabulary()), Stream::new(7, "mask"))
    }
}

/// Returns a block as the stage `tokenize` makes it: [CLS] first, then ordinary tokens.
fn block(length: usize) -> Vec<u32> {
    (0..length as u32)
        .map(|place| if place == 0 { 2 } else { 5 + place * 37 % 995 })
        .collect()
}

fn changed(original: &[u32], masked: &Masked) -> BTreeSet<u32> {
    (0..original.len())
        .filter(|&place| original[place] != masked.ids[place])
        .map(|place| place as u32)
        .collect()
}

/// Uniform masking, implemented independently from its definition.
fn reference(rate: f64, visit: u32, sample: u32, ids: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut draws = Stream::new(7, "mask").draws(visit, sample, 0);
    let count = ((rate * ids.len() as f64 + draws.uniform()).floor() as usize).min(ids.len());
    let mut positions = draws.choose(ids.len(), count);
    positions.sort_unstable();
    let mut masked = ids.to_vec();
    for &position in &positions {
        masked[position] = MASK;
    }
    (
        masked,
        positions
            .into_iter()
            .map(|position| position as u32)
            .collect(),
    )
}

#[test]
fn the_realised_rate_is_the_asked_one() {
    let (rate, length, samples) = (0.15, 127, 4000);
    let masker = masker(Rates::equal(rate), Replacement::default());
    let ids = block(length);
    let (mut total, mut first) = (0, 0);
    for sample in 0..samples {
        let masked = &masker.copies(0, sample, &ids)[0];
        assert!([19, 20].contains(&masked.corrupted), "{}", masked.corrupted);
        total += masked.corrupted;
        first += usize::from(masked.positions.first() == Some(&0));
    }
    // The count varies only by rounding: a Bernoulli number of probability 0.05, whose mean over 4000 has deviation 0.0034.
    let mean = total as f64 / f64::from(samples);
    assert!((mean - rate * length as f64).abs() < 0.015, "{mean}");
    // The [CLS] at the beginning is masked like any other token.
    let share = first as f64 / f64::from(samples);
    assert!(
        (share - rate).abs() < 4.0 * (rate * (1.0 - rate) / f64::from(samples)).sqrt(),
        "{share}"
    );
}

/// Pins the random draws. Other results need a new behaviour version of the stage.
#[test]
fn draws_are_pinned() {
    let replacement = Replacement {
        random: 0.2,
        keep: 0.2,
        each: Each::Token,
    };
    let masked = masker(
        Rates {
            corrupt: 0.2,
            predict: 0.5,
        },
        replacement,
    )
    .copies(3, 5, &block(20));
    let positions: Vec<_> = masked.iter().map(|copy| copy.positions.clone()).collect();
    assert_eq!(
        positions,
        [vec![0, 2, 11, 15], vec![6, 12, 16, 17], vec![3, 8]]
    );
    let shown = [
        4, 42, 4, 116, 153, 190, 227, 264, 301, 338, 375, 564, 449, 486, 523, 673, 597, 634, 671,
        708,
    ];
    assert_eq!(masked[0].ids, shown);
}

#[test]
fn words_are_masked_whole_in_every_copy() {
    // Among ordinary tokens, odd ids continue a word.
    let word_starts = (0..SIZE as u32).map(|id| id < 5 || id % 2 == 0).collect();
    let masker = Masker {
        mask_special: false,
        strategy: Strategy::whole_word(),
        vocabulary: Arc::new(vocabulary().with_word_starts(word_starts)),
        ..masker(
            Rates {
                corrupt: 0.3,
                predict: 0.6,
            },
            Replacement::default(),
        )
    };
    // The words: [CLS] and the rest of a word; two of two tokens; one of one; [SEP]; one of three.
    let ids = [2, 11, 13, 20, 21, 30, 31, 40, 3, 50, 51, 53];
    let words: [&[u32]; 5] = [&[1, 2], &[3, 4], &[5, 6], &[7], &[9, 10, 11]];
    for sample in 0..100 {
        let copies = masker.copies(0, sample, &ids);
        let mut seen = BTreeSet::new();
        for copy in &copies {
            let hidden = changed(&ids, copy);
            assert_eq!(hidden.iter().copied().collect::<Vec<_>>(), copy.positions);
            // Three are asked for, and words have up to three tokens.
            assert!(copy.corrupted <= 5, "{copy:?}");
            for word in words {
                let count = word
                    .iter()
                    .filter(|&position| hidden.contains(position))
                    .count();
                assert!(count == 0 || count == word.len(), "{copy:?}");
            }
            assert!(!hidden.contains(&0) && !hidden.contains(&8));
            assert!(seen.is_disjoint(&hidden));
            seen.extend(hidden);
        }
    }
}

#[test]
fn words_begin_where_the_vocabulary_and_special_tokens_say() {
    let vocabulary = Vocabulary::new(8, 4, &[2, 4])
        .with_word_starts(vec![true, true, true, true, true, true, false]);
    let ids = [6, 5, 6, 2, 6, 6, 7];
    let tokens = Tokens::new(&ids, &[], &vocabulary);
    let found: Vec<bool> = (0..ids.len())
        .map(|position| tokens.begins_word(position))
        .collect();
    assert_eq!(found, [true, true, false, true, true, false, true]);
    assert!(tokens.is_special(3) && !tokens.is_special(4));
}

#[test]
fn special_tokens_can_be_spared() {
    let masker = Masker {
        mask_special: false,
        ..masker(Rates::equal(1.0), Replacement::default())
    };
    let ids = [2, 10, 11, 3, 12, 3];
    let masked = &masker.copies(0, 0, &ids)[0];
    assert_eq!(masked.ids, [2, MASK, MASK, 3, MASK, 3]);
    assert_eq!(masked.positions, [1, 2, 4]);
    assert_eq!(masked.targets, [10, 11, 12]);
}

#[test]
fn replacement_follows_its_shares_and_spares_special_tokens() {
    let masker = masker(
        Rates::equal(1.0),
        Replacement {
            random: 0.1,
            keep: 0.2,
            each: Each::Token,
        },
    );
    let ids = vec![500; 200];
    let (mut same, mut random, mut mask) = (0_u32, 0_u32, 0_u32);
    for sample in 0..100 {
        let masked = &masker.copies(0, sample, &ids)[0];
        assert_eq!(masked.positions.len(), 200, "kept tokens are predicted too");
        for &id in &masked.ids {
            match id {
                500 => same += 1,
                MASK => mask += 1,
                id => {
                    assert!(id >= 5 && (id as usize) < SIZE);
                    random += 1;
                }
            }
        }
    }
    let total = f64::from(same + random + mask);
    for (count, share) in [(same, 0.2), (random, 0.1), (mask, 0.7)] {
        let deviation = (share * (1.0 - share) / total).sqrt();
        assert!(
            (f64::from(count) / total - share).abs() < 5.0 * deviation,
            "{count} {share}"
        );
    }
}

#[test]
fn random_replacements_are_uniform() {
    let masker = Masker {
        vocabulary: Arc::new(Vocabulary::new(15, MASK, &[0, 1, 2, 3, MASK])),
        ..masker(
            Rates::equal(1.0),
            Replacement {
                random: 1.0,
                keep: 0.0,
                each: Each::Token,
            },
        )
    };
    let mut counts = [0_u32; 15];
    for sample in 0..200 {
        for id in &masker.copies(3, sample, &[7; 100])[0].ids {
            counts[*id as usize] += 1;
        }
    }
    assert_eq!(counts[..5], [0; 5]);
    // The chi-square statistic with nine degrees of freedom exceeds 33.7 once in ten thousand cases.
    let statistic: f64 = counts[5..]
        .iter()
        .map(|&n| (f64::from(n) - 2000.0).powi(2) / 2000.0)
        .sum();
    assert!(statistic < 33.7, "{statistic}");
}

#[test]
fn every_visit_and_sample_draws_anew() {
    let masker = masker(Rates::equal(0.4), Replacement::default());
    let ids = block(128);
    let seen: BTreeSet<_> = (0..20)
        .flat_map(|visit| (0..20).map(move |sample| (visit, sample)))
        .map(|(visit, sample)| masker.copies(visit, sample, &ids)[0].positions.clone())
        .collect();
    assert_eq!(seen.len(), 400);
}

#[test]
fn the_predicted_subset_is_uniform_over_the_corrupted() {
    let masker = masker(
        Rates {
            corrupt: 0.4,
            predict: 0.2,
        },
        Replacement::default(),
    );
    let ids = block(20);
    let mut counts = [0_u32; 20];
    for sample in 0..5000 {
        let masked = &masker.copies(0, sample, &ids)[0];
        assert_eq!((masked.corrupted, masked.positions.len()), (8, 4));
        for &position in &masked.positions {
            counts[position as usize] += 1;
        }
    }
    for count in counts {
        assert!(
            (f64::from(count) - 1000.0).abs() < 5.0 * (5000.0_f64 * 0.2 * 0.8).sqrt(),
            "{count}"
        );
    }
}

proptest! {
    #[test]
    fn one_copy_is_uniform_masking_bit_for_bit(
        rate in 0.01..=1.0, length in 0_usize..200, visit in any::<u32>(), sample in any::<u32>(),
    ) {
        let ids = block(length);
        let copies = masker(Rates::equal(rate), Replacement::default()).copies(visit, sample, &ids);
        let (masked, positions) = reference(rate, visit, sample, &ids);
        prop_assert_eq!(copies.len(), 1);
        prop_assert_eq!(&copies[0].ids, &masked);
        prop_assert_eq!(&copies[0].positions, &positions);
    }

    #[test]
    fn predicting_less_changes_no_mask(
        corrupt in 0.05..=1.0, share in 0.05..1.0, length in 1_usize..200, sample in any::<u32>(),
    ) {
        let ids = block(length);
        let all = masker(Rates::equal(corrupt), Replacement::default()).copies(0, sample, &ids);
        let rates = Rates { corrupt, predict: corrupt * share };
        let part = masker(rates, Replacement::default()).copies(0, sample, &ids);
        prop_assert_eq!(&part[0].ids, &all[0].ids);
        let every: BTreeSet<_> = all[0].positions.iter().collect();
        prop_assert!(part[0].positions.iter().all(|position| every.contains(position)));
    }

    #[test]
    fn copies_are_disjoint_and_their_union_is_the_prediction_rate(
        corrupt in 0.02..0.5, predict in 0.02..=1.0, length in 1_usize..200, sample in any::<u32>(),
    ) {
        let ids = block(length);
        let rates = Rates { corrupt, predict };
        prop_assume!(rates.copies() > 1);
        let copies = masker(rates, Replacement::default()).copies(1, sample, &ids);
        let mut union = BTreeSet::new();
        for copy in &copies {
            let positions: BTreeSet<u32> = copy.positions.iter().copied().collect();
            prop_assert_eq!(&changed(&ids, copy), &positions);
            prop_assert!(union.is_disjoint(&positions));
            union.extend(positions);
            for (&position, &target) in copy.positions.iter().zip(&copy.targets) {
                prop_assert_eq!(target, ids[position as usize]);
            }
        }
        // The union is exactly what uniform masking at the prediction rate selects.
        let (_, expected) = reference(predict, 1, sample, &ids);
        prop_assert_eq!(union.into_iter().collect::<Vec<_>>(), expected);
    }
}

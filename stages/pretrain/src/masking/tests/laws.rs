//! What every strategy must obey, at all rates and lengths, and the distributions that each of them has.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernels::Draws;
use proptest::prelude::{
    Just, Strategy as Arbitrary, prop_assert, prop_assert_eq, prop_assert_ne, proptest,
};
use proptest::prop_oneof;

use super::super::{Count, Each, Masker, Ngrams, Replacement, Strategy, Stream, Tokens, Units};
use super::{MASK, Rates, vocabulary};

/// Number of words in the texts below. Word w begins with the id 10 + 2w; an odd id continues a word.
const WORDS: u32 = 40;
const CLS: u32 = 2;
const SEP: u32 = 3;

/// Returns a block: [CLS], words of one to three tokens, now and then a [SEP]. It may end inside a word.
fn block(length: usize, seed: u64) -> Vec<u32> {
    let mut draws = Stream::new(seed, "test block").draws(0, 0, 0);
    let mut ids = vec![CLS];
    while ids.len() < length {
        let word = draws.below(WORDS);
        ids.push(10 + 2 * word);
        for _ in 0..word % 3 {
            ids.push(11 + 2 * word);
        }
        if draws.chance(0.03) {
            ids.push(SEP);
        }
    }
    ids.truncate(length);
    ids
}

/// The words of [`block`] that follow one another in the list: of an even word and the next one, and of four from every eighth on.
fn ngrams() -> Ngrams {
    let word = |word: u32| {
        let continued = (0..word % 3).map(|_| 11 + 2 * word);
        std::iter::once(10 + 2 * word)
            .chain(continued)
            .collect::<Vec<_>>()
    };
    let mut ngrams = Ngrams::default();
    for first in 0..WORDS {
        for second in 0..WORDS {
            if (first + second) % 4 == 0 {
                ngrams.insert(&[word(first), word(second)]);
            }
            if (first * second) % 7 == 1 {
                ngrams.insert(&[word(first), word(second), word((first + second) % WORDS)]);
            }
        }
    }
    ngrams
}

/// A strategy for tests: its name, whether it meets numbers exactly, and the strategy.
#[derive(Clone, Debug)]
struct Case {
    name: &'static str,
    is_exact: bool,
    strategy: Strategy,
}

fn cases() -> Vec<Case> {
    let case = |name, is_exact, strategy| Case {
        name,
        is_exact,
        strategy,
    };
    vec![
        case("uniform", true, Strategy::uniform()),
        case("whole-word", false, Strategy::whole_word()),
        case("spanbert-spans", true, Strategy::spanbert_spans(0.2, 10)),
        case("t5-spans", true, Strategy::t5_spans(3.0)),
        case("pmi", false, Strategy::pmi(ngrams())),
    ]
}

fn masker(strategy: &Strategy, rates: Rates, mask_special: bool) -> Masker {
    let starts = (0..1000_u32).map(|id| id < 10 || id % 2 == 0).collect();
    let vocabulary = Arc::new(vocabulary().with_word_starts(starts));
    Masker {
        strategy: strategy.clone(),
        mask_special,
        ..Masker::uniform(rates, vocabulary, Stream::new(7, "mask"))
    }
}

fn any_case() -> impl Arbitrary<Value = Case> {
    (0..cases().len()).prop_map(|index| cases().swap_remove(index))
}

fn any_length() -> impl Arbitrary<Value = usize> {
    prop_oneof![1_usize..=8, 9_usize..=128, Just(512_usize), 129_usize..=511]
}

/// Returns the words of a sequence as sets of positions.
fn words(masker: &Masker, ids: &[u32]) -> Vec<Vec<usize>> {
    let candidates: Vec<usize> = (0..ids.len())
        .filter(|&at| masker.mask_special || ids[at] > MASK)
        .collect();
    let tokens = Tokens::new(ids, &candidates, &masker.vocabulary);
    tokens.words().map(<[usize]>::to_vec).collect()
}

proptest! {
    /// Copies are disjoint, hold as many tokens as the rates say, and predict what they should, for every strategy.
    #[test]
    fn copies_are_disjoint_and_hold_what_is_asked_for(
        case in any_case(), length in any_length(), corrupt in 0.05..=0.95, predict in 0.05..=1.0_f64,
        sample in 0_u32..1000, mask_special: bool,
    ) {
        let rates = Rates { corrupt, predict };
        let masker = masker(&case.strategy, rates, mask_special);
        let ids = block(length, u64::from(sample));
        let candidates = ids.iter().filter(|&&id| mask_special || id > MASK).count();
        let copies = masker.copies(3, sample, &ids);
        prop_assert_eq!(copies.len(), rates.copies());
        let u = masker.stream.draws(3, sample, 0).uniform();
        let counts = rates.counts(candidates, u);
        let longest = copies
            .iter()
            .flat_map(|copy| copy.units.iter().map(<[usize]>::len))
            .max()
            .unwrap_or(0)
            .max(words(&masker, &ids).iter().map(Vec::len).max().unwrap_or(0) * 3);
        let mut seen = BTreeSet::new();
        let (mut asked, mut got) = (0, 0);
        for (copy, (&size, &predicted)) in
            copies.iter().zip(counts.corrupted.iter().zip(&counts.predicted))
        {
            let selected: BTreeSet<usize> = copy.units.positions().iter().copied().collect();
            prop_assert_eq!(selected.len(), copy.units.positions().len(), "no place twice");
            prop_assert_eq!(selected.len(), copy.corrupted);
            prop_assert!(seen.is_disjoint(&selected));
            seen.extend(selected.iter().copied());
            for (at, (&now, &before)) in copy.ids.iter().zip(&ids).enumerate() {
                prop_assert_eq!(now, if selected.contains(&at) { MASK } else { before });
                prop_assert!(mask_special || before > MASK || !selected.contains(&at));
            }
            asked += size;
            got += copy.corrupted;
            match case.is_exact {
                true => prop_assert_eq!(copy.corrupted, size),
                false => prop_assert!(got.abs_diff(asked) < longest.max(1), "{} {}", got, asked),
            }
            prop_assert!(copy.positions.is_sorted());
            let expected = match predicted == size {
                true => copy.corrupted,
                false => predicted.min(copy.corrupted),
            };
            prop_assert_eq!(copy.positions.len(), expected);
            for (&at, &target) in copy.positions.iter().zip(&copy.targets) {
                prop_assert!(selected.contains(&(at as usize)));
                prop_assert_eq!(target, ids[at as usize]);
            }
            // Units are predicted whole but for the last one.
            let is_predicted = |at: &usize| copy.positions.contains(&(*at as u32));
            let torn = copy.units.iter().filter(|unit| {
                unit.iter().any(is_predicted) && !unit.iter().all(is_predicted)
            });
            prop_assert!(torn.count() <= 1);
            let tally = copy.tally;
            prop_assert_eq!(tally.candidates, candidates as u64);
            prop_assert_eq!(tally.corrupted, copy.corrupted as u64);
            prop_assert_eq!(tally.units, tally.lengths.iter().sum::<u64>());
        }
    }

    /// The same draws for the same place, whatever was masked before.
    #[test]
    fn masks_are_a_function_of_their_place(case in any_case(), length in any_length(), corrupt in 0.05..=0.95, sample in 0_u32..100) {
        let masker = masker(&case.strategy, Rates::equal(corrupt), true);
        let ids = block(length, 1);
        let first = masker.copies(1, sample, &ids);
        masker.copies(1, sample + 1, &ids);
        prop_assert_eq!(masker.copies(1, sample, &ids), first);
    }

    /// Predicting a part of what is corrupted changes no mask.
    #[test]
    fn predicting_less_changes_no_mask(
        case in any_case(), length in any_length(), corrupt in 0.05..=0.95, share in 0.05..1.0, sample in 0_u32..100,
    ) {
        let ids = block(length, 2);
        let all = masker(&case.strategy, Rates::equal(corrupt), true).copies(0, sample, &ids);
        let rates = Rates { corrupt, predict: corrupt * share };
        let part = masker(&case.strategy, rates, true).copies(0, sample, &ids);
        prop_assert_eq!(&part[0].ids, &all[0].ids);
        prop_assert!(part[0].positions.iter().all(|at| all[0].positions.contains(at)));
    }

    #[test]
    fn words_and_entries_stay_whole(length in any_length(), corrupt in 0.05..=0.95, predict in 0.05..=1.0_f64, sample in 0_u32..1000) {
        let ids = block(length, u64::from(sample));
        for strategy in [Strategy::whole_word(), Strategy::pmi(ngrams())] {
            let masker = masker(&strategy, Rates { corrupt, predict }, false);
            let words = words(&masker, &ids);
            for copy in masker.copies(0, sample, &ids) {
                for unit in copy.units.iter() {
                    let touched = words.iter().filter(|word| word.iter().any(|at| unit.contains(at)));
                    let touched: Vec<usize> = touched.flatten().copied().collect();
                    prop_assert_eq!(unit, &touched[..]);
                }
            }
        }
    }

    /// T5's spans: as many as the mean length says, apart from one another, the last at the end.
    #[test]
    fn t5_makes_the_number_of_spans_that_its_mean_asks_for(
        length in any_length(), corrupt in 0.05..=0.95, mean in 1.0..6.0, sample in 0_u32..1000,
    ) {
        let masker = masker(&Strategy::t5_spans(mean), Rates::equal(corrupt), true);
        let ids = block(length, 5);
        let copy = &masker.copies(0, sample, &ids)[0];
        let masked = copy.corrupted;
        let most = (length - masked).max(1);
        let wished = ((masked as f64 / mean).round_ties_even() as usize).clamp(1, most);
        prop_assert_eq!(copy.units.len(), wished.min(masked));
        prop_assert_eq!(copy.units.collisions, 0);
        if masked > 0 {
            prop_assert_eq!(copy.ids[length - 1], MASK);
        }
        if masked > 0 && masked < length {
            prop_assert_ne!(copy.ids[0], MASK);
        }
    }

    /// SpanBERT's spans are those of its definition, written down without regard to speed.
    #[test]
    fn spanbert_is_its_definition(length in any_length(), corrupt in 0.05..=0.95, sample in 0_u32..1000) {
        let masker = masker(&Strategy::spanbert_spans(0.2, 10), Rates::equal(corrupt), true);
        let ids = block(length, u64::from(sample));
        let copy = &masker.copies(0, sample, &ids)[0];
        let mut draws = masker.stream.draws(0, sample, 0);
        let wanted = ((corrupt * length as f64 + draws.uniform()).floor() as usize).min(length);
        let (mask, spans, refused) = spanbert(&masker, &ids, wanted, &mut draws);
        let selected: BTreeSet<usize> = copy.units.positions().iter().copied().collect();
        prop_assert_eq!(&selected, &mask);
        let runs = mask.iter().filter(|&&at| at == 0 || !mask.contains(&(at - 1))).count();
        prop_assert_eq!(copy.units.len(), runs);
        prop_assert_eq!(copy.units.collisions, refused + spans - runs);
    }
}

/// SpanBERT's masking as its paper and code describe it: the masked places, the number of spans, and of places drawn anew.
fn spanbert(
    masker: &Masker,
    ids: &[u32],
    wanted: usize,
    draws: &mut Draws,
) -> (BTreeSet<usize>, usize, usize) {
    let words = words(masker, ids);
    let weights: Vec<f64> = (0..10).map(|l| 0.2 * 0.8_f64.powi(l)).collect();
    let sum: f64 = weights.iter().sum();
    let (mut mask, mut spans, mut refused) = (BTreeSet::new(), 0, 0);
    while mask.len() < wanted {
        let u = draws.uniform();
        let mut below = 0.0;
        let span = weights.iter().position(|weight| {
            below += weight / sum;
            u < below
        });
        let anchor = draws.index(ids.len());
        if mask.contains(&anchor) {
            refused += 1;
            continue;
        }
        spans += 1;
        let first = words
            .iter()
            .position(|word| word.contains(&anchor))
            .unwrap_or(0);
        let span = span.unwrap_or(9) + 1;
        for at in words.iter().skip(first).take(span).flatten() {
            if mask.len() < wanted {
                mask.insert(*at);
            }
        }
    }
    (mask, spans, refused)
}

/// The mean rate is the one asked for, whatever the strategy, the rate and the length, to 5 standard deviations of the mean.
#[test]
fn the_rate_is_right_in_the_mean() {
    for case in cases() {
        for count in [Count::Exact, Count::Bernoulli] {
            if count == Count::Bernoulli && ["spanbert-spans", "t5-spans"].contains(&case.name) {
                continue;
            }
            for length in [1, 2, 5, 31, 128, 512] {
                for rate in [0.05, 0.15, 0.4, 0.75, 0.95] {
                    let masker = Masker {
                        count,
                        ..masker(&case.strategy, Rates::equal(rate), true)
                    };
                    let samples = (20_000 / length).clamp(100, 2000) as u32;
                    let counts: Vec<f64> = (0..samples)
                        .map(|sample| {
                            let ids = block(length, u64::from(sample % 50));
                            masker.copies(0, sample, &ids)[0].corrupted as f64
                        })
                        .collect();
                    is_near(
                        &counts,
                        rate * length as f64,
                        1.0 / f64::from(samples),
                        &|| format!("{} {count:?} {length} {rate}", case.name),
                    );
                }
            }
        }
    }
}

/// The same for the copies of a sequence where more is predicted than corrupted.
#[test]
fn each_copy_has_its_rate_in_the_mean() {
    for case in cases() {
        let rates = Rates {
            corrupt: 0.15,
            predict: 0.40,
        };
        let masker = masker(&case.strategy, rates, true);
        let ids = block(64, 3);
        let mut counts = [const { Vec::new() }; 3];
        for sample in 0..2000 {
            for (counts, copy) in counts.iter_mut().zip(masker.copies(0, sample, &ids)) {
                counts.push(copy.corrupted as f64);
            }
        }
        for (counts, rate) in counts.iter().zip([0.15, 0.15, 0.10]) {
            is_near(counts, rate * 64.0, 0.0, &|| {
                format!("{} {rate}", case.name)
            });
        }
    }
}

/// Asserts that a mean is what is expected, to 5 standard deviations and `slack`.
fn is_near(counts: &[f64], expected: f64, slack: f64, what: &dyn Fn() -> String) {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let deviation = (variance.max(1.0 / n) / n).sqrt();
    assert!(
        (mean - expected).abs() <= 5.0 * deviation + slack,
        "{}: {mean} for {expected}, deviation {deviation}",
        what()
    );
}

/// Independent draws: the number of masked tokens is binomially distributed.
#[test]
fn independent_draws_are_binomial() {
    let rate = 0.3;
    let ids = block(200, 1);
    let masker = Masker {
        count: Count::Bernoulli,
        ..masker(&Strategy::uniform(), Rates::equal(rate), true)
    };
    let counts: Vec<f64> = (0..5000)
        .map(|sample| masker.copies(0, sample, &ids)[0].corrupted as f64)
        .collect();
    let mean = counts.iter().sum::<f64>() / 5000.0;
    let variance = counts.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4999.0;
    let expected = 200.0 * rate * (1.0 - rate);
    // The variance of 5000 nearly normal numbers has a relative deviation of √(2/5000) = 2 %.
    assert!(
        (variance / expected - 1.0).abs() < 0.1,
        "{variance} {expected}"
    );
    // And a part of what is corrupted is predicted, each token by itself.
    let part = Masker {
        rates: Rates {
            corrupt: 0.3,
            predict: 0.1,
        },
        ..masker
    };
    let predicted: Vec<f64> = (0..5000)
        .map(|sample| part.copies(0, sample, &ids)[0].positions.len() as f64)
        .collect();
    is_near(&predicted, 20.0, 0.0, &|| "predicted".into());
}

/// The lengths of T5's spans: of the C(n − 1, s − 1) ways to cut n tokens into s spans, C(n − l − 1, s − 2) begin with one of l.
#[test]
fn t5_lengths_are_those_of_a_random_composition() {
    let masker = masker(&Strategy::t5_spans(3.0), Rates::equal(0.4), true);
    let ids = block(125, 1);
    let (tokens, spans, samples) = (50_u32, 17_u32, 4000_u32);
    let mut counts = vec![0_u32; 51];
    for sample in 0..samples {
        let copy = &masker.copies(0, sample, &ids)[0];
        assert_eq!(copy.units.len(), spans as usize);
        for unit in copy.units.iter() {
            counts[unit.len()] += 1;
        }
    }
    let choose = |n: u32, k: u32| (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
    let total = f64::from(samples * spans);
    for length in 1..=12 {
        let p = choose(tokens - length - 1, spans - 2) / choose(tokens - 1, spans - 1);
        let found = f64::from(counts[length as usize]) / total;
        let deviation = (p * (1.0 - p) / total).sqrt();
        assert!((found - p).abs() < 5.0 * deviation, "{length}: {found} {p}");
    }
}

/// Where little is masked, SpanBERT's spans seldom meet, and there are as many as it takes of the distribution's lengths to reach the
/// number of tokens.
#[test]
fn spanbert_draws_as_many_spans_as_its_lengths_ask_for() {
    let ids: Vec<u32> = (0..512).map(|at| 10 + at).collect();
    let stream = Stream::new(7, "mask");
    let masker = Masker {
        strategy: Strategy::spanbert_spans(0.2, 10),
        ..Masker::uniform(Rates::equal(0.05), Arc::new(vocabulary()), stream)
    };
    let (samples, mut drawn, mut met) = (2000, 0, 0);
    for sample in 0..samples {
        let copy = &masker.copies(0, sample, &ids)[0];
        drawn += copy.units.len() + copy.units.collisions;
        met += copy.units.collisions;
    }
    // The number of spans until so many tokens are reached: of 25 in two sequences of five, else 26.
    let weights: Vec<f64> = (0..10).map(|l| 0.2 * 0.8_f64.powi(l)).collect();
    let sum: f64 = weights.iter().sum();
    let mut until = vec![0.0; 27];
    for tokens in 1..27_usize {
        let parts = weights.iter().zip(1..);
        let rest = parts.map(|(weight, l)| weight / sum * until[tokens.saturating_sub(l)]);
        until[tokens] = 1.0 + rest.sum::<f64>();
    }
    let expected = 0.4 * until[25] + 0.6 * until[26];
    let found = drawn as f64 / f64::from(samples);
    // Draws that meet others add a few in a hundred.
    assert!((found / expected - 1.0).abs() < 0.08, "{found} {expected}");
    assert!((met as f64) < 0.12 * drawn as f64, "{met} {drawn}");
}

/// At high rates most draws of SpanBERT's meet masked places; T5's never do.
#[test]
fn collisions_grow_with_the_rate() {
    let ids = block(128, 4);
    let collisions = |strategy: &Strategy, rate: f64| {
        let masker = masker(strategy, Rates::equal(rate), true);
        let counted = (0..300).map(|sample| masker.copies(0, sample, &ids)[0].units.collisions);
        counted.sum::<usize>()
    };
    let spanbert = Strategy::spanbert_spans(0.2, 10);
    let found = [0.15, 0.4, 0.8].map(|rate| collisions(&spanbert, rate));
    assert!(
        found[0] * 3 < found[1] && found[1] * 3 < found[2],
        "{found:?}"
    );
    assert_eq!(collisions(&Strategy::t5_spans(3.0), 0.8), 0);
}

#[test]
fn a_draw_for_a_span_decides_for_all_of_its_tokens() {
    let (mut kept, mut masked, mut random) = (0_u32, 0_u32, 0_u32);
    for case in cases() {
        for each in [Each::Token, Each::Span] {
            let masker = Masker {
                replacement: Replacement {
                    random: 0.3,
                    keep: 0.3,
                    each,
                },
                ..masker(&case.strategy, Rates::equal(0.5), true)
            };
            let mut torn = 0;
            for sample in 0..300 {
                let ids = block(100, u64::from(sample));
                let copy = &masker.copies(0, sample, &ids)[0];
                assert_eq!(copy.positions.len(), copy.corrupted);
                for unit in copy.units.iter() {
                    let masks = unit.iter().filter(|&&at| copy.ids[at] == MASK).count();
                    let same = unit.iter().filter(|&&at| copy.ids[at] == ids[at]).count();
                    torn += usize::from(masks > 0 && masks < unit.len());
                    if each == Each::Span {
                        kept += u32::from(same == unit.len());
                        masked += u32::from(masks == unit.len());
                        random += u32::from(masks == 0 && same < unit.len());
                    }
                }
            }
            let has_long_units = case.name != "uniform";
            assert_eq!(
                torn > 0,
                each == Each::Token && has_long_units,
                "{}",
                case.name
            );
        }
    }
    let total = f64::from(kept + masked + random);
    for (count, share) in [(kept, 0.3), (masked, 0.4), (random, 0.3)] {
        let found = f64::from(count) / total;
        assert!((found - share).abs() < 0.01, "{found} {share}");
    }
}

#[test]
fn shuffled_units_are_the_same_units() {
    let mut units = Units::default();
    for unit in [&[1, 2][..], &[5], &[7, 8, 9]] {
        units.push(unit);
    }
    let shuffled = units.shuffled(&mut Stream::new(1, "test").draws(0, 0, 0));
    let sorted = |units: &Units| units.iter().map(<[usize]>::to_vec).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&units), sorted(&shuffled));
    assert_eq!(units.len(), 3);
}

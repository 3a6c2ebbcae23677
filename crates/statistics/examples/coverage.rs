//! How often intervals hold the truth, and how often a difference is called where there is none, in simulated data.
//!
//! ```text
//! cargo run -p statistics --release --example coverage
//! ```
//!
//! It prints the tables of `benches/README.md`, section Statistics, the same on every machine and any number of threads.
//!
//! The model: run s of row r is right about example i if
//!
//! ```text
//! 1.1 + shift(r) + quality(r, s) + ease(i) + suits(r, i) + luck(r, s, i) > 0
//! ```
//!
//! with independent normal terms. The standard deviations are 1 for ease, 0.5 for suits (what one row is good at), and for quality
//! and luck those of the table; half of the variance of quality is shared by the runs of one seed where seeds are paired. That
//! makes an accuracy of about 80 %. A row's true accuracy is the probability of being right. With one run on each side the truth
//! is that of these two runs, and both have the same quality. Rows without a shift are exchangeable, so that the true difference
//! of any score is zero.

#![allow(clippy::print_stdout)]

use kernels::Stream;
use rayon::prelude::*;
use statistics::{Comparison, Drawing, Options, Score, Stratum, Unit, Verdict, judge, resample};

const DATA_SETS: u32 = 2_000;
const EXAMPLES: usize = 300;
const DRAWS: u32 = 1_000;
const LEVEL: f64 = 0.95;
/// What all runs have in common: 80 % are right.
const MIDDLE: f64 = 1.1;
const EASE: f64 = 1.0;
const SUITS: f64 = 0.5;
/// The share of examples of class 1.
const ONES: f64 = 0.4;

#[derive(Clone, Copy)]
enum Scored {
    Accuracy,
    F1,
}

#[derive(Clone, Copy)]
struct Case {
    scored: Scored,
    paired: bool,
    seeds: usize,
    /// By how much rows other than the base are better, before the threshold.
    shift: f64,
    /// The standard deviation of the runs' quality.
    quality: f64,
    /// The standard deviation of what is right or wrong by the luck of one run.
    luck: f64,
    /// How many rows are compared with the base.
    others: usize,
}

impl Case {
    const fn paired(seeds: usize) -> Self {
        Self {
            scored: Scored::Accuracy,
            paired: true,
            seeds,
            shift: 0.0,
            quality: 0.1,
            luck: 0.5,
            others: 1,
        }
    }

    const fn unpaired(seeds: usize) -> Self {
        Self {
            paired: false,
            ..Self::paired(seeds)
        }
    }

    /// The true difference between two rows, in points.
    fn truth(&self) -> f64 {
        let quality = if self.seeds == 1 { 0.0 } else { self.quality };
        let variance = EASE * EASE + SUITS * SUITS + self.luck * self.luck + quality * quality;
        let accuracy = |middle: f64| 0.5 * libm::erfc(-middle / (2.0 * variance).sqrt());
        100.0 * (accuracy(MIDDLE + self.shift) - accuracy(MIDDLE))
    }
}

/// What was found in all data sets, in percent.
struct Found {
    bootstrap_holds: f64,
    student_holds: Option<f64>,
    /// A difference is called: by the rule, by the bootstrap alone, by Student's t alone. Of several comparisons, any.
    rule: f64,
    bootstrap: f64,
    student: Option<f64>,
}

/// Simulates a data set: for each row (the base first) and run, of each example whether it is right; and the labels.
fn simulate(case: &Case, place: u32) -> (Vec<Vec<Vec<bool>>>, Vec<bool>) {
    let stream = Stream::new(case.seeds as u64, "simulation");
    // Normal numbers of a purpose.
    let normal = |purpose: u32, part: u32, count: usize| -> Vec<f64> {
        let mut draws = stream.draws(place, purpose, part);
        (0..count).map(|_| draws.normal_pair()[0]).collect()
    };
    let ease = normal(0, 0, EXAMPLES);
    let shared = normal(1, 0, case.seeds);
    let mut draws = stream.draws(place, 2, 0);
    let labels = (0..EXAMPLES).map(|_| draws.chance(ONES)).collect();
    let rows = 0..=case.others;
    let right = rows.map(|row| {
        let suits = normal(3, row as u32, EXAMPLES);
        let own = normal(4, row as u32, case.seeds);
        let shift = if row == 0 { 0.0 } else { case.shift };
        let runs = (0..case.seeds).map(|seed| {
            let quality = match case.paired {
                _ if case.seeds == 1 => 0.0,
                true => case.quality * 0.5f64.sqrt() * (shared[seed] + own[seed]),
                false => case.quality * own[seed],
            };
            let luck = normal(5 + row as u32, seed as u32, EXAMPLES);
            let is_right = |example: usize| {
                let sum = EASE * ease[example] + SUITS * suits[example] + case.luck * luck[example];
                MIDDLE + shift + quality + sum > 0.0
            };
            (0..EXAMPLES).map(is_right).collect()
        });
        runs.collect()
    });
    (right.collect(), labels)
}

/// Scores a run on drawn examples.
fn score(scored: Scored, right: &[bool], labels: &[bool], counts: &[u32]) -> f64 {
    match scored {
        Scored::Accuracy => {
            let right = right.iter().zip(counts);
            let sum: u32 = right.map(|(right, count)| u32::from(*right) * count).sum();
            100.0 * f64::from(sum) / EXAMPLES as f64
        }
        Scored::F1 => {
            let (mut both, mut either) = (0, 0);
            for ((right, label), count) in right.iter().zip(labels).zip(counts) {
                let (right, label) = (u32::from(*right), u32::from(*label));
                let predicted = 1 - (right ^ label);
                both += predicted * label * count;
                either += (predicted + label) * count;
            }
            match either {
                0 => 0.0,
                either => 200.0 * f64::from(both) / f64::from(either),
            }
        }
    }
}

/// Compares each other row of a data set with the base, by what `pipe` compares with.
fn compare(case: &Case, place: u32, options: &Options) -> Vec<Comparison> {
    let (rows, labels) = simulate(case, place);
    let runs: Vec<_> = rows
        .iter()
        .flatten()
        .map(|right| |counts: &[Vec<u32>]| score(case.scored, right, &labels, &counts[0]))
        .collect();
    let scores: Vec<Score<'_>> = runs.iter().map(|run| run as Score<'_>).collect();
    let stratum = Stratum {
        name: "simulated",
        examples: EXAMPLES,
    };
    let draws = resample(&[stratum], &scores, options.drawing);
    let all = [vec![1; EXAMPLES]];
    let units: Vec<Unit> = runs
        .iter()
        .zip(draws)
        .map(|(run, draws)| Unit {
            score: run(&all),
            draws,
        })
        .collect();
    let sides: Vec<&[Unit]> = units.chunks(case.seeds).collect();
    sides[1..]
        .iter()
        .map(|other| Comparison::of(sides[0], other, case.paired, options))
        .collect()
}

fn run(case: &Case) -> Found {
    let truth = case.truth();
    let corrected = |p: Vec<f64>| statistics::holm(&p).iter().any(|p| *p <= 1.0 - LEVEL);
    let found: Vec<[Option<bool>; 5]> = (0..DATA_SETS)
        .into_par_iter()
        .map(|place| {
            let options = Options {
                drawing: Drawing {
                    draws: DRAWS,
                    seed: u64::from(place),
                },
                level: LEVEL,
            };
            let all = compare(case, place, &options);
            let bootstraps: Vec<_> = all.iter().filter_map(|one| one.bootstrap).collect();
            let students: Vec<_> = all.iter().filter_map(|one| one.student).collect();
            let holds = |low: f64, high: f64| low <= truth && truth <= high;
            let judged = judge(&all.iter().collect::<Vec<_>>(), LEVEL);
            let is_called = |verdict| matches!(verdict, Verdict::Higher | Verdict::Lower);
            let student = students.first();
            [
                bootstraps
                    .first()
                    .map(|it| holds(it.interval.low, it.interval.high)),
                student.map(|it| holds(it.interval.low, it.interval.high)),
                Some(judged.iter().any(|one| is_called(one.verdict))),
                Some(corrected(bootstraps.iter().map(|it| it.p).collect())),
                student.map(|_| corrected(students.iter().map(|it| it.p).collect())),
            ]
        })
        .collect();
    let share = |column: usize| {
        let known: Vec<bool> = found.iter().filter_map(|it| it[column]).collect();
        let yes = known.iter().filter(|it| **it).count();
        (!known.is_empty()).then(|| 100.0 * yes as f64 / known.len() as f64)
    };
    Found {
        bootstrap_holds: share(0).unwrap_or(f64::NAN),
        student_holds: share(1),
        rule: share(2).unwrap_or(f64::NAN),
        bootstrap: share(3).unwrap_or(f64::NAN),
        student: share(4),
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
}

fn line(case: &Case) {
    let found = run(case);
    let scored = match case.scored {
        Scored::Accuracy => "accuracy",
        Scored::F1 => "F1",
    };
    let pairing = if case.paired { "paired" } else { "unpaired" };
    println!(
        "| {scored} | {pairing} | {} | {} | {} | {:.1} | {:.1} | {} | {:.1} | {:.1} | {} |",
        case.quality,
        case.luck,
        case.seeds,
        case.truth(),
        found.bootstrap_holds,
        percent(found.student_holds),
        found.rule,
        found.bootstrap,
        percent(found.student),
    );
}

fn main() {
    println!(
        "| score | seeds are | quality | luck | seeds | true difference | bootstrap holds it | Student holds it | called by the rule \
         | by the bootstrap alone | by Student alone |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut cases = [1, 3, 5, 10, 20, 40].map(Case::paired).to_vec();
    cases.extend([3, 5, 10, 20].map(Case::unpaired));
    cases.extend([3, 5, 10, 20, 40].map(|seeds| Case {
        quality: 0.5,
        ..Case::paired(seeds)
    }));
    cases.extend([3, 20, 40].map(|seeds| Case {
        luck: 1.0,
        ..Case::paired(seeds)
    }));
    cases.extend([3, 20].map(|seeds| Case {
        scored: Scored::F1,
        ..Case::paired(seeds)
    }));
    cases.extend([3, 20].map(|seeds| Case {
        shift: 0.15,
        ..Case::paired(seeds)
    }));
    cases.iter().for_each(line);
    println!();
    println!(
        "| paired comparisons with one base | seeds | any called by the rule | by the bootstrap alone | by Student alone |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for seeds in [3, 5, 10, 20] {
        let case = Case {
            others: 10,
            ..Case::paired(seeds)
        };
        let found = run(&case);
        println!(
            "| {} | {seeds} | {:.1} | {:.1} | {} |",
            case.others,
            found.rule,
            found.bootstrap,
            percent(found.student),
        );
    }
}

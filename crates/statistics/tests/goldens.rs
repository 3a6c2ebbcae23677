//! Agreement with the published Multi-Bootstrap, SciPy and statsmodels. The goldens were made by `tests/goldens/multibootstrap.py` and
//! `tests/goldens/from_scipy.py`.

#![allow(clippy::unwrap_used)]

use metrics::Rescorer;
use metrics::examples::{Examples, Pairs};
use metrics::predictions::Name;
use metrics::scores::Score;
use serde::Deserialize;
use statistics::{
    Drawn, Permutation, Picked, Student, Unit, differences, holm, normal_quantile, quantile,
    t_quantile, two_sided,
};

#[derive(Deserialize)]
struct Bootstrapped {
    score: String,
    paired: bool,
    labels: Vec<f64>,
    runs: Vec<Run>,
    orders: Vec<Vec<u32>>,
    picked: Vec<Vec<Vec<usize>>>,
    examples: Vec<Vec<usize>>,
    differences: Vec<f64>,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Run {
    seed: u32,
    other: bool,
    predictions: Vec<f64>,
}

impl Bootstrapped {
    fn rescorer(&self, run: &Run) -> Rescorer {
        let name = |place: usize| Name {
            set: "golden".to_owned(),
            subset: String::new(),
            split: "validation".to_owned(),
            example: format!("{place:04}"),
        };
        let examples = Examples {
            names: (0..self.labels.len()).map(name).collect(),
            pairs: Some(Pairs {
                labels: self.labels.clone(),
                predictions: run.predictions.clone(),
            }),
            measures: Vec::new(),
        };
        let metric = metrics::Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == self.score)
            .unwrap();
        let score = Score {
            name: self.score.clone(),
            value: 100.0 * metric.of(&run.predictions, &self.labels).unwrap(),
            unit: metric.unit().to_owned(),
            split: "validation".to_owned(),
            examples: self.labels.len() as u64,
            main: true,
            undefined: None,
        };
        Rescorer::new(&score, &examples).unwrap()
    }

    /// How often each example was drawn, by draw.
    fn counts(&self) -> Vec<Vec<u32>> {
        let counts = self.examples.iter().map(|drawn| {
            let mut counts = vec![0; self.labels.len()];
            for place in drawn {
                counts[*place] += 1;
            }
            counts
        });
        counts.collect()
    }

    /// The seeds of a side in the order that picks count by.
    fn order(&self, other: bool) -> Vec<u32> {
        let side = if self.paired { 0 } else { usize::from(other) };
        self.orders.get(side).cloned().unwrap_or_else(|| {
            // Where no seeds are drawn their order does not matter.
            let of_side = self.runs.iter().filter(|run| run.other == other);
            let mut seeds: Vec<u32> = of_side.map(|run| run.seed).collect();
            seeds.sort_unstable();
            seeds.dedup();
            seeds
        })
    }

    fn side(&self, other: bool) -> Vec<Unit> {
        let counts = self.counts();
        let unit = |run: &Run| {
            let rescorer = self.rescorer(run);
            let score = |counts: &Vec<u32>| rescorer.score(std::slice::from_ref(counts)) / 100.0;
            Unit {
                score: score(&vec![1; self.labels.len()]),
                draws: counts.iter().map(score).collect(),
            }
        };
        let units = self.order(other).into_iter().map(|seed| {
            let of_seed = |run: &&Run| run.seed == seed && run.other == other;
            let runs: Vec<Unit> = self.runs.iter().filter(of_seed).map(unit).collect();
            Unit::average(&runs).unwrap()
        });
        units.collect()
    }
}

#[test]
fn the_same_draws_give_the_published_differences() {
    let text = include_str!("goldens/multibootstrap.json");
    let cases: Vec<Bootstrapped> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 32);
    for (place, case) in cases.iter().enumerate() {
        let (base, other) = (case.side(false), case.side(true));
        let drawn = match (case.orders.is_empty(), case.examples.is_empty()) {
            (true, _) => Drawn::Examples,
            (_, true) => Drawn::Seeds,
            _ => Drawn::Both,
        };
        // Paired, one choice is of both sides.
        let of = |picked: &Vec<Vec<usize>>| picked.first().cloned().zip(picked.last().cloned());
        let picked: Vec<Picked> = case.picked.iter().filter_map(of).map(Into::into).collect();
        let draws = case.differences.len();
        let mut found = differences([&base, &other], draws, drawn, &|draw| &picked[draw]);
        for (one, expected) in found.iter().zip(&case.differences) {
            assert!(
                (one - expected).abs() < 1e-12,
                "case {place}, {}: {one} {expected}",
                case.score
            );
        }
        found.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&found, 0.025), quantile(&found, 0.975));
        assert!((low - case.low).abs() < 1e-12 && (high - case.high).abs() < 1e-12);
    }
}

#[derive(Deserialize)]
struct Tests {
    t_tests: TTests,
    distribution: Distribution,
    permutations: Permutations,
    holm: Vec<[Vec<f64>; 2]>,
}

#[derive(Deserialize)]
struct TTests {
    paired: Vec<TTest>,
    fixed: Vec<TTest>,
    unpaired: Vec<TTest>,
}

#[derive(Deserialize)]
struct TTest {
    base: Vec<f64>,
    other: Vec<f64>,
    t: f64,
    freedom: f64,
    p: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Distribution {
    /// Degrees of freedom, probability, quantile.
    quantiles: Vec<[f64; 3]>,
    /// Degrees of freedom, t, probability of |T| ≥ t.
    tails: Vec<[f64; 3]>,
    normals: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct Permutations {
    paired: Vec<Permuted>,
    unpaired: Vec<Permuted>,
}

#[derive(Deserialize)]
struct Permuted {
    #[serde(default)]
    base: Vec<f64>,
    other: Vec<f64>,
    p: f64,
}

fn tests() -> Tests {
    serde_json::from_str(include_str!("goldens/from_scipy.json")).unwrap()
}

/// Asserts that a number is right to 1e-9 of its own size, however small it is.
#[track_caller]
fn assert_equal(found: f64, expected: f64, what: &str) {
    let difference = (found - expected).abs();
    assert!(
        difference <= 1e-9 * expected.abs(),
        "{what}: {found:e}, SciPy has {expected:e}"
    );
}

#[test]
fn t_tests_are_those_of_scipy() {
    let TTests {
        paired,
        fixed,
        unpaired,
    } = tests().t_tests;
    let pairs = |test: &TTest| -> Vec<f64> {
        let of =
            |(place, score): (usize, &f64)| score - test.base.get(place).unwrap_or(&test.base[0]);
        test.other.iter().enumerate().map(of).collect()
    };
    let dependent = paired.iter().chain(&fixed);
    let dependent = dependent.map(|test| (test, Student::paired(&pairs(test), 0.95)));
    let independent = unpaired
        .iter()
        .map(|test| (test, Student::unpaired(&test.base, &test.other, 0.95)));
    for (place, (test, found)) in dependent.chain(independent).enumerate() {
        let (found, what) = (found.unwrap(), |part| format!("test {place}, {part}"));
        assert_equal(found.t, test.t, &what("t"));
        assert_equal(found.freedom, test.freedom, &what("freedom"));
        assert_equal(found.p, test.p, &what("p"));
        // An end near zero is right to 1e-9 of the interval's size.
        let width = test.high - test.low;
        for (end, expected) in [
            (found.interval.low, test.low),
            (found.interval.high, test.high),
        ] {
            assert!(
                (end - expected).abs() <= 1e-9 * width.max(expected.abs()),
                "{}",
                what("interval")
            );
        }
    }
}

#[test]
fn the_t_distribution_is_that_of_scipy() {
    let Distribution {
        quantiles,
        tails,
        normals,
    } = tests().distribution;
    for [freedom, t, expected] in tails {
        assert_equal(
            two_sided(t, freedom),
            expected,
            &format!("t {t}, {freedom}"),
        );
        assert_eq!(two_sided(-t, freedom), two_sided(t, freedom));
    }
    for [freedom, probability, expected] in quantiles {
        let found = t_quantile(probability, freedom);
        assert_equal(
            found,
            expected,
            &format!("quantile {probability}, {freedom}"),
        );
    }
    for [probability, expected] in normals {
        assert_equal(
            normal_quantile(probability),
            expected,
            &format!("normal {probability}"),
        );
    }
}

#[test]
fn exact_permutation_tests_are_those_of_scipy() {
    let Permutations { paired, unpaired } = tests().permutations;
    for (place, test) in paired.iter().enumerate() {
        let found = Permutation::paired(&test.other, 0).unwrap();
        assert!(found.exact);
        assert_equal(found.p, test.p, &format!("paired {place}"));
    }
    for (place, test) in unpaired.iter().enumerate() {
        let found = Permutation::unpaired(&test.base, &test.other, 0).unwrap();
        assert!(found.exact);
        assert_equal(found.p, test.p, &format!("unpaired {place}"));
    }
}

#[test]
fn holm_is_that_of_statsmodels() {
    for [values, expected] in tests().holm {
        for (found, expected) in holm(&values).into_iter().zip(expected) {
            assert_equal(found, expected, "holm");
        }
    }
}

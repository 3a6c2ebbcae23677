//! The Multi-Bootstrap (Sellam et al., *The MultiBERTs*, 2022, section 3): how a difference of scores varies over seeds and over
//! examples, both drawn with replacement.
//!
//! A draw of examples is the same for all runs. Each run is scored on the drawn examples, so that scores which are no means
//! (F1, Matthews' and Spearman's coefficients) are right; then the scores of drawn seeds are averaged.

use kernels::Stream;
use rayon::prelude::*;

use crate::mean;

/// How examples and seeds are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawing {
    /// How many times.
    pub draws: u32,
    /// The seed of all draws.
    pub seed: u64,
}

/// Examples that are drawn among themselves: those of one data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stratum<'a> {
    /// Its name. Strata of one name and size have the same draws, whatever is scored on them.
    pub name: &'a str,
    /// How many examples it has.
    pub examples: usize,
}

/// A run's score on drawn examples: how often each example of each stratum was drawn → the score, NaN where it is undefined.
pub type Score<'a> = &'a (dyn Fn(&[Vec<u32>]) -> f64 + Sync);

/// Scores runs on drawn examples. Returns for each run the score on each draw; all runs have the same draws, and neither these nor
/// the scores depend on the number of threads.
pub fn resample(strata: &[Stratum<'_>], runs: &[Score<'_>], drawing: Drawing) -> Vec<Vec<f64>> {
    let streams: Vec<Stream> = strata
        .iter()
        .map(|stratum| Stream::new(drawing.seed, &format!("examples of {}", stratum.name)))
        .collect();
    let empty = || -> Vec<Vec<u32>> {
        let counts = strata.iter().map(|stratum| vec![0; stratum.examples]);
        counts.collect()
    };
    let by_draw: Vec<Vec<f64>> = (0..drawing.draws)
        .into_par_iter()
        .map_init(empty, |counts, draw| {
            for (stream, counts) in streams.iter().zip(counts.iter_mut()) {
                counts.fill(0);
                let mut draws = stream.draws(draw, 0, 0);
                let all = counts.len();
                for _ in 0..all {
                    counts[draws.index(all)] += 1;
                }
            }
            runs.iter().map(|score| score(counts)).collect()
        })
        .collect();
    (0..runs.len())
        .map(|run| by_draw.iter().map(|scores| scores[run]).collect())
        .collect()
}

/// What a seed gave: the mean over the runs that share it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// The score on all examples.
    pub score: f64,
    /// The score on each draw of examples; empty where examples are not known.
    pub draws: Vec<f64>,
}

impl Unit {
    /// Averages units; `None` for none. Draws are kept only where all have them.
    pub fn average(units: &[Self]) -> Option<Self> {
        let draws = units.iter().map(|unit| unit.draws.len()).min()?;
        let column = |get: &dyn Fn(&Self) -> f64| {
            let values: Vec<f64> = units.iter().map(get).collect();
            mean(&values)
        };
        Some(Self {
            score: column(&|unit| unit.score),
            draws: (0..draws)
                .map(|draw| column(&|unit| unit.draws[draw]))
                .collect(),
        })
    }
}

/// What is drawn with replacement; what is not drawn is taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Seeds and examples.
    Both,
    /// Seeds alone.
    Seeds,
    /// Examples alone.
    Examples,
}

/// The seeds of a draw, by their places: of the base, and of the other side.
pub type Picked = [Vec<usize>; 2];

/// Returns what gives the seeds of a draw. Paired, both sides have the same.
pub(crate) fn pick(drawing: Drawing, seeds: [usize; 2], paired: bool) -> impl Fn(u32) -> Picked {
    let streams = ["seeds", "seeds of the other"].map(|purpose| Stream::new(drawing.seed, purpose));
    move |draw| {
        let of = |side: usize| -> Vec<usize> {
            let mut draws = streams[side].draws(draw, 0, 0);
            (0..seeds[side]).map(|_| draws.index(seeds[side])).collect()
        };
        let base = of(0);
        let other = if paired { base.clone() } else { of(1) };
        [base, other]
    }
}

/// Returns the difference, other less base, of each draw; NaN where a score is undefined on it. `picked` gives the seeds of each
/// draw.
pub fn differences<'p>(
    [base, other]: [&[Unit]; 2],
    draws: usize,
    drawn: Drawn,
    picked: &dyn Fn(usize) -> &'p Picked,
) -> Vec<f64> {
    let all = [(0..base.len()).collect(), (0..other.len()).collect()];
    (0..draws)
        .map(|draw| {
            let [of_base, of_other] = match drawn {
                Drawn::Examples => &all,
                Drawn::Both | Drawn::Seeds => picked(draw),
            };
            let side = |units: &[Unit], places: &[usize]| {
                let scores = places.iter().map(|place| match drawn {
                    Drawn::Seeds => units[*place].score,
                    Drawn::Both | Drawn::Examples => units[*place].draws[draw],
                });
                scores.sum::<f64>() / places.len() as f64
            };
            side(other, of_other) - side(base, of_base)
        })
        .collect()
}

/// Returns the value below which a share of the sorted values lies, interpolated as NumPy's `quantile` does by default. NaN for no
/// values.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let (between, step) = (place - below as f64, sorted[above] - sorted[below]);
    match between >= 0.5 {
        true => sorted[above] - step * (1.0 - between),
        false => sorted[below] + step * between,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const DRAWING: Drawing = Drawing { draws: 50, seed: 3 };

    #[test]
    fn examples_are_drawn_as_often_as_there_are_any_and_alike_for_all_runs() {
        let strata = [
            Stratum {
                name: "a",
                examples: 7,
            },
            Stratum {
                name: "b",
                examples: 2,
            },
        ];
        let sums = |counts: &[Vec<u32>]| {
            let sum = |counts: &[u32]| counts.iter().sum::<u32>();
            f64::from(10 * sum(&counts[0]) + sum(&counts[1]))
        };
        let first = |counts: &[Vec<u32>]| f64::from(counts[0][0]);
        let scores = resample(&strata, &[&sums, &first, &first], DRAWING);
        assert!(scores[0].iter().all(|sum| *sum == 72.0));
        assert_eq!(scores[1], scores[2]);
        assert!(scores[1].iter().any(|count| *count != scores[1][0]));
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let again = one.install(|| resample(&strata[..1], &[&first], DRAWING));
        assert_eq!(
            again[0], scores[1],
            "neither threads nor other strata matter"
        );
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 8.0);
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert!((quantile(&values, 0.9) - 6.8).abs() < 1e-14);
        assert!(quantile(&[], 0.5).is_nan());
    }
}

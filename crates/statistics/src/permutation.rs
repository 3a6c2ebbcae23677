//! Permutation tests over seeds: a check that assumes no distribution.

use kernels::Stream;

use crate::mean;

/// The most arrangements that are all tried; of more, that many are drawn.
const MOST: usize = 20_000;
/// Differences that are this close, relative to the largest score, count as equal: they differ by rounding.
const EQUAL: f64 = 1e-14;

/// What a permutation test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Permutation {
    /// How likely so large a difference, of either sign, is where labels mean nothing.
    pub p: f64,
    /// How many arrangements were tried.
    pub arrangements: usize,
    /// Whether these are all that there are.
    pub exact: bool,
}

impl Permutation {
    /// Tests paired differences: each may as well have the other sign. SciPy's `permutation_test` with
    /// `permutation_type="samples"`. `None` for fewer than two.
    pub fn paired(differences: &[f64], seed: u64) -> Option<Self> {
        let n = differences.len();
        if n < 2 {
            return None;
        }
        let observed = mean(differences);
        let slack = slack(differences);
        let signed = |is_turned: &mut dyn FnMut(usize) -> bool| {
            let signed = differences.iter().enumerate();
            let signed = signed.map(|(place, difference)| match is_turned(place) {
                true => -difference,
                false => *difference,
            });
            signed.sum::<f64>() / n as f64
        };
        if n < usize::BITS as usize && 1 << n <= MOST {
            let all = (0..1usize << n).map(|turned| signed(&mut |place| turned >> place & 1 == 1));
            return Some(Self::of(observed, slack, all, true));
        }
        let stream = Stream::new(seed, "permutation of signs");
        let drawn = (0..MOST as u32).map(|draw| {
            let mut draws = stream.draws(draw, 0, 0);
            signed(&mut |_| draws.word() & 1 == 1)
        });
        Some(Self::of(observed, slack, drawn, false))
    }

    /// Tests the difference of the means of two independent samples: any score may as well be of the other sample. SciPy's
    /// `permutation_test` with `permutation_type="independent"`. `None` where there is but one arrangement.
    pub fn unpaired(base: &[f64], other: &[f64], seed: u64) -> Option<Self> {
        let (n, m) = (base.len(), other.len());
        if n == 0 || m == 0 || n + m < 3 {
            return None;
        }
        let observed = mean(other) - mean(base);
        let all: Vec<f64> = base.iter().chain(other).copied().collect();
        let total: f64 = all.iter().sum();
        let slack = slack(&all);
        let difference = |chosen: &[usize]| {
            let sum: f64 = chosen.iter().map(|place| all[*place]).sum();
            (total - sum) / m as f64 - sum / n as f64
        };
        if combinations(n + m, n).is_some_and(|count| count <= MOST) {
            let mut chosen: Vec<usize> = (0..n).collect();
            let mut values = vec![difference(&chosen)];
            while next(&mut chosen, n + m) {
                values.push(difference(&chosen));
            }
            return Some(Self::of(observed, slack, values.into_iter(), true));
        }
        let stream = Stream::new(seed, "permutation of samples");
        let drawn =
            (0..MOST as u32).map(|draw| difference(&stream.draws(draw, 0, 0).choose(n + m, n)));
        Some(Self::of(observed, slack, drawn, false))
    }

    fn of(observed: f64, slack: f64, values: impl Iterator<Item = f64>, exact: bool) -> Self {
        let (mut below, mut above, mut arrangements) = (0usize, 0usize, 0usize);
        for value in values {
            arrangements += 1;
            below += usize::from(value <= observed + slack);
            above += usize::from(value >= observed - slack);
        }
        // Where arrangements are drawn, the observed one counts as one of them.
        let more = usize::from(!exact);
        let share = (below.min(above) + more) as f64 / (arrangements + more) as f64;
        Self {
            p: (2.0 * share).min(1.0),
            arrangements,
            exact,
        }
    }
}

fn slack(values: &[f64]) -> f64 {
    let largest = values
        .iter()
        .fold(0.0f64, |largest, value| largest.max(value.abs()));
    EQUAL * largest
}

/// Returns how many ways there are to choose `k` of `n`; `None` where that is no small number.
fn combinations(n: usize, k: usize) -> Option<usize> {
    (0..k.min(n - k)).try_fold(1usize, |count, place| {
        Some(count.checked_mul(n - place)? / (place + 1))
    })
}

/// Turns a choice of places, ascending, into the next one; returns whether there is one.
fn next(chosen: &mut [usize], of: usize) -> bool {
    let k = chosen.len();
    let Some(last) = (0..k).rev().find(|place| chosen[*place] < of - k + place) else {
        return false;
    };
    chosen[last] += 1;
    for place in last + 1..k {
        chosen[place] = chosen[place - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn all_arrangements_are_tried_where_they_are_few() {
        // Of eight sign patterns only the observed one and its mirror are as extreme.
        let three = Permutation::paired(&[1.0, 2.0, 3.0], 0).unwrap();
        assert_eq!((three.p, three.arrangements, three.exact), (0.25, 8, true));
        let apart = Permutation::unpaired(&[1.0, 2.0], &[3.0, 4.0], 0).unwrap();
        assert_eq!((apart.p, apart.arrangements), (2.0 / 6.0, 6));
        assert_eq!(Permutation::paired(&[1.0], 0), None);
        assert_eq!(Permutation::unpaired(&[1.0], &[2.0], 0), None);
    }

    #[test]
    fn of_many_arrangements_some_are_drawn() {
        let many: Vec<f64> = (0..40).map(f64::from).map(|x| x - 19.0).collect();
        let drawn = Permutation::paired(&many, 0).unwrap();
        assert_eq!((drawn.arrangements, drawn.exact), (MOST, false));
        assert!(drawn.p > 0.6, "{drawn:?}");
        assert_eq!(Permutation::paired(&many, 0), Some(drawn));
        let far: Vec<f64> = many.iter().map(|x| x + 100.0).collect();
        let drawn = Permutation::unpaired(&many, &far, 0).unwrap();
        assert_eq!(drawn.p, 2.0 / (MOST + 1) as f64);
    }

    #[test]
    fn equal_scores_are_no_difference() {
        assert_eq!(Permutation::paired(&[0.0; 4], 0).unwrap().p, 1.0);
        assert_eq!(
            Permutation::unpaired(&[2.0; 3], &[2.0; 3], 0).unwrap().p,
            1.0
        );
    }
}

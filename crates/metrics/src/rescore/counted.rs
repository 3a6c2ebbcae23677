//! What sums over counts are made of, once for each run, and the coefficients that follow from them.

/// Which examples count: all bits set, or none, so that sums have no branches.
#[derive(Clone, Debug)]
pub(super) struct Mask(Vec<u32>);

impl Mask {
    pub(super) fn of(examples: impl Iterator<Item = bool>) -> Self {
        Self(
            examples
                .map(|counts| if counts { u32::MAX } else { 0 })
                .collect(),
        )
    }

    pub(super) fn sum(&self, counts: &[u32]) -> u32 {
        let masked = self.0.iter().zip(counts);
        masked.map(|(mask, count)| mask & count).sum()
    }
}

/// Predictions and labels as ranks are made of them.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    /// The places of examples, predictions ascending.
    places: Vec<u32>,
    /// Where each group of equal predictions ends in `places`.
    ends: Vec<u32>,
    /// For each of `places`, which of the different labels, ascending, it has.
    labels: Vec<u32>,
    /// How many different labels there are.
    different: usize,
}

/// Returns the places of values in ascending order, and where each group of equal ones ends.
fn ascending(values: &[f64]) -> (Vec<u32>, Vec<u32>) {
    let mut places: Vec<u32> = (0..values.len() as u32).collect();
    let value = |place: &u32| values[*place as usize];
    places.sort_by(|a, b| value(a).total_cmp(&value(b)));
    // `==` rather than the total order: -0.0 and 0.0 tie.
    let changes = (1..places.len()).filter(|at| value(&places[*at]) != value(&places[at - 1]));
    let ends = changes.chain([places.len()]).map(|end| end as u32);
    let ends = ends.collect();
    (places, ends)
}

impl Ranking {
    pub(super) fn of(predictions: &[f64], labels: &[f64]) -> Self {
        let (order, ends) = ascending(labels);
        let mut group = vec![0; labels.len()];
        let mut start = 0;
        for (number, end) in ends.iter().enumerate() {
            for place in &order[start..*end as usize] {
                group[*place as usize] = number as u32;
            }
            start = *end as usize;
        }
        let different = ends.len();
        let (places, ends) = ascending(predictions);
        Self {
            labels: places.iter().map(|place| group[*place as usize]).collect(),
            places,
            ends,
            different,
        }
    }
}

/// The examples of a pair of a predicted and a true class.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) predicted: usize,
    pub(super) right: usize,
    pub(super) places: Vec<u32>,
}

/// See [`crate::matthews`].
pub(super) fn matthews(cells: &[Cell], classes: usize, counts: &[u32]) -> f64 {
    let mut of_class = vec![(0i128, 0i128); classes];
    let (mut agreed, mut all) = (0i128, 0i128);
    for cell in cells {
        let counts = cell.places.iter().map(|place| counts[*place as usize]);
        let count = i128::from(counts.sum::<u32>());
        of_class[cell.predicted].0 += count;
        of_class[cell.right].1 += count;
        agreed += if cell.predicted == cell.right {
            count
        } else {
            0
        };
        all += count;
    }
    let sum = |of: fn(&(i128, i128)) -> i128| of_class.iter().map(of).sum::<i128>();
    let covariance = agreed * all - sum(|(predicted, right)| predicted * right);
    let predicted = all * all - sum(|(predicted, _)| predicted * predicted);
    let right = all * all - sum(|(_, right)| right * right);
    if predicted == 0 || right == 0 {
        return 0.0;
    }
    let coefficient = covariance as f64 / (predicted as f64 * right as f64).sqrt();
    coefficient.clamp(-1.0, 1.0)
}

/// Returns the values scaled by the largest magnitude.
pub(super) fn scaled(values: &[f64]) -> Vec<f64> {
    let magnitudes = values.iter().map(|value| value.abs());
    let largest = magnitudes.fold(0.0, f64::max);
    match largest > 0.0 {
        true => values.iter().map(|value| value / largest).collect(),
        false => values.to_vec(),
    }
}

/// See [`crate::pearson`].
pub(super) fn pearson(predictions: &[f64], labels: &[f64], counts: &[u32]) -> f64 {
    let is_constant = |values: &[f64]| {
        let drawn = values.iter().zip(counts).filter(|(_, count)| **count > 0);
        let mut drawn = drawn.map(|(value, _)| value);
        let first = drawn.next();
        drawn.all(|value| Some(value) == first)
    };
    if is_constant(predictions) || is_constant(labels) {
        return f64::NAN;
    }
    let all: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let middle = |values: &[f64]| {
        let values = values.iter().zip(counts);
        values
            .map(|(value, count)| value * f64::from(*count))
            .sum::<f64>()
            / all
    };
    let (a_mean, b_mean) = (middle(predictions), middle(labels));
    let (mut product, mut a_square, mut b_square) = (0.0, 0.0, 0.0);
    for ((a, b), count) in predictions.iter().zip(labels).zip(counts) {
        let (x, y) = (a - a_mean, b - b_mean);
        let count = f64::from(*count);
        product += count * x * y;
        a_square += count * x * x;
        b_square += count * y * y;
    }
    (product / (a_square * b_square).sqrt()).clamp(-1.0, 1.0)
}

/// See [`crate::spearman`]: twice a rank is a whole number, and all sums are exact. Of 2³¹ examples a doubled rank is at most 2³², so
/// that a product of a rank and a count fits into 64 bits, and so does its sum.
pub(super) fn spearman(ranking: &Ranking, counts: &[u32]) -> f64 {
    let counts: Vec<u32> = ranking
        .places
        .iter()
        .map(|place| counts[*place as usize])
        .collect();
    // Of each label how often it was drawn, and then twice its average rank; ranks count from 1.
    let mut right = vec![0u64; ranking.different];
    for (label, count) in ranking.labels.iter().zip(&counts) {
        right[*label as usize] += u64::from(*count);
    }
    let (mut all, mut right_square) = (0u64, 0u128);
    for size in &mut right {
        let rank = 2 * all + *size + 1;
        right_square += u128::from(rank * *size) * u128::from(rank);
        all += *size;
        *size = rank;
    }
    let (mut before, mut start) = (0u64, 0);
    let (mut product, mut left_square) = (0u128, 0u128);
    for end in &ranking.ends {
        let end = *end as usize;
        let (mut size, mut ranks) = (0u64, 0u64);
        for (label, count) in ranking.labels[start..end].iter().zip(&counts[start..end]) {
            size += u64::from(*count);
            ranks += right[*label as usize] * u64::from(*count);
        }
        let rank = 2 * before + size + 1;
        product += u128::from(rank) * u128::from(ranks);
        left_square += u128::from(rank * size) * u128::from(rank);
        before += size;
        start = end;
    }
    let all = i128::from(all);
    let total = all * (all + 1);
    let moment = |products: u128| all * products as i128 - total * total;
    let (left, right) = (moment(left_square), moment(right_square));
    if left == 0 || right == 0 {
        return f64::NAN;
    }
    let coefficient = moment(product) as f64 / (left as f64 * right as f64).sqrt();
    coefficient.clamp(-1.0, 1.0)
}

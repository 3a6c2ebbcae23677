//! Correlation coefficients of two lists of numbers.

use crate::error::{check_finite, check_lengths};
use crate::{MetricError, Undefined};

/// Returns Pearson's correlation coefficient of predictions and labels, from -1 to 1.
///
/// # Errors
/// When there are no examples, the lists differ in length, or a value is not finite; [`MetricError::Undefined`] when either
/// list is constant.
pub fn pearson(predictions: &[f64], labels: &[f64]) -> Result<f64, MetricError> {
    check_lengths(predictions, labels)?;
    check_finite(predictions)?;
    check_finite(labels)?;
    check_varied(predictions, labels)?;
    let constant = |why| MetricError::Undefined(why);
    let left = standardise(predictions).ok_or(constant(Undefined::ConstantPredictions))?;
    let right = standardise(labels).ok_or(constant(Undefined::ConstantLabels))?;
    let product: f64 = left.iter().zip(&right).map(|(a, b)| a * b).sum();
    Ok(product.clamp(-1.0, 1.0))
}

/// Returns Spearman's rank correlation coefficient of predictions and labels, from -1 to 1: Pearson's coefficient of the
/// ranks, where equal values share the average of the ranks that they take up.
///
/// Twice a rank is a whole number, so all sums are exact integers and just the last division rounds: the result
/// depends neither on the order of the examples nor on the scale of the values.
///
/// # Errors
/// The errors of [`pearson`].
pub fn spearman(predictions: &[f64], labels: &[f64]) -> Result<f64, MetricError> {
    check_lengths(predictions, labels)?;
    check_finite(predictions)?;
    check_finite(labels)?;
    check_varied(predictions, labels)?;
    let left = doubled_ranks(predictions);
    let right = doubled_ranks(labels);
    let all = left.len() as i128;
    // Whatever the ties, the ranks of a list sum to n (n + 1) / 2, so the doubled ranks sum to n (n + 1).
    let total = all * (all + 1);
    let moment = |a: &[i128], b: &[i128]| {
        let products: i128 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        all * products - total * total
    };
    let left_variance = moment(&left, &left);
    let right_variance = moment(&right, &right);
    let covariance = moment(&left, &right) as f64;
    let coefficient = covariance / (left_variance as f64 * right_variance as f64).sqrt();
    Ok(coefficient.clamp(-1.0, 1.0))
}

/// Checks that neither list is constant. The values themselves are compared, since the rounded mean of equal values need not
/// equal them.
fn check_varied(predictions: &[f64], labels: &[f64]) -> Result<(), MetricError> {
    let is_constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    let why = if predictions.len() == 1 {
        Undefined::OneExample
    } else if is_constant(predictions) {
        Undefined::ConstantPredictions
    } else if is_constant(labels) {
        Undefined::ConstantLabels
    } else {
        return Ok(());
    };
    Err(MetricError::Undefined(why))
}

/// Returns the values minus their mean, divided by the norm of the differences; `None` where rounding leaves no difference.
fn standardise(values: &[f64]) -> Option<Vec<f64>> {
    // Scaled by the largest magnitude before and after centring, so that no square leaves the range of f64.
    let largest = values
        .iter()
        .fold(0.0f64, |largest, value| largest.max(value.abs()));
    let scaled: Vec<f64> = values.iter().map(|value| value / largest).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    let centred: Vec<f64> = scaled.iter().map(|value| value - mean).collect();
    let widest = centred
        .iter()
        .fold(0.0f64, |widest, value| widest.max(value.abs()));
    if widest == 0.0 {
        return None;
    }
    let norm = centred
        .iter()
        .map(|value| (value / widest) * (value / widest))
        .sum::<f64>()
        .sqrt();
    Some(centred.iter().map(|value| value / widest / norm).collect())
}

/// Returns twice the average rank of each value; ranks count from 1.
fn doubled_ranks(values: &[f64]) -> Vec<i128> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0; values.len()];
    let mut start = 0;
    while start < order.len() {
        // `==` rather than the total order: -0.0 and 0.0 tie.
        let ties = order[start..]
            .iter()
            .take_while(|&&place| values[place] == values[order[start]])
            .count();
        let end = start + ties;
        for &place in &order[start..end] {
            ranks[place] = (start + 1 + end) as i128;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_values_share_their_average_rank() {
        assert_eq!(doubled_ranks(&[3.0, 1.0, 3.0, 2.0]), [7, 2, 7, 4]);
        assert_eq!(doubled_ranks(&[0.0, -0.0, 1.0]), [3, 3, 6]);
    }

    #[test]
    fn a_correlation_with_a_constant_is_undefined() {
        let undefined = |why| Err(MetricError::Undefined(why));
        for correlation in [pearson, spearman] {
            // The rounded mean of ten times 0.1 is not 0.1.
            let (constant, varied) = ([0.1; 10], [1., 2., 3., 4., 5., 6., 7., 8., 9., 10.]);
            assert_eq!(
                correlation(&constant, &varied),
                undefined(Undefined::ConstantPredictions)
            );
            assert_eq!(
                correlation(&varied, &constant),
                undefined(Undefined::ConstantLabels)
            );
            assert_eq!(
                correlation(&[0.0, -0.0], &[1.0, 2.0]),
                undefined(Undefined::ConstantPredictions)
            );
            assert_eq!(
                correlation(&[5.0], &[7.0]),
                undefined(Undefined::OneExample)
            );
        }
    }

    #[test]
    fn what_is_not_finite_is_an_error() {
        for correlation in [pearson, spearman] {
            let bad = [1.0, f64::NAN, 2.0];
            let good = [1.0, 2.0, 3.0];
            assert_eq!(
                correlation(&bad, &good),
                Err(MetricError::NotFinite { example: 1 })
            );
            assert_eq!(
                correlation(&good, &[1.0, 2.0, f64::INFINITY]),
                Err(MetricError::NotFinite { example: 2 })
            );
            assert_eq!(correlation(&[], &[]), Err(MetricError::Empty));
            assert_eq!(
                correlation(&good, &[1.0]),
                Err(MetricError::Lengths { left: 3, right: 1 })
            );
        }
    }

    #[test]
    fn extreme_magnitudes_stay_in_range() {
        assert!((pearson(&[1e300, -1e300, 3e300], &[1.0, -1.0, 3.0]).unwrap() - 1.0).abs() < 1e-15);
        assert!((pearson(&[1e-300, 2e-300, 3e-300], &[3., 2., 1.]).unwrap() + 1.0).abs() < 1e-15);
    }

    /// Pairs of lists of numbers with two decimals, so that ties are common.
    fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        prop::collection::vec((-500i32..500, 0i32..51), 2..80).prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(a, b)| (f64::from(a) / 100.0, f64::from(b) / 10.0))
                .unzip()
        })
    }

    fn are_varied(left: &[f64], right: &[f64]) -> bool {
        check_varied(left, right).is_ok()
    }

    proptest! {
        #[test]
        fn ranks_average_to_the_middle(values in prop::collection::vec(-9i32..9, 1..50)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let all = values.len() as i128;
            prop_assert_eq!(doubled_ranks(&values).iter().sum::<i128>(), all * (all + 1));
        }

        #[test]
        fn spearman_sees_only_the_order((left, right) in pairs()) {
            prop_assume!(are_varied(&left, &right));
            let expected = spearman(&left, &right).unwrap();
            let stretched: Vec<f64> = left.iter().map(|value| value.exp() + value * 3.0).collect();
            prop_assert_eq!(spearman(&stretched, &right), Ok(expected));
            let reversed: Vec<f64> = left.iter().map(|value| -value).collect();
            prop_assert_eq!(spearman(&reversed, &right), Ok(-expected));
            prop_assert_eq!(spearman(&right, &left), Ok(expected));
        }

        #[test]
        fn the_order_of_examples_does_not_matter((left, right) in pairs(), turn in 0usize..80) {
            let (mut turned_left, mut turned_right) = (left.clone(), right.clone());
            let turn = turn % left.len();
            turned_left.rotate_left(turn);
            turned_right.rotate_left(turn);
            prop_assert_eq!(spearman(&left, &right), spearman(&turned_left, &turned_right));
            prop_assume!(are_varied(&left, &right));
            let difference = pearson(&left, &right).unwrap()
                - pearson(&turned_left, &turned_right).unwrap();
            prop_assert!(difference.abs() < 1e-13);
        }

        #[test]
        fn pearson_sees_neither_shift_nor_scale((left, right) in pairs()) {
            prop_assume!(are_varied(&left, &right));
            let moved: Vec<f64> = left.iter().map(|value| value * 4.0 + 16.0).collect();
            let difference = pearson(&left, &right).unwrap() - pearson(&moved, &right).unwrap();
            prop_assert!(difference.abs() < 1e-12);
            prop_assert!((pearson(&left, &left).unwrap() - 1.0).abs() < 1e-14);
        }
    }
}

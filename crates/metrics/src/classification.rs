//! Metrics over predicted and true classes. All counts are exact integers; one division at the end rounds.

use crate::MetricError;
use crate::error::check_lengths;

/// Returns the share of predictions that equal their label, from 0 to 1.
///
/// # Errors
/// When there are no examples, or not as many predictions as labels.
pub fn accuracy(predictions: &[usize], labels: &[usize]) -> Result<f64, MetricError> {
    check_lengths(predictions, labels)?;
    let right = count(predictions, labels, |prediction, label| prediction == label);
    Ok(right as f64 / labels.len() as f64)
}

/// Returns the F1 of class 1 against all others: the harmonic mean of its precision and recall, from 0 to 1; 0 when
/// class 1 is neither predicted nor a label.
///
/// # Errors
/// When there are no examples, or not as many predictions as labels.
pub fn f1(predictions: &[usize], labels: &[usize]) -> Result<f64, MetricError> {
    check_lengths(predictions, labels)?;
    let both = count(predictions, labels, |prediction, label| {
        prediction == 1 && label == 1
    });
    let either = count(predictions, labels, |prediction, _| prediction == 1)
        + count(predictions, labels, |_, label| label == 1);
    Ok(if either == 0 {
        0.0
    } else {
        2.0 * both as f64 / either as f64
    })
}

/// Returns the Matthews correlation coefficient, from -1 to 1, in its form for any number of classes (Gorodkin,
/// *Comparing two K-category assignments by a K-category correlation coefficient*, 2004), which for two classes is
/// the familiar one; 0 when all predictions or all labels are one class.
///
/// # Errors
/// When there are no examples, or not as many predictions as labels.
pub fn matthews(predictions: &[usize], labels: &[usize]) -> Result<f64, MetricError> {
    check_lengths(predictions, labels)?;
    let all = labels.len() as i128;
    let right = i128::from(count(predictions, labels, |prediction, label| {
        prediction == label
    }));
    let (mut products, mut predicted_squares, mut label_squares) = (0i128, 0i128, 0i128);
    for (predicted, true_) in class_counts(predictions, labels) {
        products += predicted * true_;
        predicted_squares += predicted * predicted;
        label_squares += true_ * true_;
    }
    let covariance = right * all - products;
    let predicted_variance = all * all - predicted_squares;
    let label_variance = all * all - label_squares;
    if predicted_variance == 0 || label_variance == 0 {
        return Ok(0.0);
    }
    let coefficient =
        covariance as f64 / (predicted_variance as f64 * label_variance as f64).sqrt();
    Ok(coefficient.clamp(-1.0, 1.0))
}

fn count(predictions: &[usize], labels: &[usize], holds: impl Fn(usize, usize) -> bool) -> u64 {
    predictions
        .iter()
        .zip(labels)
        .filter(|&(&prediction, &label)| holds(prediction, label))
        .count() as u64
}

/// Returns, for each class that occurs, how often it is predicted and how often it is the label.
fn class_counts(predictions: &[usize], labels: &[usize]) -> Vec<(i128, i128)> {
    let mut counts = std::collections::BTreeMap::<usize, (i128, i128)>::new();
    for &prediction in predictions {
        counts.entry(prediction).or_default().0 += 1;
    }
    for &label in labels {
        counts.entry(label).or_default().1 += 1;
    }
    counts.into_values().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_denominators_give_zero() {
        assert_eq!(f1(&[0, 0], &[0, 0]), Ok(0.0));
        assert_eq!(f1(&[1, 1], &[0, 0]), Ok(0.0));
        assert_eq!(matthews(&[1, 1], &[0, 1]), Ok(0.0));
        assert_eq!(matthews(&[0, 1], &[1, 1]), Ok(0.0));
    }

    #[test]
    fn what_cannot_be_scored_is_an_error() {
        assert_eq!(accuracy(&[], &[]), Err(MetricError::Empty));
        assert_eq!(
            f1(&[1], &[1, 0]),
            Err(MetricError::Lengths { left: 1, right: 2 })
        );
        assert_eq!(matthews(&[], &[]), Err(MetricError::Empty));
    }

    #[test]
    fn the_ends_of_the_scale_are_exact() {
        assert_eq!(accuracy(&[0, 1, 2], &[0, 1, 2]), Ok(1.0));
        assert_eq!(f1(&[0, 1, 1], &[0, 1, 1]), Ok(1.0));
        assert_eq!(matthews(&[0, 1, 1], &[0, 1, 1]), Ok(1.0));
        assert_eq!(matthews(&[1, 0, 0], &[0, 1, 1]), Ok(-1.0));
    }

    proptest! {
        #[test]
        fn the_order_of_examples_does_not_matter(
            pairs in prop::collection::vec((0usize..3, 0usize..3), 1..60),
            turn in 0usize..60,
        ) {
            let mut turned = pairs.clone();
            turned.rotate_left(turn % pairs.len());
            turned.reverse();
            let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let (c, d): (Vec<_>, Vec<_>) = turned.into_iter().unzip();
            prop_assert_eq!(accuracy(&a, &b), accuracy(&c, &d));
            prop_assert_eq!(f1(&a, &b), f1(&c, &d));
            prop_assert_eq!(matthews(&a, &b), matthews(&c, &d));
        }

        #[test]
        fn matthews_is_symmetric_and_turns_its_sign_with_the_predictions(
            pairs in prop::collection::vec((0usize..2, 0usize..2), 1..60),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let opposite: Vec<_> = a.iter().map(|class| 1 - class).collect();
            prop_assert_eq!(matthews(&a, &b), matthews(&b, &a));
            prop_assert_eq!(matthews(&a, &b).unwrap(), -matthews(&opposite, &b).unwrap());
        }
    }
}

//! What a table says of one score over several seeds.

/// Returns the arithmetic mean; 0 for no values.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// Returns the sample standard deviation (divisor n - 1); `None` for fewer than two values, of which no spread can be
/// told.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divisor_is_one_less_than_the_count() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), 3.0);
        assert_eq!(standard_deviation(&[1.0, 2.0, 6.0]), Some(7.0f64.sqrt()));
    }

    #[test]
    fn one_value_has_no_spread() {
        assert_eq!(mean(&[]), 0.0);
        assert_eq!(standard_deviation(&[4.2]), None);
        assert_eq!(standard_deviation(&[4.2, 4.2]), Some(0.0));
    }
}

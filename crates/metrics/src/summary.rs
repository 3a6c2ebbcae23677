//! Mean and spread of one score over several seeds.

/// Returns the arithmetic mean; 0 for no values. The mean of finite values is finite.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    if sum.is_finite() {
        return sum / count;
    }
    // The sum may leave the range of f64; the sum of the values' shares does not.
    let shares: f64 = values.iter().map(|value| value / count).sum();
    shares.clamp(f64::MIN, f64::MAX)
}

/// Returns the sample standard deviation (divisor n - 1); `None` for fewer than two values, which have no spread, and
/// where the standard deviation exceeds the largest f64.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    let divisor = (values.len() - 1) as f64;
    let of_scale = |scale: f64| {
        let centred = values.iter().map(|value| value / scale - mean / scale);
        let squares: f64 = centred.map(|value| value * value).sum();
        (squares / divisor).sqrt()
    };
    let plain = of_scale(1.0);
    if plain.is_normal() {
        return Some(plain);
    }
    // The squares may leave the range of f64 even where the values do not, so they are scaled here.
    let largest = values
        .iter()
        .fold(0.0f64, |most, value| most.max(value.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return Some(plain);
    }
    Some(of_scale(largest) * largest).filter(|spread| spread.is_finite())
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
        assert_eq!(standard_deviation(&[0.0, 0.0]), Some(0.0));
    }

    #[test]
    fn no_sum_of_what_is_finite_leaves_the_range() {
        assert_eq!(mean(&[1e308, 1e308]), 1e308);
        assert_eq!(standard_deviation(&[1e308, 1e308]), Some(0.0));
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-12;
        assert!(close(mean(&[1.7e308, 1.3e308]), 1.5e308));
        assert!(close(
            standard_deviation(&[1e308, -1e308]).unwrap_or(0.0),
            2f64.sqrt() * 1e308
        ));
        assert!(close(
            standard_deviation(&[1e-200, 3e-200]).unwrap_or(0.0),
            2f64.sqrt() * 1e-200
        ));
        assert!(close(
            standard_deviation(&[1e200, 3e200]).unwrap_or(0.0),
            2f64.sqrt() * 1e200
        ));
        let largest = [f64::MAX, f64::MIN];
        assert_eq!(mean(&largest), 0.0);
        // √2 times the largest f64 is not an f64.
        assert_eq!(standard_deviation(&largest), None);
        assert_eq!(standard_deviation(&[1.7e308, -1.7e308]), None);
        assert!(close(
            standard_deviation(&[1.2e308, -1.2e308]).unwrap_or(0.0),
            2f64.sqrt() * 1.2e308
        ));
        assert!(close(
            standard_deviation(&[f64::MAX, f64::MIN, 0.0]).unwrap_or(0.0),
            f64::MAX
        ));
        assert!(close(mean(&[f64::MAX; 3]), f64::MAX));
    }
}

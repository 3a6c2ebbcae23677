use std::f64::consts::LOG2_E;

/// The high bits of ln 2. Its product with a small whole number is exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
/// The rest of ln 2, which the high bits leave out.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Returns e^x within 2 ulp, by IEEE operations in a fixed order, so with the same bits on every processor; 0 below -700, and
/// infinity above 709.
///
/// With k = round(x / ln 2) and r = x - k ln 2, |r| ≤ 0.347, e^x = 2^k e^r, and e^r by its series.
pub fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    let half = if x > 0.0 { 0.5 } else { -0.5 };
    let k = (x * LOG2_E + half).trunc();
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // The first omitted term, r^15 / 15!, is below 1e-19.
    let mut series = 1.0;
    for n in (1..15).rev() {
        series = 1.0 + r / f64::from(n) * series;
    }
    // -1010 ≤ k ≤ 1023, so 2^k is a normal number.
    let power = f64::from_bits(((1023 + k as i64) as u64) << 52);
    power * series
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn agrees_with_the_library() {
        let mut x = -699.0_f64;
        while x <= 709.0 {
            let (own, library) = (exp(x), x.exp());
            assert!(
                (own - library).abs() <= 5e-16 * library,
                "exp({x}): {own} {library}"
            );
            x += 0.003_7;
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(exp(-1e300), 0.0);
        assert_eq!(exp(1e300), f64::INFINITY);
        assert!(exp(f64::NAN).is_nan());
    }
}

use std::f64::consts::{LN_2, SQRT_2};

/// Returns the natural logarithm of a positive, normal `x`, within 2 ulp, by additions, multiplications and
/// divisions in a fixed order, so with the same bits on every processor.
///
/// With x = 2^e · m and m in [√½, √2), ln m = 2 artanh(s), s = (m - 1) / (m + 1), by its series.
pub fn ln(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa >= SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut series = 0.0;
    // s² < 0.0295, so the first omitted term, s^24 / 25, is below 1e-19.
    for power in (0..12).rev() {
        series = series * square + 1.0 / f64::from(2 * power + 1);
    }
    f64::from(exponent) * LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        let mut x = 1e-300;
        while x < 1e300 {
            let (own, library) = (ln(x), x.ln());
            assert!(
                (own - library).abs() <= 4e-16 * library.abs().max(1.0),
                "ln({x}): {own} {library}"
            );
            x *= 1.000_7;
        }
    }
}

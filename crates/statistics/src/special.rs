//! The regularised incomplete beta function, from which the t distribution follows. `libm` gives the same bits on every machine;
//! the C library's logarithm and exponential do not, from one version to the next.

/// The most terms of the continued fraction. About the square root of the larger parameter is needed.
const MOST_TERMS: usize = 10_000;
/// In the place of a zero denominator (Lentz).
const TINY: f64 = 1e-300;

/// Returns I_x(a, b) for positive `a` and `b` and `x` from 0 to 1. `rest` is 1 - x, which the caller may know more exactly.
///
/// The continued fraction of Press et al., *Numerical Recipes*, section 6.4, evaluated by Lentz's method, on the side of the
/// symmetry I_x(a, b) = 1 - I_{1-x}(b, a) where it converges fast.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    let logarithm = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log(rest);
    let front = libm::exp(logarithm);
    match x < (a + 1.0) / (a + b + 2.0) {
        true => front * fraction(a, b, x) / a,
        false => 1.0 - front * fraction(b, a, rest) / b,
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let bounded = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / bounded(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for term in 1..=MOST_TERMS {
        let m = term as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / bounded(1.0 + numerator * d);
            c = bounded(1.0 + numerator / c);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    result
}

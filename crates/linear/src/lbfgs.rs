//! Limited-memory BFGS with a backtracking line search.
//!
//! The two-loop recursion of Nocedal and Wright, *Numerical Optimization* (2006), algorithms 7.4 and 7.5. All functions
//! that are minimised here are convex, so the sufficient-decrease condition is enough. A step without curvature is taken, but
//! not remembered.

use std::collections::VecDeque;

/// Number of past steps that are remembered.
const MEMORY: usize = 10;
/// The smallest accepted decrease, as a share of the decrease that the slope predicts.
const SUFFICIENT: f64 = 1e-4;

/// When the minimisation stops.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// The largest component of the gradient at which the minimum counts as found.
    pub slope: f64,
    /// The most steps.
    pub steps: usize,
}

/// A past step and the change of the gradient along it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (change · step).
    inverse: f64,
}

/// Minimises the convex function `evaluate`, starting at `at`, and returns the minimum's place. `evaluate` returns the
/// function's value and writes its gradient.
pub fn minimise(
    mut at: Vec<f64>,
    stop: &Stop,
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut gradient = vec![0.0; at.len()];
    let mut value = evaluate(&at, &mut gradient);
    let mut past: VecDeque<Pair> = VecDeque::new();
    for _ in 0..stop.steps {
        if largest(&gradient) <= stop.slope {
            break;
        }
        let direction = direction(&gradient, &past);
        let slope = dot(&gradient, &direction);
        // The first step has no history that gives a scale, so it is made short enough to move by at most 1.
        let mut length = if past.is_empty() {
            1.0_f64.min(1.0 / norm(&gradient))
        } else {
            1.0
        };
        let mut next_gradient = vec![0.0; at.len()];
        let (next, next_value) = loop {
            let next: Vec<f64> = at
                .iter()
                .zip(&direction)
                .map(|(at, direction)| at + length * direction)
                .collect();
            let next_value = evaluate(&next, &mut next_gradient);
            if next_value <= value + SUFFICIENT * length * slope {
                break (next, next_value);
            }
            length *= 0.5;
            if length < 1e-12 {
                // Rounding errors hide any further decrease.
                return at;
            }
        };
        let step: Vec<f64> = next.iter().zip(&at).map(|(new, old)| new - old).collect();
        let change: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(new, old)| new - old)
            .collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change) {
            if past.len() == MEMORY {
                past.pop_front();
            }
            past.push_back(Pair {
                step,
                change,
                inverse: 1.0 / curvature,
            });
        }
        (at, value, gradient) = (next, next_value, next_gradient);
    }
    at
}

/// Returns minus the approximate inverse Hessian times the gradient.
fn direction(gradient: &[f64], past: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(past.len());
    for pair in past.iter().rev() {
        let share = pair.inverse * dot(&pair.step, &direction);
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(last) = past.back() {
        let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for (pair, share) in past.iter().zip(shares.iter().rev()) {
        let other = pair.inverse * dot(&pair.change, &direction);
        add(&mut direction, share - other, &pair.step);
    }
    direction
}

/// Returns the dot product, summed in eight lanes with element i in lane i mod 8: a fixed order in which the processor need
/// not wait for each addition.
pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (left, right) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest = left.remainder().iter().zip(right.remainder());
    for (lane, (left, right)) in lanes.iter_mut().zip(rest) {
        *lane += left * right;
    }
    for (left, right) in left.zip(right) {
        for (lane, (left, right)) in lanes.iter_mut().zip(left.iter().zip(right)) {
            *lane += left * right;
        }
    }
    lanes.iter().sum()
}

fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Adds `scale` times the values.
pub(crate) fn add(to: &mut [f64], scale: f64, values: &[f64]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += scale * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_an_ill_conditioned_quadratic() {
        let scales: Vec<f64> = (0..30).map(|index| 10.0_f64.powi(index % 4)).collect();
        let minimum = minimise(
            vec![0.0; 30],
            &Stop {
                slope: 1e-9,
                steps: 500,
            },
            |at, gradient| {
                let mut value = 0.0;
                for (index, scale) in scales.iter().enumerate() {
                    let distance = at[index] - index as f64;
                    value += 0.5 * scale * distance * distance;
                    gradient[index] = scale * distance;
                }
                value
            },
        );
        for (index, value) in minimum.iter().enumerate() {
            assert!((value - index as f64).abs() < 1e-8, "{index}: {value}");
        }
    }
}

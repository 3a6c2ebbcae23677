//! One step of a flow: scaling, a fixed permutation and an additive coupling.

use crate::affine::{Affine, AffineGradient};

/// Number of dense maps in a coupling.
pub(crate) const MAPS: usize = 3;

/// A dense map without a bias of its own, and the scaling of what comes out of it.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// Row-major, `[inputs, outputs]`.
    pub(crate) weight: Vec<f64>,
    pub(crate) affine: Affine,
    pub(crate) outputs: usize,
}

/// A step over `width` components: y = (x + b) · s, then the order of the components is reversed, then the first half of them gives
/// what is added to the second.
///
/// The paper has a random permutation; the released code reverses the order (`invertible_1x1_conv` of `glow_ops_1x1.py`), and so
/// does this.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) affine: Affine,
    pub(crate) coupling: [Map; MAPS],
}

/// What the backward pass needs of a step's forward pass.
pub(crate) struct Tape {
    /// The scaled components, before they are reversed.
    scaled: Vec<f64>,
    /// What each dense map was given.
    given: [Vec<f64>; MAPS],
    /// What came out of each, scaled.
    made: [Vec<f64>; MAPS],
}

/// The gradients of a step.
pub(crate) struct StepGradient<'a> {
    pub(crate) affine: AffineGradient<'a>,
    pub(crate) coupling: [MapGradient<'a>; MAPS],
}

/// The gradients of a dense map.
pub(crate) struct MapGradient<'a> {
    pub(crate) weight: &'a mut [f64],
    pub(crate) affine: AffineGradient<'a>,
}

impl Map {
    /// Returns the product of a vector and the weights, not yet scaled.
    pub(crate) fn product(&self, given: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.outputs];
        for (value, row) in given.iter().zip(self.weight.chunks_exact(self.outputs)) {
            if *value != 0.0 {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += value * weight;
                }
            }
        }
        sums
    }

    fn apply(&self, given: &[f64]) -> Vec<f64> {
        let mut made = self.product(given);
        self.affine.apply(&mut made);
        made
    }

    /// Returns the gradient of what the map was given, and adds those of its parameters.
    fn backward(
        &self,
        given: &[f64],
        made: &[f64],
        mut gradient: Vec<f64>,
        into: &mut MapGradient<'_>,
    ) -> Vec<f64> {
        self.affine.backward(made, &mut gradient, &mut into.affine);
        let rows = self.weight.chunks_exact(self.outputs);
        let sums = into.weight.chunks_exact_mut(self.outputs);
        given
            .iter()
            .zip(rows.zip(sums))
            .map(|(value, (row, sums))| {
                let mut back = 0.0;
                for ((sum, weight), gradient) in sums.iter_mut().zip(row).zip(&gradient) {
                    *sum += value * gradient;
                    back += weight * gradient;
                }
                back
            })
            .collect()
    }
}

/// Sets what is negative to zero.
pub(crate) fn rectified(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.max(0.0)).collect()
}

impl Step {
    /// Maps the components in place.
    pub(crate) fn apply(&self, values: &mut [f64]) -> Tape {
        self.affine.apply(values);
        let scaled = values.to_vec();
        values.reverse();
        let (first, second) = values.split_at_mut(values.len() / 2);
        let [one, two, three] = &self.coupling;
        let given = first.to_vec();
        let made = one.apply(&given);
        let between = rectified(&made);
        let made_next = two.apply(&between);
        let last = rectified(&made_next);
        let shift = three.apply(&last);
        add(second, &shift);
        Tape {
            scaled,
            given: [given, between, last],
            made: [made, made_next, shift],
        }
    }

    /// Turns the gradient of the mapped components into that of the components before, and adds those of the parameters.
    pub(crate) fn backward(&self, tape: &Tape, gradient: &mut [f64], into: &mut StepGradient<'_>) {
        let (first, second) = gradient.split_at_mut(gradient.len() / 2);
        let mut back = second.to_vec();
        for at in (0..MAPS).rev() {
            if at < MAPS - 1 {
                for (gradient, made) in back.iter_mut().zip(&tape.made[at]) {
                    if *made <= 0.0 {
                        *gradient = 0.0;
                    }
                }
            }
            let (given, made) = (&tape.given[at], &tape.made[at]);
            back = self.coupling[at].backward(given, made, back, &mut into.coupling[at]);
        }
        add(first, &back);
        gradient.reverse();
        self.affine
            .backward(&tape.scaled, gradient, &mut into.affine);
        Affine::subtract_determinant(&mut into.affine);
    }

    /// Undoes [`Step::apply`].
    #[cfg(test)]
    pub(crate) fn invert(&self, values: &mut [f64]) {
        let (first, second) = values.split_at_mut(values.len() / 2);
        let [one, two, three] = &self.coupling;
        let shift = three.apply(&rectified(&two.apply(&rectified(&one.apply(first)))));
        for (value, shift) in second.iter_mut().zip(shift) {
            *value -= shift;
        }
        values.reverse();
        self.affine.invert(values);
    }
}

fn add(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

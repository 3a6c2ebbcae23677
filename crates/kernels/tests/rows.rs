//! Compares every row kernel with plain Rust over ragged shapes, and all paths with each other bit for bit.

mod common;

use common::{
    WIDTHS, bits, gelu, gelu_derivative, gelu_tanh, gelu_tanh_derivative, halves, near,
    on_every_path, random, wide,
};
use kernels::elementary::Activation;
use kernels::{AdamWStep, Dropout, Path, Stream};
use proptest::prelude::*;

/// A matrix to test with. `wild` numbers are of all magnitudes; of these only the agreement of all paths is tested.
#[derive(Clone, Copy, Debug)]
struct Case {
    seed: u32,
    rows: usize,
    width: usize,
    wild: bool,
}

impl Case {
    fn matrix(&self, which: u32) -> Vec<f32> {
        random(self.seed * 16 + which, self.rows * self.width, self.wild)
    }

    fn row(&self, which: u32) -> Vec<f32> {
        random(self.seed * 16 + which, self.width, self.wild)
    }
}

/// Runs a check over all [`WIDTHS`] and over random shapes.
macro_rules! over_shapes {
    ($($name:ident: $check:ident;)*) => { $(
        #[test]
        fn $name() {
            for (width, rows, wild) in WIDTHS.into_iter().flat_map(|width| {
                [(width, 0, false), (width, 3, false), (width, 2, true)]
            }) {
                $check(Case { seed: 1, rows, width, wild });
            }
            $check(Case { seed: 1, rows: 0, width: 0, wild: false });
            proptest!(ProptestConfig::with_cases(48), |(
                seed in 0_u32..1_000_000, rows in 0_usize..12, width in 1_usize..300, wild: bool
            )| {
                $check(Case { seed, rows, width, wild });
            });
        }
    )* };
}

over_shapes! {
    activations: check_activations;
    additions: check_additions;
    softmax: check_softmax;
    cross_entropy: check_cross_entropy;
    layer_norm: check_layer_norm;
    adamw: check_adamw;
}

fn check_activations(case: Case) {
    for (activation, value, slope) in [
        (
            Activation::Gelu,
            gelu as fn(f64) -> f64,
            gelu_derivative as fn(f64) -> f64,
        ),
        (Activation::GeluTanh, gelu_tanh, gelu_tanh_derivative),
    ] {
        let (x, bias) = (case.matrix(0), case.row(1));
        let results = on_every_path("activation", || {
            let (mut both, mut only) = (x.clone(), x.clone());
            let mut derivative = vec![f32::NAN; x.len()];
            kernels::bias_activation(activation, &mut both, &bias, &mut derivative);
            kernels::bias_activation_only(activation, &mut only, &bias);
            vec![both, only, derivative]
        });
        assert_eq!(bits(&results[0]), bits(&results[1]));
        if !case.wild {
            let sums = x
                .iter()
                .zip(bias.iter().cycle())
                .map(|(x, bias)| f64::from(x + bias));
            let sums: Vec<f64> = sums.collect();
            let exact: Vec<f64> = sums.iter().copied().map(value).collect();
            near("activation", &results[0], &exact, 4e-7, 4e-7);
            let exact: Vec<f64> = sums.iter().copied().map(slope).collect();
            near("derivative", &results[2], &exact, 4e-7, 4e-7);
        }
    }
}

fn check_additions(case: Case) {
    let (x, y, bias) = (case.matrix(0), case.matrix(1), case.row(2));
    let results = on_every_path("additions", || {
        let [mut biased, mut scaled, mut added] = [x.clone(), x.clone(), x.clone()];
        let mut sums = bias.clone();
        kernels::add_bias(&mut biased, &bias);
        kernels::add_columns(&x, &mut sums);
        kernels::scale(&mut scaled, &y);
        kernels::add(&mut added, &y);
        vec![biased, sums, scaled, added]
    });
    // Each step rounds once per element, so plain Rust gives the same bits.
    let each = |of: fn(f32, f32) -> f32, other: &[f32]| -> Vec<f32> {
        x.iter()
            .zip(other.iter().cycle())
            .map(|(&x, &y)| of(x, y))
            .collect()
    };
    let down = |x: &[f32]| {
        let mut sums = bias.clone();
        for (place, x) in x.iter().enumerate() {
            sums[place % case.width] += x;
        }
        sums
    };
    let expected = [
        each(|x, y| x + y, &bias),
        down(&x),
        each(|x, y| x * y, &y),
        each(|x, y| x + y, &y),
    ];
    for (result, expected) in results.iter().zip(&expected) {
        assert_eq!(bits(result), bits(expected), "{case:?}");
    }
}

fn check_softmax(case: Case) {
    let scale = 0.3;
    let (mut x, gradient) = (case.matrix(0), case.matrix(1));
    if case.seed.is_multiple_of(2) && case.width > 1 {
        // The first element of every row is masked out.
        x.iter_mut()
            .step_by(case.width)
            .for_each(|x| *x = f32::NEG_INFINITY);
    }
    let results = on_every_path("softmax", || {
        let (mut weights, mut gradient) = (x.clone(), gradient.clone());
        kernels::softmax(&mut weights, case.width, scale);
        kernels::softmax_backward(&weights, &mut gradient, case.width, scale);
        vec![weights, gradient]
    });
    if case.wild || x.is_empty() {
        return;
    }
    let (weights, gradients) = (&results[0], &results[1]);
    let rows = x.chunks(case.width).zip(weights.chunks(case.width));
    let gradients = gradient
        .chunks(case.width)
        .zip(gradients.chunks(case.width));
    for ((x, weights), (given, gradient)) in rows.zip(gradients) {
        let exact = softmax_of(&wide(x), f64::from(scale));
        near("softmax", weights, &exact, 2e-6, 1e-12);
        let mean: f64 = exact
            .iter()
            .zip(given)
            .map(|(w, &g)| w * f64::from(g))
            .sum();
        let exact: Vec<f64> = exact
            .iter()
            .zip(given)
            .map(|(w, &g)| f64::from(scale) * w * (f64::from(g) - mean))
            .collect();
        near("softmax backward", gradient, &exact, 1e-5, 2e-6);
    }
}

fn softmax_of(x: &[f64], scale: f64) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = x.iter().map(|x| (scale * (x - largest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn check_cross_entropy(case: Case) {
    let (logits, bias) = (case.matrix(0), case.row(1));
    let mut draws = Stream::new(u64::from(case.seed), "targets").draws(0, 0, 0);
    let targets: Vec<u32> = (0..case.rows)
        .map(|_| draws.index(case.width) as u32)
        .collect();
    for bias in [None, Some(&bias[..])] {
        let mut losses = vec![0.0; case.rows];
        let results = on_every_path("cross-entropy", || {
            let mut gradient = logits.clone();
            let mut losses = vec![0.0; case.rows];
            kernels::cross_entropy(&mut gradient, bias, &targets, &mut losses);
            let mut only = vec![0.0; case.rows];
            kernels::cross_entropy_only(&logits, bias, &targets, &mut only);
            let bits = |losses: &[f64]| losses.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert!(case.wild || bits(&only) == bits(&losses), "{case:?}");
            vec![gradient, halves(&losses)]
        });
        if case.wild || case.rows == 0 {
            continue;
        }
        let mut again = logits.clone();
        kernels::cross_entropy(&mut again, bias, &targets, &mut losses);
        for (row, (&loss, &target)) in losses.iter().zip(&targets).enumerate() {
            let range = row * case.width..(row + 1) * case.width;
            let mut x = wide(&logits[range.clone()]);
            if let Some(bias) = bias {
                // The sum of logit and bias is rounded to 32 bits, as in the kernel.
                let sums = logits[range.clone()].iter().zip(bias);
                x = sums.map(|(x, bias)| f64::from(x + bias)).collect();
            }
            let mut exact = softmax_of(&x, 1.0);
            let nats = -exact[target as usize].ln();
            assert!(
                (loss - nats).abs() < 2e-6 * (1.0 + nats),
                "{loss} {nats} {case:?}"
            );
            exact[target as usize] -= 1.0;
            near("cross-entropy", &results[0][range], &exact, 3e-6, 2e-7);
        }
    }
}

fn check_layer_norm(case: Case) {
    let Case { rows, width, .. } = case;
    let (x, weight, bias) = (case.matrix(0), case.row(1), case.row(2));
    let (gradient, sums) = (case.matrix(3), case.row(4));
    let epsilon = 1e-5;
    let results = on_every_path("layer norm", || {
        let [mut normal, mut y, mut inverse] =
            [x.clone(), vec![f32::NAN; x.len()], vec![f32::NAN; rows]];
        kernels::layer_norm(&mut normal, &weight, &bias, epsilon, &mut y, &mut inverse);
        let [mut gradient, mut weight_sums, mut bias_sums] =
            [gradient.clone(), sums.clone(), sums.clone()];
        kernels::layer_norm_sums(&gradient, &normal, &mut weight_sums, &mut bias_sums);
        kernels::layer_norm_backward(&mut gradient, &normal, &inverse, &weight);
        vec![normal, y, inverse, gradient, weight_sums, bias_sums]
    });
    if case.wild || width == 0 {
        return;
    }
    let (mut weight_sums, mut bias_sums) = (wide(&sums), wide(&sums));
    let (weight, bias) = (wide(&weight), wide(&bias));
    let count = width as f64;
    for row in 0..rows {
        let range = row * width..(row + 1) * width;
        let x = wide(&x[range.clone()]);
        let mean = x.iter().sum::<f64>() / count;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let inverse = 1.0 / (variance + f64::from(epsilon)).sqrt();
        near(
            "inverse deviation",
            &results[2][row..=row],
            &[inverse],
            1e-5,
            1e-5 * inverse.powi(2),
        );
        let normal: Vec<f64> = x.iter().map(|x| (x - mean) * inverse).collect();
        // Rounding errors of the distances from the mean are multiplied by the inverse deviation.
        let error = 1e-5 * inverse.max(1.0);
        near("normal", &results[0][range.clone()], &normal, 0.0, error);
        let y: Vec<f64> = (0..width)
            .map(|i| normal[i] * weight[i] + bias[i])
            .collect();
        near(
            "layer norm",
            &results[1][range.clone()],
            &y,
            1e-6,
            4.0 * error,
        );

        // The backward pass starts from the outputs of the forward pass.
        let normal = wide(&results[0][range.clone()]);
        let inverse = f64::from(results[2][row]);
        let given = wide(&gradient[range.clone()]);
        let scaled: Vec<f64> = (0..width).map(|i| given[i] * weight[i]).collect();
        let mean = scaled.iter().sum::<f64>() / count;
        let slope = (0..width).map(|i| scaled[i] * normal[i]).sum::<f64>() / count;
        let exact: Vec<f64> = (0..width)
            .map(|i| inverse * (scaled[i] - mean - normal[i] * slope))
            .collect();
        let size = normal.iter().fold(1.0_f64, |size, x| size.max(x.abs()));
        near(
            "layer norm backward",
            &results[3][range],
            &exact,
            1e-5,
            2e-5 * inverse * size,
        );
        for i in 0..width {
            weight_sums[i] += given[i] * normal[i];
            bias_sums[i] += given[i];
        }
    }
    near("weight sums", &results[4], &weight_sums, 1e-5, 1e-4);
    near("bias sums", &results[5], &bias_sums, 1e-6, 1e-5);
}

fn check_adamw(case: Case) {
    let step = AdamWStep {
        factor: 0.25,
        keep: 0.999_99,
        beta1: 0.9,
        beta2: 0.98,
        fresh1: 0.1,
        fresh2: 0.02,
        rate: 1e-3,
        root: 1.5,
        epsilon: 1e-6,
    };
    let [values, gradients, first] = [case.matrix(0), case.matrix(1), case.matrix(2)];
    let second: Vec<f32> = case.matrix(3).iter().map(|x| x.abs()).collect();
    let results = on_every_path("adamw", || {
        let [mut values, mut first, mut second] = [values.clone(), first.clone(), second.clone()];
        kernels::adamw(&mut values, &gradients, &mut first, &mut second, &step);
        vec![values, first, second]
    });
    let mut expected = [values, first, second];
    for (place, gradient) in gradients.iter().enumerate() {
        let [value, first, second] = expected.each_mut().map(|numbers| &mut numbers[place]);
        let gradient = step.factor * gradient;
        *first = step.beta1 * *first + step.fresh1 * gradient;
        *second = step.beta2 * *second + step.fresh2 * gradient * gradient;
        let spread = second.sqrt() * step.root + step.epsilon;
        *value = *value * step.keep - step.rate * *first / spread;
    }
    for (result, expected) in results.iter().zip(&expected) {
        assert_eq!(bits(result), bits(expected), "{case:?}");
    }
}

#[test]
fn adamw_updates_all_blocks() {
    check_adamw(Case {
        seed: 3,
        rows: 40,
        width: 1001,
        wild: false,
    });
}

#[test]
fn rows_do_not_depend_on_their_neighbours() {
    let case = Case {
        seed: 9,
        rows: 5,
        width: 77,
        wild: false,
    };
    let mut all = case.matrix(0);
    let mut alone = all.clone();
    kernels::softmax(&mut all, case.width, 1.0);
    for row in alone.chunks_mut(case.width) {
        kernels::softmax(row, case.width, 1.0);
    }
    assert_eq!(bits(&all), bits(&alone));
}

#[test]
fn softmax_of_extremes() {
    for path in Path::available() {
        let _forced = path.force();
        for width in WIDTHS {
            let mut equal = vec![3e38; width];
            kernels::softmax(&mut equal, width, 1.0);
            assert!(equal.iter().all(|&w| w == 1.0 / width as f32), "{width}");
            let mut one = vec![f32::MIN; width];
            one[width / 2] = 1.0;
            kernels::softmax(&mut one, width, 1e-3);
            let sum: f32 = one.iter().sum();
            assert_eq!((one[width / 2], sum), (1.0, 1.0));
        }
    }
}

#[test]
fn a_loss_of_numbers_that_are_not_finite_is_not_finite() {
    for path in Path::available() {
        let _forced = path.force();
        for bad in [f32::NAN, f32::INFINITY] {
            let mut logits = vec![0.5; 40];
            logits[17] = bad;
            let mut losses = [0.0];
            kernels::cross_entropy(&mut logits, None, &[3], &mut losses);
            assert!(!losses[0].is_finite());
        }
    }
}

#[test]
fn elementary_functions_agree_on_every_path() {
    use kernels::elementary::{exp_all, gelu_all, gelu_derivative_all, normal_all, tanh_all};
    type Function = fn(&mut [f32]);
    let functions: [(&str, Function); 5] = [
        ("exp", exp_all),
        ("tanh", tanh_all),
        ("normal", normal_all),
        ("gelu", gelu_all),
        ("gelu derivative", gelu_derivative_all),
    ];
    let mut arguments: Vec<f32> = (0..=u32::MAX).step_by(16_411).map(f32::from_bits).collect();
    // The neighbours of the arguments at which a function changes from one formula to another.
    for edge in [
        -87.33_f32,
        88.02,
        0.625,
        14.0,
        0.0,
        f32::MIN_POSITIVE,
        43.665,
        5.5,
    ] {
        for bits in edge.to_bits().saturating_sub(20)..edge.to_bits() + 20 {
            arguments.extend([f32::from_bits(bits), -f32::from_bits(bits)]);
        }
    }
    for (name, function) in functions {
        on_every_path(name, || {
            let mut all = arguments.clone();
            function(&mut all);
            let mut ragged = arguments[..200].to_vec();
            for length in 0..19 {
                function(&mut ragged[length..2 * length]);
            }
            vec![all, ragged]
        });
    }
}

#[test]
fn sums_run_in_the_stated_order() {
    for count in [0, 1, 15, 16, 17, 1000, 65_535, 65_536, 65_537, 200_003] {
        let values = random(count as u32, count, count % 2 == 1);
        let mut expected = 0.0;
        for block in values.chunks(65_536) {
            let mut lanes = [0.0_f64; 16];
            for (place, &value) in block.iter().enumerate() {
                lanes[place % 16] += f64::from(value).powi(2);
            }
            for half in [8, 4, 2, 1] {
                for i in 0..half {
                    lanes[i] += lanes[i + half];
                }
            }
            expected += lanes[0];
        }
        let results = on_every_path("sum of squares", || {
            vec![halves(&[kernels::sum_of_squares(&values)])]
        });
        assert_eq!(bits(&results[0]), bits(&halves(&[expected])));
        assert!(kernels::all_finite(&values));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, count / 2, count.saturating_sub(1)] {
                let mut values = values.clone();
                if let Some(value) = values.get_mut(place) {
                    *value = bad;
                    assert!(!kernels::all_finite(&values));
                }
            }
        }
    }
    assert_eq!(kernels::sum(&[1e16, 1.0, 1.0, -1e16]), 0.0);
    assert_eq!(kernels::sum(&[1.0, 1.0, 1e16, -1e16]), 2.0);
}

/// Returns the factors by the layout in the documentation of [`Dropout`].
fn expected_scales(
    stream: &Stream,
    [step, site, sample]: [u32; 3],
    threshold: u32,
    first: usize,
    count: usize,
) -> Vec<f32> {
    let scale = (1.0 / (1.0 - f64::from(threshold) / 65_536.0)) as f32;
    (first..first + count)
        .map(|e| {
            let (group, draw, lane) = (e / 128, (e % 128) / 16, e % 16);
            let words = stream.block(step, sample, site, (16 * group + lane) as u32);
            let half = (words[draw / 2] >> (16 * (draw % 2))) & 0xFFFF;
            if half < threshold { 0.0 } else { scale }
        })
        .collect()
}

#[test]
fn dropout_is_a_function_of_the_element() {
    let stream = Stream::new(11, "dropout");
    // The last one reaches the groups with the highest counters.
    for first in [0, 1, 100, 127, 128, 129, 1000, (1 << 35) - 300] {
        for count in [0, 1, 15, 27, 28, 29, 128, 156, 300] {
            for (probability, threshold) in [(0.1, 6554), (0.0, 0), (1.0, 65_535), (0.5, 32_768)] {
                let results = on_every_path("dropout", || {
                    let mut out = vec![f32::NAN; count];
                    Dropout::new(&stream, 5, 6, probability).scales(7, first, &mut out);
                    vec![out]
                });
                let expected = expected_scales(&stream, [5, 6, 7], threshold, first, count);
                assert_eq!(results[0], expected, "{count} from {first}");
            }
        }
    }
    proptest!(|(seed: u64, keys: [u32; 3], first in 0_usize..1000, count in 0_usize..600)| {
        let stream = Stream::new(seed, "dropout");
        let mut out = vec![f32::NAN; count];
        Dropout::new(&stream, keys[0], keys[1], 0.25).scales(keys[2], first, &mut out);
        prop_assert_eq!(out, expected_scales(&stream, keys, 16_384, first, count));
    });
}

#[test]
fn dropout_drops_its_share() {
    const COUNT: usize = 1 << 20;
    let mut out = vec![0.0; COUNT];
    for (sample, probability) in [(0, 0.1), (1, 0.5), (2, 0.01), (3, 0.9)] {
        let dropout = Dropout::new(&Stream::new(3, "dropout"), 1, 2, probability);
        dropout.scales(sample, 0, &mut out);
        let sigma = (probability * (1.0 - probability) / COUNT as f64).sqrt();
        // The probability is rounded to a multiple of 2^-16.
        let bound = 4.0 * sigma + 1.0 / 131_072.0;
        let share = |of: &dyn Fn(usize) -> bool, among: usize| {
            (0..among).filter(|&e| of(e)).count() as f64 / among as f64
        };
        let dropped = share(&|e| out[e] == 0.0, COUNT);
        assert!(
            (dropped - probability).abs() < bound,
            "{dropped} {probability}"
        );
        // Elements at these distances (neighbours, draws of one counter, groups) must be independent.
        for distance in [1, 16, 64, 128] {
            let both = share(&|e| out[e] == 0.0 && out[e + distance] == 0.0, COUNT - 128);
            let expected = probability * probability;
            let sigma = (2.0 * expected / COUNT as f64).sqrt();
            assert!(
                (both - expected).abs() < 5.0 * sigma + 4e-5,
                "{both} {expected}"
            );
        }
        // Dropout keeps the expected value.
        let mean = out.iter().copied().map(f64::from).sum::<f64>() / COUNT as f64;
        assert!((mean - 1.0).abs() < 1e-2, "{mean}");
        assert!(
            out.iter()
                .all(|&scale| scale == 0.0 || scale == dropout.scale())
        );
    }
}

#[test]
fn embeddings() {
    proptest!(ProptestConfig::with_cases(64), |(
        seed in 0_u32..1_000_000, tokens in 0_usize..40, width in 1_usize..130, sizes in [1_usize..50, 1_usize..20, 1_usize..3]
    )| {
        let mut draws = Stream::new(u64::from(seed), "indices").draws(0, 0, 0);
        let indices = sizes.map(|size| (0..tokens).map(|_| draws.index(size) as u32).collect::<Vec<_>>());
        let tables: Vec<_> = sizes.iter().enumerate().map(|(table, size)| {
            random(seed * 16 + table as u32, size * width, false)
        }).collect();
        let results = on_every_path("embeddings", || {
            let mut out = vec![f32::NAN; tokens * width];
            let tables = [&tables[0][..], &tables[1], &tables[2]];
            kernels::embed(tables, indices.each_ref().map(|indices| &indices[..]), width, &mut out);
            let mut table = tables[0].to_vec();
            kernels::scatter_add(&mut table, width, &indices[0], &out);
            vec![out, table]
        });
        let element = |table: usize, token: usize, i: usize| {
            tables[table][indices[table][token] as usize * width + i]
        };
        let mut table = tables[0].clone();
        for token in 0..tokens {
            for i in 0..width {
                let sum = (element(0, token, i) + element(1, token, i)) + element(2, token, i);
                prop_assert_eq!(results[0][token * width + i], sum);
                table[indices[0][token] as usize * width + i] += sum;
            }
        }
        prop_assert_eq!(bits(&results[1]), bits(&table));
    });
}

#[test]
fn a_row_takes_many_tokens_in_ascending_order() {
    let (tokens, width) = (1500, 150);
    let rows = random(8, tokens * width, true);
    let indices: Vec<u32> = (0..tokens as u32)
        .map(|token| token * token % 7 / 3)
        .collect();
    let mut table = random(9, 4 * width, false);
    let mut expected = table.clone();
    kernels::scatter_add(&mut table, width, &indices, &rows);
    for (token, &index) in indices.iter().enumerate() {
        for i in 0..width {
            expected[index as usize * width + i] += rows[token * width + i];
        }
    }
    assert_eq!(bits(&table), bits(&expected));
}

/// Defines tests of calls that must panic with a message that contains the given text.
macro_rules! refuses {
    ($($name:ident: $call:expr, $message:literal;)*) => { mod refuses {
        use super::*;
        $(
            #[test]
            #[should_panic(expected = $message)]
            fn $name() {
                $call;
            }
        )*
    } };
}

refuses! {
    ragged_rows: kernels::add_bias(&mut [0.0; 7], &[0.0; 3]), "7 elements are no rows of 3";
    rows_of_nothing: kernels::add_columns(&[0.0; 7], &mut []), "7 elements are no rows of 0";
    too_few_derivatives: {
        kernels::bias_activation(Activation::Gelu, &mut [0.0; 4], &[0.0; 2], &mut [0.0; 3]);
    }, "3 derivatives of 4 elements";
    too_few_factors: kernels::scale(&mut [0.0; 4], &[0.0; 3]), "3 factors of 4 elements";
    too_long_a_source: kernels::add(&mut [0.0; 4], &[0.0; 5]), "5 elements added to 4";
    a_negative_scale: kernels::softmax(&mut [0.0; 4], 2, -1.0), "a scale of -1";
    too_few_weights: kernels::softmax_backward(&[0.0; 2], &mut [0.0; 4], 2, 1.0), "4 gradients of 2 weights";
    too_few_losses: kernels::cross_entropy(&mut [0.0; 4], None, &[0, 1], &mut [0.0]), "1 losses of 2 targets";
    a_target_without_gradient:
        kernels::cross_entropy_only(&[0.0; 4], None, &[0, 2], &mut [0.0; 2]), "target 2 is none of 2";
    a_target_out_of_range: kernels::cross_entropy(&mut [0.0; 4], None, &[0, 2], &mut [0.0; 2]), "target 2 is none of 2";
    too_short_a_bias: {
        kernels::cross_entropy(&mut [0.0; 4], Some(&[0.0]), &[0, 1], &mut [0.0; 2]);
    }, "a bias of 1 for 2 classes";
    logits_without_targets: kernels::cross_entropy(&mut [0.0; 4], None, &[], &mut []), "no rows of 0";
    a_probability_above_one: Dropout::new(&Stream::new(1, ""), 0, 0, 1.5), "probability 1.5";
    an_element_out_of_range: {
        Dropout::new(&Stream::new(1, ""), 0, 0, 0.5).scales(0, (1 << 35) - 1, &mut [0.0; 2]);
    }, "more than 2^35";
    an_index_out_of_range: {
        kernels::embed([&[0.0; 4]; 3], [&[0], &[2], &[0]], 2, &mut [0.0; 2]);
    }, "index 2 is none of the 2 rows";
    an_index_to_add_to: kernels::scatter_add(&mut [0.0; 4], 2, &[1, 5], &[0.0; 4]), "index 5 is none of the 2 rows";
    too_few_rows: kernels::scatter_add(&mut [0.0; 4], 2, &[1, 0], &[0.0; 3]), "3 elements for 2 rows of 2";
    too_few_moments: {
        let step = AdamWStep {
            factor: 1.0, keep: 1.0, beta1: 0.9, beta2: 0.9, fresh1: 0.1, fresh2: 0.1, rate: 0.1, root: 1.0, epsilon: 1.0,
        };
        kernels::adamw(&mut [0.0; 4], &[0.0; 4], &mut [0.0; 3], &mut [0.0; 4], &step);
    }, "4 gradients and 3 and 4 moments of 4 values";
    too_few_results: {
        kernels::layer_norm(&mut [0.0; 4], &[0.0; 2], &[0.0; 2], 0.1, &mut [0.0; 3], &mut [0.0; 2]);
    }, "disagree";
    too_few_sums: {
        let (mut sums, mut short) = ([0.0; 2], [0.0; 1]);
        kernels::layer_norm_sums(&[0.0; 4], &[0.0; 4], &mut sums, &mut short);
    }, "disagree";
    too_few_deviations: {
        kernels::layer_norm_backward(&mut [0.0; 4], &[0.0; 4], &[0.0; 1], &[0.0; 2]);
    }, "disagree";
}

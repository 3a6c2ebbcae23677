//! Compares every operation on every path with plain Rust.

use super::{Floats, Lanes, Path, WIDTH, Words, dispatched};
use crate::Stream;

type Bits = [u32; WIDTH];

/// Names of the operations that make one vector of floats of three.
const FLOATS: [&str; 16] = [
    "add",
    "sub",
    "mul",
    "div",
    "mul_add",
    "neg_mul_add",
    "sqrt",
    "abs",
    "max",
    "less",
    "bits",
    "part",
    "sum",
    "largest",
    "lanes",
    "lanes of products",
];

/// Names of the operations on words.
const WORDS: [&str; 10] = [
    "add", "xor", "and", "left", "right", "product", "high", "join", "less", "splat",
];

dispatched! {
    fn floats<S>(simd: _, operation: usize, a: &[f32; WIDTH], b: &[f32; WIDTH], c: &[f32; WIDTH], out: &mut [f32; WIDTH]) {
        let [x, y, z] = [simd.load(a), simd.load(b), simd.load(c)];
        let result = match FLOATS[operation] {
            "add" => x + y,
            "sub" => x - y,
            "mul" => x * y,
            "div" => x / y,
            "mul_add" => x.mul_add(y, z),
            "neg_mul_add" => x.neg_mul_add(y, z),
            "sqrt" => x.sqrt(),
            "abs" => x.abs(),
            "max" => x.max(y),
            "less" => x.less(y, z, x),
            "bits" => x.to_bits().to_floats(),
            "part" => {
                let length = (a[0].to_bits() % 17) as usize;
                let part = simd.load_part(&b[..length], c[0]);
                y.store(out);
                z.store_part(&mut out[length..]);
                simd.load(out) + part
            }
            "sum" => simd.splat(x.sum()),
            "largest" => simd.splat(x.largest()),
            "lanes" => {
                let mut lanes = Lanes::new(simd.splat(0.0));
                lanes.add(x);
                lanes.add(y);
                lanes.add(z);
                simd.splat(lanes.total())
            }
            _ => {
                let mut lanes = Lanes::new(simd.splat(0.0));
                lanes.add_product(x, y);
                lanes.add_product(y, z);
                lanes.add_product(z, x);
                simd.splat(lanes.total())
            }
        };
        result.store(out);
    }

    fn words<S>(simd: _, operation: usize, a: &Bits, b: &Bits, out: &mut [f32; WIDTH]) {
        let [x, y] = [simd.load_words(a), simd.load_words(b)];
        let result = match WORDS[operation] {
            "add" => x.add(y),
            "xor" => x.xor(y),
            "and" => x.and(y),
            "left" => x.shift_left::<23>(),
            "right" => x.shift_right::<16>(),
            "product" => x.pair_product(y),
            "high" => x.pair_high(),
            "join" => x.pair_join(y),
            "less" => {
                let half = simd.splat_word(u32::MAX >> 1);
                x.and(half).less(y.and(half), simd.splat(1.0), simd.splat(-0.0)).to_bits()
            }
            _ => simd.splat_word(a[0]),
        };
        result.to_floats().store(out);
    }
}

/// Returns the result that [`floats`] should have.
fn expected_floats(operation: usize, a: &[f32; WIDTH], b: &[f32; WIDTH], c: &[f32; WIDTH]) -> Bits {
    let larger = |x: f32, y: f32| if x > y { x } else { y };
    let folded = |mut lanes: Vec<f32>, fold: &dyn Fn(f32, f32) -> f32| {
        while lanes.len() > 1 {
            let (low, high) = lanes.split_at(lanes.len() / 2);
            lanes = low.iter().zip(high).map(|(&x, &y)| fold(x, y)).collect();
        }
        lanes[0]
    };
    let sum = |lanes: Vec<f32>| folded(lanes, &|x, y| x + y);
    let each = |i: usize| match FLOATS[operation] {
        "add" => a[i] + b[i],
        "sub" => a[i] - b[i],
        "mul" => a[i] * b[i],
        "div" => a[i] / b[i],
        "mul_add" => a[i].mul_add(b[i], c[i]),
        "neg_mul_add" => (-a[i]).mul_add(b[i], c[i]),
        "sqrt" => a[i].sqrt(),
        "abs" => a[i].abs(),
        "max" => larger(a[i], b[i]),
        "less" => {
            if a[i] < b[i] {
                c[i]
            } else {
                a[i]
            }
        }
        "bits" => a[i],
        "part" => {
            let length = (a[0].to_bits() % 17) as usize;
            if i < length {
                b[i] + b[i]
            } else {
                c[i - length] + c[0]
            }
        }
        "sum" => sum(a.to_vec()),
        "largest" => folded(a.to_vec(), &larger),
        "lanes" => sum((0..32)
            .map(|lane| match lane {
                0..WIDTH => (0.0 + a[lane]) + c[lane],
                _ => 0.0 + b[lane - WIDTH],
            })
            .collect()),
        _ => sum((0..32)
            .map(|lane| match lane {
                0..WIDTH => c[lane].mul_add(a[lane], a[lane].mul_add(b[lane], 0.0)),
                _ => b[lane - WIDTH].mul_add(c[lane - WIDTH], 0.0),
            })
            .collect()),
    };
    std::array::from_fn(|i| each(i).to_bits())
}

/// Returns the result that [`words`] should have.
fn expected_words(operation: usize, a: &Bits, b: &Bits) -> Bits {
    let product = |i: usize| u64::from(a[i]) * u64::from(b[i]);
    std::array::from_fn(|i| match WORDS[operation] {
        "add" => a[i].wrapping_add(b[i]),
        "xor" => a[i] ^ b[i],
        "and" => a[i] & b[i],
        "left" => a[i] << 23,
        "right" => a[i] >> 16,
        "product" if i % 2 == 0 => product(i) as u32,
        "product" => (product(i - 1) >> 32) as u32,
        "high" if i % 2 == 0 => a[i + 1],
        "high" => 0,
        "join" if i % 2 == 0 => a[i],
        "join" => b[i - 1],
        "less" if a[i] << 1 < b[i] << 1 => 1.0_f32.to_bits(),
        "less" => (-0.0_f32).to_bits(),
        _ => a[0],
    })
}

/// Returns the bits with all NaNs replaced by one NaN.
fn plain(bits: Bits) -> Bits {
    bits.map(|bits| {
        if f32::from_bits(bits).is_nan() {
            f32::NAN.to_bits()
        } else {
            bits
        }
    })
}

/// Returns random lanes: of all magnitudes, of a few magnitudes, and with special values among them.
fn lanes() -> impl Iterator<Item = [[f32; WIDTH]; 3]> {
    const SPECIAL: [f32; 14] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
        -1e-45,
        1e-40,
        16_777_217.0,
    ];
    let mut draws = Stream::new(1, "lanes").draws(0, 0, 0);
    (0..3000).map(move |round| {
        std::array::from_fn(|_| {
            std::array::from_fn(|_| match round % 3 {
                0 => f32::from_bits(draws.word()),
                1 => (draws.uniform() * 8.0 - 4.0) as f32,
                _ if draws.chance(0.5) => *draws.pick(&SPECIAL),
                _ => (draws.uniform() - 0.5) as f32,
            })
        })
    })
}

#[test]
fn every_operation_on_floats_is_that_of_plain_rust() {
    for path in Path::available() {
        let _forced = path.force();
        for [a, b, c] in lanes() {
            for (operation, name) in FLOATS.iter().enumerate() {
                let mut out = [0.0; WIDTH];
                floats(operation, &a, &b, &c, &mut out);
                let expected = plain(expected_floats(operation, &a, &b, &c));
                let out = plain(out.map(f32::to_bits));
                assert_eq!(
                    out,
                    expected,
                    "{name} on {}: {a:?} {b:?} {c:?}",
                    path.name()
                );
            }
        }
    }
}

#[test]
fn every_operation_on_words_is_that_of_plain_rust() {
    for path in Path::available() {
        let _forced = path.force();
        for [a, b, _] in lanes() {
            let [a, b] = [a, b].map(|lanes| lanes.map(f32::to_bits));
            for (operation, name) in WORDS.iter().enumerate() {
                let mut out = [0.0; WIDTH];
                words(operation, &a, &b, &mut out);
                let expected = expected_words(operation, &a, &b);
                assert_eq!(
                    out.map(f32::to_bits),
                    expected,
                    "{name} on {}: {a:?} {b:?}",
                    path.name()
                );
            }
        }
    }
}

#[test]
fn a_path_is_forced_until_its_guard_is_dropped() {
    for path in Path::available() {
        let forced = path.force();
        assert_eq!(Path::current(), path);
        drop(forced);
        assert_eq!(Path::from_name(path.name()), Some(path));
    }
}

//! Dropout masks as a function of (seed, purpose, step, sample, site, element).

use crate::Stream;
use crate::philox::{MULTIPLIERS, WEYL};
use crate::simd::{Floats, Simd, WIDTH, Words, dispatched};

/// Number of elements that the same sixteen counters decide: a counter gives four words of two halves each.
pub(crate) const GROUP: usize = 8 * WIDTH;
/// The most elements of a sample: counters are 32-bit numbers, and each decides eight elements.
const MOST: u64 = 1 << 35;

/// Dropout at one site of one step: which elements are dropped, and the scale of the others, which keeps the expected value
/// (Srivastava et al. 2014).
///
/// # Layout
///
/// Elements come in groups of 128. Element e of a sample belongs to group G = ⌊e / 128⌋, and there to lane e mod 16 and
/// to draw j = ⌊(e mod 128) / 16⌋. Philox4x32-10 at the counter (16 G + lane, site, sample, step), as
/// [`Stream::block`](crate::Stream::block) numbers it, gives four words; the draw is the half j mod 2 of word ⌊j / 2⌋,
/// the low half first. An element is dropped if its draw is below the threshold, 65536 · probability. A sample has 2^35
/// elements at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    stream: Stream,
    step: u32,
    site: u32,
    threshold: u32,
    scale: f32,
}

impl Dropout {
    /// Makes the dropout at `site` in `step`. The probability is rounded to a multiple of 2^-16 below 1.
    ///
    /// # Panics
    /// When the probability is not between 0 and 1.
    pub fn new(stream: &Stream, step: u32, site: u32, probability: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&probability),
            "dropout with probability {probability}"
        );
        let threshold = ((probability * 65536.0).round() as u32).min(65535);
        Self {
            stream: *stream,
            step,
            site,
            threshold,
            scale: (65536.0 / f64::from(65536 - threshold)) as f32,
        }
    }

    /// Returns the scale of an element that is kept.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Fills `out` with the factors of the elements `first`, `first + 1`, … of a sample: 0 for dropped elements, else
    /// [`Dropout::scale`]. Splitting a sample over several calls does not change the factors.
    ///
    /// # Panics
    /// When an element's index is 2^35 or larger.
    pub fn scales(&self, sample: u32, first: usize, out: &mut [f32]) {
        let end = (first as u64).checked_add(out.len() as u64);
        assert!(
            end.is_some_and(|end| end <= MOST),
            "dropout of more than 2^35 elements"
        );
        if self.threshold == 0 {
            out.fill(self.scale);
        } else {
            fill(self, sample, first as u64, out);
        }
    }
}

dispatched! {
    fn fill<S>(simd: _, dropout: &Dropout, sample: u32, first: u64, out: &mut [f32]) {
        // There are at most 2^28 groups.
        let mut group = (first / GROUP as u64) as u32;
        let skipped = (first % GROUP as u64) as usize;
        let mut part = [0.0; GROUP];
        let (begun, rest) = out.split_at_mut(if skipped == 0 { 0 } else { out.len().min(GROUP - skipped) });
        if !begun.is_empty() {
            one_group(simd, dropout, sample, group, &mut part);
            begun.copy_from_slice(&part[skipped..skipped + begun.len()]);
            group += 1;
        }
        let (groups, rest) = rest.as_chunks_mut();
        for whole in groups {
            one_group(simd, dropout, sample, group, whole);
            group += 1;
        }
        if !rest.is_empty() {
            one_group(simd, dropout, sample, group, &mut part);
            rest.copy_from_slice(&part[..rest.len()]);
        }
    }
}

#[inline(always)]
fn one_group<S: Simd>(simd: S, dropout: &Dropout, sample: u32, group: u32, out: &mut [f32; GROUP]) {
    let [mut k0, mut k1] = dropout.stream.key();
    let multipliers = [
        simd.splat_word(MULTIPLIERS[0]),
        simd.splat_word(MULTIPLIERS[1]),
    ];
    let [site, sample, step] = [dropout.site, sample, dropout.step];
    let others = [
        simd.splat_word(site),
        simd.splat_word(sample),
        simd.splat_word(step),
    ];
    // The counters of the even lanes and those of the odd lanes are both kept in even lanes, since a product takes two lanes.
    // The contents of the odd lanes are never used.
    let even = simd.load_words(&COUNTING).add(simd.splat_word(16 * group));
    let odd = even.add(simd.splat_word(1));
    let mut even = [even, others[0], others[1], others[2]];
    let mut odd = [odd, others[0], others[1], others[2]];
    for _ in 0..10 {
        let keys = [simd.splat_word(k0), simd.splat_word(k1)];
        even = round(even, multipliers, keys);
        odd = round(odd, multipliers, keys);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    let [low, threshold] = [simd.splat_word(0xFFFF), simd.splat_word(dropout.threshold)];
    let [zero, scale] = [simd.splat(0.0), simd.splat(dropout.scale)];
    let (vectors, _) = out.as_chunks_mut();
    for place in 0..4 {
        let words = even[place].pair_join(odd[place]);
        let draw = words.and(low);
        draw.less(threshold, zero, scale)
            .store(&mut vectors[2 * place]);
        let draw = words.shift_right::<16>();
        draw.less(threshold, zero, scale)
            .store(&mut vectors[2 * place + 1]);
    }
}

/// One round of Philox on the even lanes.
#[inline(always)]
fn round<U: Words>(counter: [U; 4], multipliers: [U; 2], keys: [U; 2]) -> [U; 4] {
    let product0 = counter[0].pair_product(multipliers[0]);
    let product1 = counter[2].pair_product(multipliers[1]);
    [
        product1.pair_high().xor(counter[1]).xor(keys[0]),
        product1,
        product0.pair_high().xor(counter[3]).xor(keys[1]),
        product0,
    ]
}

/// The number of each lane.
const COUNTING: [u32; WIDTH] = {
    let mut lanes = [0; WIDTH];
    let mut lane = 0;
    while lane < WIDTH {
        lanes[lane] = lane as u32;
        lane += 1;
    }
    lanes
};

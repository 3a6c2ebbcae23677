use crate::ln;
use crate::philox::philox4x32_10;

/// All random numbers of one purpose under one seed. A number's address is (step, sample, site, position).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// Makes the stream for `purpose` (`mask`, `dropout`, `order`, `initial weights`, …) under `seed`.
    pub fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a gives each purpose its own number; a call of Philox spreads seed and purpose over the key.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in purpose.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let counter = [
            hash as u32,
            (hash >> 32) as u32,
            seed as u32,
            (seed >> 32) as u32,
        ];
        let [k0, k1, ..] = philox4x32_10(counter, [0, 0]);
        Self { key: [k0, k1] }
    }

    #[inline(always)]
    pub(crate) fn key(&self) -> [u32; 2] {
        self.key
    }

    /// Returns the four words of `block` at (step, sample, site).
    #[inline(always)]
    pub fn block(&self, step: u32, sample: u32, site: u32, block: u32) -> [u32; 4] {
        philox4x32_10([block, site, sample, step], self.key)
    }

    /// Returns the numbers at (step, sample, site), one after the other.
    pub fn draws(&self, step: u32, sample: u32, site: u32) -> Draws {
        Draws {
            stream: *self,
            step,
            sample,
            site,
            next_block: 0,
            words: [0; 4],
            used: 4,
        }
    }
}

/// A sequence of random numbers that belongs to one (step, sample, site) of a [`Stream`].
#[derive(Clone, Debug)]
pub struct Draws {
    stream: Stream,
    step: u32,
    sample: u32,
    site: u32,
    next_block: u32,
    words: [u32; 4],
    used: usize,
}

impl Draws {
    /// Returns 32 random bits.
    pub fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self
                .stream
                .block(self.step, self.sample, self.site, self.next_block);
            self.next_block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Returns a number in [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        let (high, low) = (u64::from(self.word()), u64::from(self.word()));
        ((high << 21) | (low >> 11)) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Returns a whole number below `bound`, each equally likely (Lemire 2019, with rejection).
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "no whole number is below zero");
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            // What is refused is below 2³² modulo the bound, so below the bound: the slow division is rarely needed.
            let low = product as u32;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }

    /// Returns an index into a slice of `length` elements.
    ///
    /// # Panics
    /// When `length` is zero or exceeds `u32::MAX`.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).expect("at most u32::MAX elements")) as usize
    }

    /// Returns `true` with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Returns one of the elements of `from`, each equally likely.
    ///
    /// # Panics
    /// When `from` is empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// Puts the elements into a random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            let other = self.index(last + 1);
            elements.swap(last, other);
        }
    }

    /// Returns `count` different numbers below `of`, in random order.
    ///
    /// # Panics
    /// When `count` exceeds `of`.
    pub fn choose(&mut self, of: usize, count: usize) -> Vec<usize> {
        assert!(count <= of, "cannot choose {count} of {of}");
        let mut all: Vec<usize> = (0..of).collect();
        for place in 0..count {
            let other = place + self.index(of - place);
            all.swap(place, other);
        }
        all.truncate(count);
        all
    }

    /// Returns two independent standard normal numbers (Marsaglia's polar method).
    pub fn normal_pair(&mut self) -> [f64; 2] {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * ln(square) / square).sqrt();
                return [u * scale, v * scale];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn purposes_and_seeds_are_apart() {
        let base = Stream::new(1, "mask").block(0, 0, 0, 0);
        assert_ne!(base, Stream::new(2, "mask").block(0, 0, 0, 0));
        assert_ne!(base, Stream::new(1, "order").block(0, 0, 0, 0));
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut draws = Stream::new(7, "test").draws(0, 0, 0);
        let numbers: Vec<f64> = (0..50_000).flat_map(|_| draws.normal_pair()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }

    #[test]
    fn numbers_below_a_bound_are_those_of_the_plain_rejection() {
        for bound in [
            1,
            2,
            3,
            7,
            1000,
            1 << 31,
            (1 << 31) + 1,
            u32::MAX - 1,
            u32::MAX,
        ] {
            let mut draws = Stream::new(u64::from(bound), "test").draws(0, 0, 0);
            let mut words = draws.clone();
            for _ in 0..200 {
                let product = loop {
                    let product = u64::from(words.word()) * u64::from(bound);
                    if product as u32 >= bound.wrapping_neg() % bound {
                        break product;
                    }
                };
                assert_eq!(u64::from(draws.below(bound)), product >> 32);
            }
        }
    }

    proptest! {
        #[test]
        fn chosen_numbers_are_distinct_and_in_range(seed: u64, of in 1_usize..200, share in 0.0..=1.0) {
            let count = (of as f64 * share) as usize;
            let mut chosen = Stream::new(seed, "test").draws(1, 2, 3).choose(of, count);
            chosen.sort_unstable();
            chosen.dedup();
            prop_assert_eq!(chosen.len(), count);
            prop_assert!(chosen.iter().all(|&n| n < of));
        }

        #[test]
        fn shuffling_keeps_the_elements(seed: u64, length in 0_usize..100) {
            let mut order: Vec<usize> = (0..length).collect();
            Stream::new(seed, "order").draws(0, 0, 0).shuffle(&mut order);
            order.sort_unstable();
            prop_assert_eq!(order, (0..length).collect::<Vec<_>>());
        }
    }
}

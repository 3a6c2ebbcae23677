//! The folds of scikit-learn's `StratifiedKFold(k, shuffle=True, random_state=seed)`.
//!
//! SentEval's scores are of these folds, so they are made as there (scikit-learn since 0.22, `_split.py`): by NumPy's `RandomState`, a
//! Mersenne Twister (Matsumoto and Nishimura 1998, MT19937) whose `shuffle` draws bounded numbers by masked rejection. It is used for
//! nothing else; all other random numbers are those of [`kernels::Stream`].

/// Words of the generator's state.
const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// NumPy's `RandomState`.
struct MersenneTwister {
    words: [u32; WORDS],
    next: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for at in 1..WORDS {
            let before = words[at - 1];
            words[at] = 1_812_433_253_u32
                .wrapping_mul(before ^ (before >> 30))
                .wrapping_add(at as u32);
        }
        Self { words, next: WORDS }
    }

    fn twist(&mut self) {
        for at in 0..WORDS {
            let both =
                (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7fff_ffff);
            let mixed = if both & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[at] = self.words[(at + MIDDLE) % WORDS] ^ (both >> 1) ^ mixed;
        }
        self.next = 0;
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// Returns a number from 0 to `largest`.
    fn up_to(&mut self, largest: usize) -> usize {
        let mask = usize::MAX.checked_shr(largest.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.word() as usize & mask;
            if drawn <= largest {
                return drawn;
            }
        }
    }

    fn shuffle(&mut self, values: &mut [usize]) {
        for at in (1..values.len()).rev() {
            values.swap(at, self.up_to(at));
        }
    }
}

/// Returns the fold, from 0 to `folds`, in which each example is held out.
pub(crate) fn stratified(labels: &[usize], folds: usize, seed: u32) -> Vec<usize> {
    // Classes count in the order in which they first appear.
    let mut classes: Vec<usize> = Vec::new();
    for label in labels {
        if !classes.contains(label) {
            classes.push(*label);
        }
    }
    let of = |class: usize| labels.iter().filter(move |label| **label == class);
    // Over the labels in sorted order, every `folds`-th example belongs to one fold, which decides how many of each class it gets.
    let mut begin = 0;
    let mut random = MersenneTwister::new(seed);
    let mut found = vec![0; labels.len()];
    for class in classes {
        let end = begin + of(class).count();
        let mut own: Vec<usize> = (0..folds)
            .flat_map(|fold| {
                let count = (begin..end).filter(|place| place % folds == fold).count();
                std::iter::repeat_n(fold, count)
            })
            .collect();
        random.shuffle(&mut own);
        let places = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| **label == class);
        for ((place, _), fold) in places.zip(own) {
            found[place] = fold;
        }
        begin = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_numpys() {
        // numpy.random.RandomState(1111).randint(0, 2**32, 3, dtype=numpy.uint32), and after 1000 of them.
        let mut random = MersenneTwister::new(1111);
        let first: Vec<u32> = (0..3).map(|_| random.word()).collect();
        assert_eq!(first, [410_380_700, 1_846_919_479, 3_972_860_645]);
        let later = (3..1001).map(|_| random.word()).last();
        assert_eq!(later, Some(2_660_310_924));
        // x = numpy.arange(10); numpy.random.RandomState(1111).shuffle(x)
        let mut values: Vec<usize> = (0..10).collect();
        MersenneTwister::new(1111).shuffle(&mut values);
        assert_eq!(values, [9, 3, 8, 0, 6, 2, 4, 1, 5, 7]);
    }

    #[test]
    fn the_folds_are_scikit_learns() {
        // y = [[2, 0, 1, 0, 0][i % 5] for i in range(23)]; StratifiedKFold(4, shuffle=True, random_state=1111), scikit-learn 1.9.1.
        let labels: Vec<usize> = (0..23).map(|at| [2, 0, 1, 0, 0][at % 5]).collect();
        let found = stratified(&labels, 4, 1111);
        let expected = [
            0, 0, 3, 1, 2, 1, 3, 2, 2, 0, 0, 1, 2, 3, 1, 2, 2, 1, 1, 0, 3, 3, 0,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn every_fold_has_its_share_of_every_class() {
        let labels: Vec<usize> = (0..103).map(|at| [2, 0, 1, 0][at % 4]).collect();
        let found = stratified(&labels, 5, 7);
        for class in 0..3 {
            let counts: Vec<usize> = (0..5)
                .map(|fold| {
                    let both = found.iter().zip(&labels);
                    both.filter(|(of, label)| **of == fold && **label == class)
                        .count()
                })
                .collect();
            let (least, most) = (counts.iter().min(), counts.iter().max());
            assert!(
                most.zip(least)
                    .is_some_and(|(most, least)| most - least <= 1),
                "{counts:?}"
            );
        }
    }
}

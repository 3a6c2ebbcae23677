//! Learns merges: the pair of tokens that stands side by side most often becomes a token, again and again (Sennrich et al., *Neural Machine
//! Translation of Rare Words with Subword Units*, ACL 2016).
//!
//! Of equally frequent pairs the one with the lower ids is merged, in all words at once. The `tokenizers` crate has such a trainer too,
//! but keeps a pair that arises in several ways several times, in the order of a randomly seeded hash map. Here the result depends on the
//! words and their counts alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Two tokens side by side, by their ids.
type Pair = (u32, u32);

/// What was learned: all tokens by id, and the pairs in the order of their merges.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) tokens: Vec<String>,
    pub(crate) merges: Vec<(String, String)>,
}

/// Learns merges from words with their counts until there are `size` tokens, or no pair occurs `min_frequency` times. `tokens` are
/// those that exist already, by id. Characters of words that are no tokens are left out.
pub(crate) fn learn(
    tokens: Vec<String>,
    words: &[(String, u64)],
    size: usize,
    min_frequency: u64,
) -> Learned {
    let mut ids: HashMap<String, u32> = tokens.iter().cloned().zip(0..).collect();
    let mut learned = Learned {
        tokens,
        merges: Vec::new(),
    };
    let mut pairs = Pairs::of(words, &ids);
    while learned.tokens.len() < size {
        let Some(pair) = pairs.most_frequent(min_frequency.max(1)) else {
            break;
        };
        let [first, second] = [pair.0, pair.1].map(|id| learned.tokens[id as usize].clone());
        let whole = format!("{first}{second}");
        // Another pair may have made the same token before.
        let id = *ids.entry(whole).or_insert_with_key(|whole| {
            learned.tokens.push(whole.clone());
            learned.tokens.len() as u32 - 1
        });
        learned.merges.push((first, second));
        pairs.merge(pair, id);
    }
    learned
}

/// Words as tokens, and how often pairs occur in them.
struct Pairs {
    words: Vec<Vec<u32>>,
    counts: Vec<u64>,
    frequencies: HashMap<Pair, u64>,
    /// The words in which a pair has occurred; it need not any more.
    places: HashMap<Pair, Vec<u32>>,
    /// Pairs by frequency. A frequency may have fallen since, and is corrected when the pair comes up.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Pairs {
    fn of(words: &[(String, u64)], ids: &HashMap<String, u32>) -> Self {
        let spell = |word: &String| -> Vec<u32> {
            let mut buffer = [0; 4];
            word.chars()
                .filter_map(|character| ids.get(&*character.encode_utf8(&mut buffer)).copied())
                .collect()
        };
        let mut this = Self {
            words: words.iter().map(|(word, _)| spell(word)).collect(),
            counts: words.iter().map(|(_, count)| *count).collect(),
            frequencies: HashMap::new(),
            places: HashMap::new(),
            queue: BinaryHeap::new(),
        };
        for place in 0..this.words.len() {
            this.add(place);
        }
        let entries = this.frequencies.iter();
        this.queue = entries
            .map(|(pair, count)| (*count, Reverse(*pair)))
            .collect();
        this
    }

    /// Counts the pairs of a word.
    fn add(&mut self, place: usize) {
        for pair in self.words[place].windows(2).map(|pair| (pair[0], pair[1])) {
            *self.frequencies.entry(pair).or_default() += self.counts[place];
            let places = self.places.entry(pair).or_default();
            if places.last() != Some(&(place as u32)) {
                places.push(place as u32);
            }
        }
    }

    /// Takes back what [`Pairs::add`] counted.
    fn remove(&mut self, place: usize) {
        for pair in self.words[place].windows(2).map(|pair| (pair[0], pair[1])) {
            if let Some(frequency) = self.frequencies.get_mut(&pair) {
                *frequency -= self.counts[place];
            }
        }
    }

    /// Takes the most frequent pair out of the queue, if it occurs `least` times.
    fn most_frequent(&mut self, least: u64) -> Option<Pair> {
        while let Some((frequency, Reverse(pair))) = self.queue.pop() {
            let now = self.frequencies.get(&pair).copied().unwrap_or_default();
            if now < least {
                continue;
            }
            if now == frequency {
                return Some(pair);
            }
            self.queue.push((now, Reverse(pair)));
        }
        None
    }

    /// Replaces a pair by the token `id` in all words.
    fn merge(&mut self, pair: Pair, id: u32) {
        let mut places = self.places.remove(&pair).unwrap_or_default();
        places.sort_unstable();
        places.dedup();
        let mut risen = Vec::new();
        for place in places {
            let place = place as usize;
            let merged = merged(&self.words[place], pair, id);
            if merged.len() == self.words[place].len() {
                continue;
            }
            self.remove(place);
            self.words[place] = merged;
            self.add(place);
            let pairs = self.words[place].windows(2).map(|pair| (pair[0], pair[1]));
            risen.extend(pairs.filter(|(first, second)| *first == id || *second == id));
        }
        risen.sort_unstable();
        risen.dedup();
        for pair in risen {
            self.queue.push((self.frequencies[&pair], Reverse(pair)));
        }
        self.frequencies.remove(&pair);
    }
}

/// Returns a word in which `id` stands for each occurrence of a pair, from the left.
fn merged(word: &[u32], pair: Pair, id: u32) -> Vec<u32> {
    let mut merged = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, after @ ..] = rest {
        match after {
            [second, after @ ..] if (*first, *second) == pair => {
                merged.push(id);
                rest = after;
            }
            _ => {
                merged.push(*first);
                rest = after;
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(words: &[(&str, u64)], size: usize, min_frequency: u64) -> Vec<String> {
        let words: Vec<(String, u64)> = words
            .iter()
            .map(|(word, count)| ((*word).to_owned(), *count))
            .collect();
        let letters = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let learned = learn(letters, &words, size, min_frequency);
        let merges = learned.merges.iter();
        merges
            .map(|(first, second)| format!("{first} {second}"))
            .collect()
    }

    #[test]
    fn the_most_frequent_pair_is_merged_and_of_equals_the_one_with_lower_ids() {
        let words = [("abab", 2), ("cd", 4), ("ba", 1)];
        // `a b` and `c d` occur four times; then `ab ab` twice.
        assert_eq!(learned(&words, 100, 1), ["a b", "c d", "ab ab", "b a"]);
        assert_eq!(learned(&words, 100, 2), ["a b", "c d", "ab ab"]);
        assert_eq!(learned(&words, 5, 1), ["a b"]);
    }

    #[test]
    fn repeated_letters_are_merged_from_the_left() {
        assert_eq!(learned(&[("aaa", 3)], 100, 1), ["a a", "aa a"]);
        assert_eq!(merged(&[0, 0, 0], (0, 0), 9), [9, 0]);
        assert_eq!(learned(&[("a", 3), ("", 2)], 100, 1), [""; 0]);
    }

    /// A token that two pairs make has one id.
    #[test]
    fn a_token_is_made_once() {
        let words = [("abc", 2), ("ab", 5), ("dbc", 4), ("bc", 3)].to_vec();
        let words: Vec<(String, u64)> = words
            .into_iter()
            .map(|(word, count)| (word.to_owned(), count))
            .collect();
        let letters = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let Learned { tokens, merges } = learn(letters, &words, 100, 1);
        let mut unique = tokens.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), tokens.len(), "{tokens:?} {merges:?}");
    }
}

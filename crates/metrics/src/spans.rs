//! Metrics over answers that are spans of a text: those of SQuAD's official scripts (Rajpurkar et al. 2016 and 2018,
//! `evaluate-v1.1.py` and `evaluate-v2.0.py`).
//!
//! Answers are compared in lower case, without ASCII punctuation, the articles a, an and the, and with single spaces
//! between words. The score of a question is that of the gold answer that fits best.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// How well one prediction answers its question, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpanMatch {
    /// 1 where the prediction equals a gold answer, else 0.
    pub exact: f64,
    /// The harmonic mean of precision and recall over words, largest over the gold answers.
    pub f1: f64,
}

/// Which release's official script defines the scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanRules {
    /// SQuAD 1.1: every question has an answer, and an empty prediction shares no word with any.
    Answered,
    /// SQuAD 2.0: a question without gold answers is answered by the empty prediction. Gold answers without any words are ignored.
    MayBeUnanswerable,
}

/// Compares a prediction, empty for "no answer", with the gold answers of its question.
pub fn span_match(predicted: &str, gold: &[&str], rules: SpanRules) -> SpanMatch {
    let predicted = words(predicted);
    let mut gold: Vec<Vec<String>> = gold.iter().map(|answer| words(answer)).collect();
    if rules == SpanRules::MayBeUnanswerable {
        gold.retain(|answer| !answer.is_empty());
        if gold.is_empty() {
            gold.push(Vec::new());
        }
    }
    let mut best = SpanMatch {
        exact: 0.0,
        f1: 0.0,
    };
    for answer in &gold {
        let is_equal = *answer == predicted;
        let f1 = match rules {
            SpanRules::MayBeUnanswerable if answer.is_empty() || predicted.is_empty() => {
                f64::from(is_equal)
            }
            _ => f1(&predicted, answer),
        };
        best.exact = best.exact.max(f64::from(is_equal));
        best.f1 = best.f1.max(f1);
    }
    best
}

/// Returns the harmonic mean of precision and recall over the words of two answers, counted as often as they occur.
fn f1(predicted: &[String], gold: &[String]) -> f64 {
    let mut counts = BTreeMap::<&str, usize>::new();
    for word in gold {
        *counts.entry(word).or_default() += 1;
    }
    let mut common = 0_usize;
    for word in predicted {
        if let Some(count) = counts.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    if common == 0 {
        return 0.0;
    }
    let precision = common as f64 / predicted.len() as f64;
    let recall = common as f64 / gold.len() as f64;
    2.0 * precision * recall / (precision + recall)
}

/// Returns the normalised words of an answer.
fn words(answer: &str) -> Vec<String> {
    let mut plain = answer.to_lowercase();
    plain.retain(|sign| !sign.is_ascii_punctuation());
    // An article ends at any sign that is no letter, digit or underscore, so also before a dash without a space: `the–`.
    let kept = RUN.replace_all(&plain, |run: &Captures<'_>| match &run[0] {
        "a" | "an" | "the" => " ".to_owned(),
        run => run.to_owned(),
    });
    let words = kept.split(is_space).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Letters, digits and underscores in a row, as Python's `\w` has them: marks on letters (`e\u{301}`) and circled letters are none.
static RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\p{L}\p{N}_]+").expect("a regular expression"));

/// White space by Python's definition, which includes the information separators U+001C to U+001F.
fn is_space(sign: char) -> bool {
    sign.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_and_signs_do_not_count() {
        assert_eq!(words("The  U.S.A., an_apple"), ["usa", "anapple"]);
        assert_eq!(words("the–a 24–10"), ["–", "24–10"]);
        assert_eq!(words("theatre a\u{1c}b\u{a0}c"), ["theatre", "b", "c"]);
        // A mark is no letter for Python, so the article before it goes and the mark stays.
        assert_eq!(
            words("the\u{301} aⒶ an² 中a"),
            ["\u{301}", "ⓐ", "an²", "中a"]
        );
        assert!(words("the A an.").is_empty());
    }

    #[test]
    fn releases_differ_over_what_is_empty() {
        let both = |predicted, gold: &[&str]| {
            [SpanRules::Answered, SpanRules::MayBeUnanswerable].map(|rules| {
                let SpanMatch { exact, f1 } = span_match(predicted, gold, rules);
                (exact, f1)
            })
        };
        assert_eq!(both("", &[]), [(0.0, 0.0), (1.0, 1.0)]);
        assert_eq!(both("Paris", &[]), [(0.0, 0.0), (0.0, 0.0)]);
        assert_eq!(both("", &["a"]), [(1.0, 0.0), (1.0, 1.0)]);
        assert_eq!(both("the", &["a", "Paris"]), [(1.0, 0.0), (0.0, 0.0)]);
    }
}

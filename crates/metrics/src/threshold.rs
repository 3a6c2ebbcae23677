//! From which score on "no answer" is the answer, as SQuAD 2.0's official script finds it (`evaluate-v2.0.py`,
//! `find_best_thresh`).
//!
//! Questions are taken in the order of their odds of having no answer. At first all count as unanswered; one after the other is then
//! counted with its answer. The mean score is the best that is met on the way, the threshold the odds of the last question that was
//! counted with its answer then, or 0.

use std::cmp::Ordering;

/// A question, its answer's score, and how likely it has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// The score of the predicted answer, from 0 to 1.
    pub score: f64,
    /// Whether the text holds an answer.
    pub has_answer: bool,
    /// Whether an answer was predicted that is not empty.
    pub is_answered: bool,
    /// How likely there is no answer, on any scale: finite.
    pub odds: f64,
}

/// Returns the best mean score times 100, and its threshold: above it, "no answer" is the answer. `questions` stand in the order of the
/// file of odds, which decides between equal ones; of all questions of the data set, `unanswerable` have no answer.
pub fn best_threshold(questions: &[Weighed], unanswerable: usize) -> (f64, f64) {
    let mut ranked: Vec<&Weighed> = questions.iter().collect();
    // Zeros are equal whatever their sign.
    ranked.sort_by(|a, b| a.odds.partial_cmp(&b.odds).unwrap_or(Ordering::Equal));
    let mut sum = unanswerable as f64;
    let (mut best, mut threshold) = (sum, 0.0);
    for question in ranked {
        sum += match (question.has_answer, question.is_answered) {
            (true, _) => question.score,
            (false, true) => -1.0,
            (false, false) => 0.0,
        };
        if sum > best {
            (best, threshold) = (sum, question.odds);
        }
    }
    (100.0 * best / questions.len() as f64, threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(score: f64, has_answer: bool, is_answered: bool, odds: f64) -> Weighed {
        Weighed {
            score,
            has_answer,
            is_answered,
            odds,
        }
    }

    #[test]
    fn the_best_threshold_is_that_of_the_last_question_worth_answering() {
        let questions = [
            weighed(1.0, true, true, -3.0),
            weighed(0.0, false, true, -2.0),
            weighed(1.0, true, true, -1.0),
            weighed(0.5, true, true, 0.5),
            weighed(0.0, false, true, 1.0),
            weighed(1.0, false, false, 2.0),
        ];
        // Three have no answer: 3 + 1 - 1 + 1 + 0.5.
        assert_eq!(best_threshold(&questions, 3), (75.0, 0.5));
        // Where nothing is gained, nothing is answered.
        assert_eq!(
            best_threshold(&[weighed(0.0, true, true, -9.0)], 1),
            (100.0, 0.0)
        );
    }

    #[test]
    fn equal_odds_are_taken_in_the_order_of_the_file() {
        let (right, wrong) = (
            weighed(1.0, true, true, 0.0),
            weighed(0.0, false, true, -0.0),
        );
        assert_eq!(best_threshold(&[right, wrong], 1), (100.0, 0.0));
        assert_eq!(best_threshold(&[wrong, right], 1), (50.0, 0.0));
    }
}

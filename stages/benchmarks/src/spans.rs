//! Questions whose answers are spans of a text.

use std::ops::Range;
use std::sync::Arc;

use contract::StageError;
use metrics::scores::{PERCENT, Score};
use metrics::{SpanMatch, SpanRules, mean, span_match};

use crate::task::SPLIT;

/// The name of the share of questions whose predicted answer equals a gold answer.
const EXACT_MATCH: &str = "exact_match";
/// The name of the mean F1 over words, which is the main metric.
const F1: &str = "f1";
/// The metrics, the main one first.
pub(crate) const METRICS: [&str; 2] = [F1, EXACT_MATCH];

/// A question about a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The data set's own name of the question.
    pub id: String,
    /// The title of the article that the text is from.
    pub title: String,
    /// The text. Questions about one text share it.
    pub context: Arc<str>,
    /// The question.
    pub question: String,
    /// The places of the gold answers, as byte ranges of the text. Places may repeat; none for a question without an answer.
    pub answers: Vec<Range<usize>>,
}

impl Question {
    /// Returns the gold answers as they are written in the text.
    pub fn gold(&self) -> Vec<&str> {
        let answers = self.answers.iter();
        answers.map(|bytes| &self.context[bytes.clone()]).collect()
    }

    /// Compares a predicted answer, empty for "no answer", with the gold answers.
    pub fn score(&self, predicted: &str, rules: SpanRules) -> SpanMatch {
        span_match(predicted, &self.gold(), rules)
    }
}

/// A task of questions about texts, read from a benchmark artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanTask {
    /// `squad` or `squad2`.
    pub name: String,
    /// Whether questions may have no answer.
    pub unanswerable: bool,
    /// The training split.
    pub train: Vec<Question>,
    /// The development split.
    pub validation: Vec<Question>,
}

impl SpanTask {
    /// Returns the rules by which answers are scored.
    pub fn rules(&self) -> SpanRules {
        match self.unanswerable {
            true => SpanRules::MayBeUnanswerable,
            false => SpanRules::Answered,
        }
    }

    /// Scores the predicted answers of the validation split, one per question and in order, empty for "no answer". The main
    /// score comes first. For a task in which questions may have no answer, the questions with and without an answer are also scored
    /// separately, where there are any: `f1.answer`, `f1.no_answer`.
    ///
    /// # Errors
    /// When there are no questions, or not as many predictions as questions.
    pub fn scores(&self, predicted: &[String]) -> Result<Vec<Score>, StageError> {
        if predicted.len() != self.validation.len() || predicted.is_empty() {
            let (found, wanted) = (predicted.len(), self.validation.len());
            let reason = format!("{found} answers to {wanted} questions");
            return Err(StageError::failed(reason));
        }
        let pairs = self.validation.iter().zip(predicted);
        let matches: Vec<(bool, SpanMatch)> = pairs
            .map(|(question, predicted)| {
                let answered = !question.answers.is_empty();
                (answered, question.score(predicted, self.rules()))
            })
            .collect();
        let mut parts = vec![("", None)];
        if self.unanswerable {
            parts.extend([(".answer", Some(true)), (".no_answer", Some(false))]);
        }
        let mut scores = Vec::new();
        for (suffix, answered) in parts {
            let part = matches
                .iter()
                .filter(|(has_answer, _)| answered.is_none_or(|answered| answered == *has_answer));
            let part: Vec<SpanMatch> = part.map(|(_, found)| *found).collect();
            if part.is_empty() {
                continue;
            }
            for metric in METRICS {
                let values = part.iter().map(|found| match metric {
                    F1 => 100.0 * found.f1,
                    _ => 100.0 * found.exact,
                });
                scores.push(Score {
                    name: format!("{metric}{suffix}"),
                    value: mean(&values.collect::<Vec<_>>()),
                    unit: PERCENT.to_owned(),
                    split: SPLIT.to_owned(),
                    examples: part.len() as u64,
                    main: scores.is_empty(),
                    undefined: None,
                });
            }
        }
        Ok(scores)
    }
}

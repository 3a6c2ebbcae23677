//! Questions whose answers are spans of a text.

use std::ops::Range;
use std::sync::Arc;

use contract::{ScoreName, StageError};
use metrics::predictions::{AnswerRow, Name};
use metrics::scores::{PERCENT, Score};
use metrics::{SpanMatch, SpanRules, Weighed, best_threshold, mean, span_match};

use crate::task::SPLIT;

/// The name of the share of questions whose predicted answer equals a gold answer.
const EXACT_MATCH: &str = "exact_match";
/// The name of the mean F1 over words, which is the main metric.
const F1: &str = "f1";
/// The metrics, the main one first.
pub(crate) const METRICS: [&str; 2] = [F1, EXACT_MATCH];

/// The best scores over all thresholds for "no answer", each with its threshold, by the names of SQuAD 2.0's official script.
const BEST: [[&str; 2]; 2] = [
    ["best_f1", "best_f1_thresh"],
    ["best_exact", "best_exact_thresh"],
];
/// The unit of a threshold.
const ODDS: &str = "odds";

/// The parts of a task in which questions may have no answer, as scores name them.
const ANSWER: &str = "answer";
const NO_ANSWER: &str = "no_answer";

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
    /// Whether the text holds an answer.
    pub fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

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

    /// Returns the names of the scores that any task may have.
    pub fn score_names() -> Vec<ScoreName> {
        let suffixes = [String::new(), format!(".{ANSWER}"), format!(".{NO_ANSWER}")];
        let names = suffixes
            .iter()
            .flat_map(|suffix| METRICS.map(|metric| format!("{metric}{suffix}")));
        names.map(|name| ScoreName::new(name, SPLIT)).collect()
    }

    /// Scores the predicted answers of the validation split, one per question and in order, empty for "no answer", and `None` where
    /// nothing was predicted. The main score comes first. For a task in which questions may have no answer, the questions with and
    /// without an answer are also scored separately, where there are any: `f1.answer`, `f1.no_answer`.
    ///
    /// A question for which nothing was predicted is wrong in SQuAD 1.1 and left out in 2.0, as in the official scripts.
    ///
    /// # Errors
    /// When there are no questions, not as many predictions as questions, or none that counts.
    pub fn scores(&self, predicted: &[Option<impl AsRef<str>>]) -> Result<Vec<Score>, StageError> {
        let matches = self.matches(predicted)?;
        if matches.is_empty() {
            return Err(StageError::failed("no question was answered"));
        }
        let mut parts = vec![(String::new(), None)];
        if self.unanswerable {
            let part = |name: &str, answered| (format!(".{name}"), Some(answered));
            parts.extend([part(ANSWER, true), part(NO_ANSWER, false)]);
        }
        let mut scores = Vec::new();
        for (suffix, answered) in parts {
            let part = matches
                .iter()
                .filter(|(question, _)| answered.is_none_or(|it| it == question.has_answer()));
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

    /// Returns the names of the scores that [`SpanTask::best_scores`] gives.
    pub fn best_score_names() -> Vec<ScoreName> {
        let names = BEST.into_iter().flatten();
        names.map(|name| ScoreName::new(name, SPLIT)).collect()
    }

    /// Scores the predicted answers, as [`SpanTask::scores`] takes them, with the threshold for "no answer" that suits them best
    /// (`find_all_best_thresh` of SQuAD 2.0's official script). `odds` holds the places of questions, and how much better "no answer"
    /// was than the answer; the order decides between equal odds.
    ///
    /// # Errors
    /// When no prediction counts, not as many are given as there are questions, or one that counts has no odds.
    pub fn best_scores(
        &self,
        predicted: &[Option<impl AsRef<str>>],
        odds: &[(usize, f64)],
    ) -> Result<Vec<Score>, StageError> {
        let count = self.matches(predicted)?.len();
        let questions = odds.iter().filter_map(|&(place, odds)| {
            let (question, predicted) = (&self.validation[place], predicted[place].as_ref()?);
            let found = question.score(predicted.as_ref(), self.rules());
            let is_answered = !predicted.as_ref().is_empty();
            Some((found, question.has_answer(), is_answered, odds))
        });
        let questions: Vec<_> = questions.collect();
        if questions.len() != count || count == 0 {
            let reason = format!("{} of {count} answers have odds", questions.len());
            return Err(StageError::failed(reason));
        }
        let unanswerable = self.validation.iter();
        let unanswerable = unanswerable.filter(|question| !question.has_answer());
        let unanswerable = unanswerable.count();
        let mut scores = Vec::new();
        for (metric, [best, threshold]) in METRICS.into_iter().zip(BEST) {
            let weighed = questions
                .iter()
                .map(|&(found, has_answer, is_answered, odds)| {
                    let score = match metric {
                        F1 => found.f1,
                        _ => found.exact,
                    };
                    Weighed {
                        score,
                        has_answer,
                        is_answered,
                        odds,
                    }
                });
            let found = best_threshold(&weighed.collect::<Vec<_>>(), unanswerable);
            for (name, unit, value) in [(best, PERCENT, found.0), (threshold, ODDS, found.1)] {
                scores.push(Score {
                    name: name.to_owned(),
                    value,
                    unit: unit.to_owned(),
                    split: SPLIT.to_owned(),
                    examples: count as u64,
                    main: false,
                    undefined: None,
                });
            }
        }
        Ok(scores)
    }

    /// Returns the rows of a predictions file for the answers that [`SpanTask::scores`] scores.
    ///
    /// # Errors
    /// When there are not as many predictions as questions.
    pub fn rows_of(
        &self,
        predicted: &[Option<impl AsRef<str>>],
    ) -> Result<Vec<AnswerRow>, StageError> {
        let answers = self.validation.iter().zip(predicted);
        let answers = answers.filter(|(_, predicted)| predicted.is_some() || !self.unanswerable);
        let matches = self.matches(predicted)?.into_iter().zip(answers);
        Ok(matches
            .map(|((question, found), (_, predicted))| AnswerRow {
                name: Name {
                    set: self.name.clone(),
                    subset: match (self.unanswerable, question.has_answer()) {
                        (false, _) => "",
                        (true, true) => ANSWER,
                        (true, false) => NO_ANSWER,
                    }
                    .to_owned(),
                    split: SPLIT.to_owned(),
                    example: question.id.clone(),
                },
                answer: predicted
                    .as_ref()
                    .map_or_else(String::new, |answer| answer.as_ref().to_owned()),
                found,
            })
            .collect())
    }

    /// Returns the questions that count, each with how well it was answered.
    fn matches(
        &self,
        predicted: &[Option<impl AsRef<str>>],
    ) -> Result<Vec<(&Question, SpanMatch)>, StageError> {
        if predicted.len() != self.validation.len() {
            let (found, wanted) = (predicted.len(), self.validation.len());
            let reason = format!("{found} answers to {wanted} questions");
            return Err(StageError::failed(reason));
        }
        let wrong = SpanMatch {
            exact: 0.0,
            f1: 0.0,
        };
        let pairs = self.validation.iter().zip(predicted);
        let pairs = pairs.filter_map(|(question, predicted)| match predicted {
            Some(answer) => Some((question, question.score(answer.as_ref(), self.rules()))),
            None if self.unanswerable => None,
            None => Some((question, wrong)),
        });
        Ok(pairs.collect())
    }
}

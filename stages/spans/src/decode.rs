//! From the scores of a question's windows to its answer (`run_squad.py`, `write_predictions`).
//!
//! Of each window the `n_best` tokens with the highest scores as first and as last token are paired. A pair counts if both lie in the
//! text, in order and not too far apart, and the first token has in this window more context than in any other. The pairs of all windows
//! are ranked by the sum of both scores; pairs with one text count once.
//!
//! The score of "no answer" is that of the sequence's first token, the smallest over windows: there is no answer only if no window
//! has one. It is the answer where it exceeds the best span's score by more than the threshold.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::windows::{Asked, owner};

/// How answers are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// Number of tokens of a window that are paired, and of answers that are kept.
    pub(crate) n_best: usize,
    /// The most tokens of an answer.
    pub(crate) longest: usize,
    /// How much better than the best span "no answer" has to be; `None` where every question has an answer.
    pub(crate) threshold: Option<f64>,
}

/// An answer that was considered, in the form of SQuAD's files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Candidate {
    pub(crate) text: String,
    pub(crate) probability: f64,
    pub(crate) start_logit: f64,
    pub(crate) end_logit: f64,
}

impl Candidate {
    fn score(&self) -> f64 {
        self.start_logit + self.end_logit
    }
}

/// What was found for a question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// The answer; empty for none.
    pub(crate) answer: String,
    /// The best answers, the best one first.
    pub(crate) candidates: Vec<Candidate>,
    /// How much better "no answer" is than the best span, where questions may have none.
    pub(crate) null_odds: Option<f64>,
}

/// A pair of tokens of a text.
struct Span {
    start: usize,
    end: usize,
    start_logit: f64,
    end_logit: f64,
}

/// Answers a question by the scores of each of its windows, token by token as first and as last.
pub(crate) fn decode(text: &str, asked: &Asked, scores: &[Vec<[f32; 2]>], rules: Rules) -> Found {
    let mut spans = spans(asked, scores, rules);
    // Stable, so that of equals the one from the earlier window, with the higher scores of its own, comes first.
    spans.sort_by(|a, b| descending(a.start_logit + a.end_logit, b.start_logit + b.end_logit));
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut seen = BTreeSet::new();
    for span in spans {
        if candidates.len() >= rules.n_best {
            break;
        }
        let bytes = asked.places[span.start].start..asked.places[span.end].end;
        let answer = &text[bytes];
        if !answer.is_empty() && seen.insert(answer) {
            candidates.push(Candidate {
                text: answer.to_owned(),
                probability: 0.0,
                start_logit: span.start_logit,
                end_logit: span.end_logit,
            });
        }
    }
    let best = candidates.first().cloned();
    let mut null_odds = None;
    if rules.threshold.is_some() {
        let null = no_answer(scores);
        null_odds = Some(null.score() - best.as_ref().map_or(0.0, Candidate::score));
        let place = candidates.partition_point(|one| one.score() >= null.score());
        candidates.insert(place, null);
    }
    weigh(&mut candidates);
    let is_none = match (rules.threshold, null_odds) {
        (Some(threshold), Some(odds)) => odds > threshold,
        _ => false,
    };
    Found {
        answer: best
            .filter(|_| !is_none)
            .map_or_else(String::new, |best| best.text),
        candidates,
        null_odds,
    }
}

/// Returns the pairs that count, window by window.
fn spans(asked: &Asked, scores: &[Vec<[f32; 2]>], rules: Rules) -> Vec<Span> {
    let mut spans = Vec::new();
    for (place, (window, scores)) in asked.windows.iter().zip(scores).enumerate() {
        let [starts, ends] = [0, 1].map(|end| highest(scores, end, rules.n_best));
        for &first in &starts {
            let Some(start) = window.token(first) else {
                continue;
            };
            if owner(&asked.windows, start) != Some(place) {
                continue;
            }
            for &last in &ends {
                let Some(end) = window.token(last) else {
                    continue;
                };
                if start <= end && end - start < rules.longest {
                    spans.push(Span {
                        start,
                        end,
                        start_logit: f64::from(scores[first][0]),
                        end_logit: f64::from(scores[last][1]),
                    });
                }
            }
        }
    }
    spans
}

/// Returns the places of the `count` highest scores, the highest first; of equals, the first ones.
fn highest(scores: &[[f32; 2]], end: usize, count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| descending(scores[*a][end].into(), scores[*b][end].into()));
    places.truncate(count);
    places
}

/// Returns "no answer" with the smallest score that a window gives it, of equals the first.
fn no_answer(scores: &[Vec<[f32; 2]>]) -> Candidate {
    let nulls = scores.iter().map(|scores| Candidate {
        text: String::new(),
        probability: 0.0,
        start_logit: scores[0][0].into(),
        end_logit: scores[0][1].into(),
    });
    nulls
        .min_by(|a, b| descending(b.score(), a.score()))
        .expect("a question has a window")
}

/// Makes probabilities of the scores: a softmax over what was considered.
fn weigh(candidates: &mut [Candidate]) {
    let scores = candidates.iter().map(Candidate::score);
    let largest = scores.fold(f64::NEG_INFINITY, f64::max);
    for one in &mut *candidates {
        one.probability = kernels::exp(one.score() - largest);
    }
    let sum: f64 = candidates.iter().map(|one| one.probability).sum();
    for one in candidates {
        one.probability /= sum;
    }
}

fn descending(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;

    use super::*;
    use crate::windows::Window;

    #[derive(Deserialize)]
    struct Golden {
        text: String,
        places: Vec<(usize, usize)>,
        windows: Vec<(usize, usize, usize)>,
        scores: Vec<Vec<[f32; 2]>>,
        n_best: usize,
        longest: usize,
        threshold: Option<f64>,
        answer: String,
        candidates: Vec<Expected>,
        null_odds: Option<f64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Expected {
        text: String,
        start_logit: f64,
        end_logit: f64,
    }

    /// `tests/goldens/decode.py` made the goldens.
    #[test]
    fn answers_are_those_of_the_published_script() {
        let goldens: Vec<Golden> =
            serde_json::from_str(include_str!("../tests/goldens/decode.json")).unwrap();
        assert_eq!(goldens.len(), 60);
        for golden in goldens {
            let windows = golden.windows.iter();
            let asked = Asked {
                windows: windows
                    .map(|&(first, start, end)| Window::bare(first, start..end))
                    .collect(),
                places: golden
                    .places
                    .iter()
                    .map(|&(start, end)| start..end)
                    .collect(),
                is_cut: false,
            };
            let rules = Rules {
                n_best: golden.n_best,
                longest: golden.longest,
                threshold: golden.threshold,
            };
            let found = decode(&golden.text, &asked, &golden.scores, rules);
            assert_eq!(found.answer, golden.answer, "{}", golden.text);
            assert_eq!(found.null_odds, golden.null_odds);
            let total: f64 = found.candidates.iter().map(|one| one.probability).sum();
            assert!(found.candidates.is_empty() || (total - 1.0).abs() < 1e-12);
            let spans = found
                .candidates
                .into_iter()
                .filter(|one| !one.text.is_empty());
            let spans: Vec<Expected> = spans
                .map(|one| Expected {
                    text: one.text,
                    start_logit: one.start_logit,
                    end_logit: one.end_logit,
                })
                .collect();
            assert_eq!(spans, golden.candidates, "{}", golden.text);
        }
    }
}

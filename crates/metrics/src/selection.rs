//! Choosing among runs by a score: which score decides, and whether higher or lower is better.

use crate::scores::{PERPLEXITY, Score};

/// Which of two values of a score is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The higher value.
    Higher,
    /// The lower value.
    Lower,
}

impl Direction {
    /// Returns the direction of a score: lower is better for a perplexity and for a score whose name speaks of a loss, a
    /// perplexity or an error; for all others higher is better.
    pub fn of(score: &Score) -> Self {
        let lower = ["loss", "perplexity", "error"];
        let mut words = score.name.split(|c: char| !c.is_ascii_alphanumeric());
        if score.unit == PERPLEXITY || words.any(|word| lower.contains(&word)) {
            Self::Lower
        } else {
            Self::Higher
        }
    }

    /// Returns the index of the best value, the first of equal ones; `None` for no values. NaN is never the best.
    pub fn best(self, values: &[f64]) -> Option<usize> {
        let numbers = (0..values.len()).filter(|place| !values[*place].is_nan());
        numbers.reduce(|best, place| {
            let better = match self {
                Self::Higher => values[place] > values[best],
                Self::Lower => values[place] < values[best],
            };
            if better { place } else { best }
        })
    }
}

/// Returns the score `metric` (by default the main one), on `split` if one is given.
///
/// Names are unique in a file, so a stage that scores several splits appends a suffix to a score's name: on another split
/// than that of `accuracy`, the name `accuracy_mm` is found for the metric `accuracy` too.
pub fn find<'s>(
    scores: &'s [Score],
    metric: Option<&str>,
    split: Option<&str>,
) -> Option<&'s Score> {
    let named = |name: &str| scores.iter().find(|score| score.name == name);
    let main = || scores.iter().find(|score| score.main);
    let Some(split) = split else {
        return metric.map_or_else(main, named);
    };
    let metric = match metric {
        Some(metric) => metric,
        None => main()?.name.as_str(),
    };
    let on_split = || scores.iter().filter(|score| score.split == split);
    on_split().find(|score| score.name == metric).or_else(|| {
        on_split().find(|score| {
            let rest = score.name.strip_prefix(metric);
            rest.is_some_and(|rest| rest.starts_with('_'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(name: &str, unit: &str, split: &str, main: bool) -> Score {
        Score {
            name: name.to_owned(),
            value: 1.0,
            unit: unit.to_owned(),
            split: split.to_owned(),
            examples: 10,
            main,
            undefined: None,
        }
    }

    #[test]
    fn a_score_is_found_by_name_and_split() {
        let scores = [
            score("accuracy", "%", "validation", true),
            score("f1", "%", "validation", false),
            score("accuracy_mm", "%", "mismatched", false),
            score("f1_mm", "%", "mismatched", false),
        ];
        let found = |metric, split| find(&scores, metric, split).map(|score| score.name.as_str());
        assert_eq!(found(None, None), Some("accuracy"));
        assert_eq!(found(Some("f1"), None), Some("f1"));
        assert_eq!(found(Some("f1"), Some("mismatched")), Some("f1_mm"));
        assert_eq!(found(None, Some("mismatched")), Some("accuracy_mm"));
        assert_eq!(
            found(Some("accuracy_mm"), Some("mismatched")),
            Some("accuracy_mm")
        );
        assert_eq!(found(Some("acc"), Some("mismatched")), None);
        assert_eq!(found(None, Some("test")), None);
        assert_eq!(find(&[], None, Some("test")), None);
    }

    #[test]
    fn the_best_is_the_first_of_equals_in_its_direction() {
        assert_eq!(Direction::Higher.best(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(Direction::Lower.best(&[2.0, 1.0, 3.0, 1.0]), Some(1));
        assert_eq!(Direction::Lower.best(&[]), None);
        assert_eq!(
            Direction::Higher.best(&[f64::NAN, 1.0, f64::NAN, 2.0]),
            Some(3)
        );
        assert_eq!(Direction::Lower.best(&[f64::NAN]), None);
        let direction = |name, unit| Direction::of(&score(name, unit, "validation", true));
        assert_eq!(direction("accuracy", "%"), Direction::Higher);
        assert_eq!(direction("gloss", "%"), Direction::Higher);
        assert_eq!(direction("main", PERPLEXITY), Direction::Lower);
        assert_eq!(direction("eval_loss", "nats"), Direction::Lower);
    }
}

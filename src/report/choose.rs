//! The best point of a grid.

use std::collections::BTreeSet;

use metrics::Direction;
use metrics::scores::Score;
use tables::{Candidate, Chosen};

use super::ReportError;
use super::builder::{Builder, Known, add};
use crate::graph::{Choice, JobIndex};

impl<'a> Builder<'a> {
    /// Chooses the point of a grid whose mean score is best, the first of equals; or says why none can be chosen yet.
    pub(super) fn choose(
        &mut self,
        choice: &Choice,
        shown: Option<&str>,
        known: &dyn Fn(JobIndex) -> Known<'a>,
    ) -> Result<Result<Chosen, Vec<String>>, ReportError> {
        let select = &choice.select;
        let metric = select.metric.as_deref().or(shown);
        let mut reasons = Vec::new();
        let mut means = Vec::with_capacity(choice.points.len());
        let mut decided: Option<Score> = None;
        let mut splits = BTreeSet::new();
        let mut undefined = BTreeSet::new();
        for point in &choice.points {
            let mut values = Vec::with_capacity(point.jobs.len());
            for job in &point.jobs {
                let found = match known(*job) {
                    Ok(found) => found,
                    Err(reason) => {
                        let points = choice.points.len();
                        add(
                            &mut reasons,
                            format!("waiting for all {points} points of the grid: {reason}"),
                        );
                        continue;
                    }
                };
                if let Ok(score) = self.score(found, shown, None)? {
                    splits.insert(score.split.clone());
                }
                match self.score(found, metric, select.split.as_deref())? {
                    Ok(score) => {
                        // A score that is undefined for one seed leaves the point without a mean: the mean of the other seeds
                        // would flatter it.
                        values.push(score.value);
                        undefined.extend(score.undefined.clone());
                        decided.get_or_insert_with(|| score.clone());
                    }
                    // The other points would give the same reason.
                    Err(reason) => return Ok(Err(vec![reason])),
                }
            }
            means.push(metrics::mean(&values));
        }
        let Some(score) = decided.filter(|_| reasons.is_empty()) else {
            return Ok(Err(reasons));
        };
        let direction = select.direction.unwrap_or_else(|| Direction::of(&score));
        let Some(place) = direction.best(&means) else {
            let why = undefined.into_iter().collect::<Vec<_>>().join(", ");
            let points = choice.points.len();
            return Ok(Err(vec![format!(
                "none of {points} points of the grid can be chosen: `{}` is undefined, {why}",
                score.name
            )]));
        };
        let points = choice
            .points
            .iter()
            .zip(&means)
            .map(|(point, score)| Candidate {
                bindings: point.bindings.clone(),
                score: *score,
            });
        Ok(Ok(Chosen {
            place,
            points: points.collect(),
            metric: score.name,
            lowest: direction == Direction::Lower,
            reported: splits.contains(&score.split),
            split: score.split,
        }))
    }
}

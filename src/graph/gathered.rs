//! What distinguishes the jobs that a cell gathers: the values of the variables of `over`.

use std::sync::Arc;

use serde_json::Value;

use super::JobIndex;
use crate::declare::{Pipeline, Point, Template};

/// Variables and their values; the same for all cells where they can be.
pub type Gathered = Arc<[(Arc<str>, Value)]>;

/// The points of `over` of a table.
pub(super) struct Over<'p> {
    pub(super) points: Vec<Point<'p>>,
    /// The values that each point binds, if they are written plainly and read no other variables.
    plain: Vec<Option<Gathered>>,
}

impl<'p> Over<'p> {
    pub(super) fn new(pipeline: &Pipeline, points: Vec<Point<'p>>) -> Self {
        let plain = points.iter().map(|point| {
            let bound = point.iter().map(|(variable, definition)| {
                let name = pipeline.variable(*variable).name.as_str().into();
                match &definition.template {
                    Template::Value(value) => Some((name, value.clone())),
                    _ => None,
                }
            });
            bound.collect::<Option<Vec<_>>>().map(Gathered::from)
        });
        Self {
            plain: plain.collect(),
            points,
        }
    }

    /// Returns for each of `jobs` what tells it apart from the others: of the variables of `over`, those with one value at all
    /// points that come to the job. `found` are all jobs with the places of their points. `value` evaluates a point where its
    /// values depend on the cell.
    pub(super) fn of(
        &self,
        jobs: &[JobIndex],
        found: &[(JobIndex, usize)],
        narrowed: bool,
        value: &dyn Fn(&Point<'p>) -> Vec<(String, Value)>,
    ) -> Vec<Gathered> {
        let bound = |place: usize| match &self.plain[place] {
            Some(plain) if !narrowed => Arc::clone(plain),
            _ => value(&self.points[place])
                .into_iter()
                .map(|(name, value)| (Arc::from(name), value))
                .collect(),
        };
        // Nearly always each point has a job of its own.
        if jobs.len() == found.len() {
            return found.iter().map(|(_, place)| bound(*place)).collect();
        }
        let gathered = jobs.iter().map(|job| {
            let of_job = found.iter().filter(|(found, _)| found == job);
            let mut points = of_job.map(|(_, place)| bound(*place));
            let first = points.next().unwrap_or_default();
            points.fold(first, |common, point| {
                let agreed = common.iter().filter(|pair| point.contains(pair));
                agreed.cloned().collect()
            })
        });
        gathered.collect()
    }
}

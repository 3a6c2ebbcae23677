//! Over what the scores of a cell spread: which of them are independent runs, and what all of these have in common.

use std::collections::BTreeSet;

use tables::Cell;

use super::compare::Design;
use crate::graph::{CellPlan, Gathered, JobGraph, JobIndex};

/// What is said of the spread that a table's ± shows: sentences, each once.
#[derive(Debug, Default)]
pub(super) struct Spreads(BTreeSet<String>);

impl Spreads {
    /// Groups the scores of a cell by independent runs, so that fine-tunings of one encoder count as one, and notes over what these
    /// runs spread.
    pub(super) fn add(&mut self, graph: &JobGraph, plan: &CellPlan, cell: &mut Cell) {
        let chosen = cell.chosen.as_ref().map(|chosen| chosen.place);
        let jobs = plan.shown(chosen);
        if jobs.len() < 2 || cell.values.is_empty() {
            return;
        }
        let design = Design::of(graph, plan, chosen);
        // Where all runs hang together there are no independent ones to tell apart.
        if design.is_crossed {
            return;
        }
        if design.is_nested() {
            let unit_of =
                |job: &JobIndex| (design.units.iter()).position(|(_, jobs)| jobs.contains(job));
            let places = cell.places.iter();
            cell.units = places
                .filter_map(|place| unit_of(jobs.get(*place)?))
                .collect();
        }
        self.0
            .extend(sentence(graph, &design, plan.gathered(chosen)));
    }

    /// Returns the sentences.
    pub(super) fn notes(self) -> impl Iterator<Item = String> {
        self.0.into_iter()
    }
}

/// Says over what the runs of a cell spread, where that is not all that chance has a part in.
fn sentence(graph: &JobGraph, design: &Design, over: &[Gathered]) -> Option<String> {
    let (first, _) = design.units.first()?;
    let differs = |name: &str, value: &String| {
        let others = design.units.iter();
        others
            .map(|(other, _)| other.get(name))
            .any(|other| other != Some(value))
    };
    let between: Vec<&str> = first
        .iter()
        .filter(|(name, value)| differs(name, value))
        .map(|(name, _)| &**name)
        .collect();
    if between.is_empty() {
        return None;
    }
    let once = design.trained_once.iter();
    let once: BTreeSet<&str> = once.map(|job| &*graph.job(*job).stage).collect();
    let all = over.first()?.iter().map(|(name, _)| &**name);
    let within: Vec<&str> = all.filter(|name| !between.contains(name)).collect();
    let mut text = format!("± is over {}", listed(&between));
    if design.is_nested() && !within.is_empty() {
        text += &format!(
            ", which n counts: of each the mean over {} is taken first",
            listed(&within)
        );
    }
    if !once.is_empty() {
        let once: Vec<&str> = once.into_iter().collect();
        text += &format!(", all of one run of {}", listed(&once));
    }
    (design.is_nested() || !design.trained_once.is_empty()).then(|| text + ".")
}

/// Returns names as text: `` `seed` and `pretrain_seed` ``.
fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::graph::expand;
    use crate::test_support::{PIPELINE, load};

    /// Returns what is said of a table whose cell is a fine-tuning, gathered over some seeds, and the units of its scores.
    fn spread(over: &str) -> (Vec<String>, Vec<usize>) {
        let text = PIPELINE
            .replace("m = 0.40\n", "m = 0.40\npretrain_seed = 0\n")
            .replace("steps = 10\n", "steps = 10\nseed = \"${pretrain_seed}\"\n");
        let table = format!(
            "\n[table.spread]\ncell = \"@tune\"\nover = {over}\nrows = {{ label = \"a\" }}\ncolumns = {{ label = \"x\" }}\n"
        );
        let pipeline =
            load(&format!("{text}{table}"), None, &[]).unwrap_or_else(|it| panic!("{it}"));
        let plan = expand(&pipeline, &pipeline.targets(&["table:spread"]).unwrap()).unwrap();
        let planned = plan.outputs[0].cells[0][0].as_ref().unwrap();
        let count = planned.shown(None).len();
        let mut cell = Cell {
            values: vec![0.0; count],
            places: (0..count).collect(),
            ..Cell::default()
        };
        let mut spreads = Spreads::default();
        spreads.add(&plan.jobs, planned, &mut cell);
        (spreads.notes().collect(), cell.units)
    }

    #[test]
    fn fine_tunings_of_one_encoder_spread_over_their_seed_alone() {
        let said = "± is over `seed`, all of one run of `train`.".to_owned();
        assert_eq!(spread("{ seed = [0, 1, 2] }"), (vec![said], Vec::new()));
        assert_eq!(spread("{ seed = [0] }"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn fine_tunings_of_several_encoders_are_averaged_by_encoder() {
        let (said, units) = spread("{ pretrain_seed = [0, 1, 2], seed = [0, 1] }");
        assert_eq!(
            said,
            [
                "± is over `pretrain_seed`, which n counts: of each the mean over `seed` is taken first."
            ]
        );
        assert_eq!(units, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn seeds_that_go_together_spread_as_whole_runs() {
        let over = "[{ seed = 0, pretrain_seed = 0 }, { seed = 1, pretrain_seed = 1 }]";
        assert_eq!(spread(over), (Vec::new(), Vec::new()));
    }
}

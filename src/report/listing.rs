//! A kind of output that tests alone have: it shows that tables are one kind among others. Each line of a listing is a row's
//! label and the scores of its jobs.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use tables::{Cell, Variables};

use super::builder::Heading;
use super::{Builder, Jobs, Kind, Output, ReportError};
use crate::graph::{JobIndex, OutputPlan};

/// The kind `[listing.NAME]`.
pub(super) struct Listings;

struct Listing {
    labels: Vec<String>,
    between: String,
    cells: Vec<Vec<Cell>>,
}

impl Kind for Listings {
    fn word(&self) -> &'static str {
        "listing"
    }

    fn make<'a>(
        &self,
        plan: &OutputPlan,
        _: Vec<String>,
        jobs: Jobs<'_, 'a>,
        builder: &mut Builder<'a>,
    ) -> Result<Box<dyn Output>, ReportError> {
        let known = |job: JobIndex| (jobs.found)(job).ok_or_else(|| (jobs.reason)(job));
        let mut cells = Vec::new();
        for line in &plan.cells {
            let mut made = Vec::new();
            for cell in line.iter().flatten() {
                made.push(builder.cell(cell, &mut Heading::default(), &known)?);
            }
            cells.push(made);
        }
        Ok(Box::new(Listing {
            labels: plan.rows.iter().map(|row| row.label.clone()).collect(),
            between: plan.options["between"].as_str().unwrap().to_owned(),
            cells,
        }))
    }
}

impl Output for Listing {
    fn cells(&self) -> &[Vec<Cell>] {
        &self.cells
    }

    fn terminal(&self, _: usize) -> String {
        self.document()
    }

    fn document(&self) -> String {
        let lines = self.labels.iter().zip(&self.cells).map(|(label, cells)| {
            let values = cells.iter().flat_map(|cell| &cell.values);
            let values: Vec<String> = values.map(ToString::to_string).collect();
            format!("{label}{}{}\n", self.between, values.join(" "))
        });
        lines.collect()
    }

    fn json(&self) -> Value {
        json!({ "lines": self.document().lines().collect::<Vec<_>>() })
    }

    fn files(&self, _: &[Vec<Variables>]) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
        Ok(vec![("txt", self.document().into_bytes())])
    }
}

mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use contract::{ArtifactType, Params};
    use metrics::scores::{self, PERCENT, Score};
    use tables::Bindings;

    use super::*;
    use crate::declare::{Target, grammar};
    use crate::graph::{Plan, expand};
    use crate::keys::KeyParts;
    use crate::report::{Files, Provenance, all_json};
    use crate::store::{Cost, Found, Made, Notes, Store};
    use crate::test_support::{PIPELINE, load, messages};

    const SECTION: &str = "
[listing.tunings]
cell = \"@tune\"
over = { seed = [0, 1] }
rows = { label = \"rate ${m}\", m = [0.15, 0.4] }
between = \": \"
";

    fn score(value: f64) -> Score {
        Score {
            name: "accuracy".into(),
            value,
            unit: PERCENT.into(),
            split: "validation".into(),
            examples: 10,
            main: true,
            undefined: None,
        }
    }

    /// Commits a result with that score.
    fn commit(store: &Store, number: usize) -> Found {
        let parts = KeyParts {
            kind: "tune".into(),
            version: 1,
            numerics: None,
            params: Params(json!({ "number": number }).as_object().unwrap().clone()),
            inputs: BTreeMap::new(),
        };
        let claim = store.claim(&parts.key()).unwrap().unwrap();
        fs::create_dir_all(claim.output()).unwrap();
        scores::write(&claim.output(), &[score(number as f64)]).unwrap();
        let made = Made {
            label: format!("tune[{number}]"),
            parts,
            cost: Cost::default(),
            output: ArtifactType::Scores,
            source: None,
            notes: Notes::default(),
        };
        let (found, _) = store.commit(&claim.output(), made).unwrap();
        store.release(claim).unwrap();
        found
    }

    fn plan(text: &str, targets: &[&str]) -> Plan {
        let pipeline = load(text, None, &[]).unwrap();
        expand(&pipeline, &pipeline.targets(targets).unwrap()).unwrap()
    }

    #[test]
    fn every_section_has_a_kind_that_makes_it() {
        let sections: Vec<&str> = grammar::outputs().map(|kind| kind.word).collect();
        let kinds: Vec<&str> = super::super::output::KINDS
            .iter()
            .map(|kind| kind.word())
            .collect();
        assert_eq!(sections, kinds);
    }

    #[test]
    fn another_kind_is_asked_for_made_and_written_like_a_table() {
        let text = format!("{PIPELINE}{SECTION}");
        let plan = plan(&text, &["listing:tunings"]);
        assert_eq!(plan.outputs[0].kind, "listing");
        let asked: Vec<_> = plan.outputs[0].cells.iter().flatten().flatten().collect();
        let asked: Vec<_> = asked.iter().flat_map(|cell| &cell.jobs).collect();
        assert_eq!(asked.len(), 4, "two rates, two seeds each");

        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let results: Vec<Found> = (0..4).map(|number| commit(&store, number)).collect();
        let place = |job: JobIndex| asked.iter().position(|other| **other == job);
        let jobs = |all: bool| -> Box<dyn Output> {
            let found = |job: JobIndex| results.get(place(job)?).filter(|_| all);
            let jobs = Jobs {
                graph: &plan.jobs,
                found: &found,
                reason: &|_| "not run yet".into(),
            };
            let mut builder = Builder::new(&store);
            builder.output(&plan.outputs[0], Vec::new(), jobs).unwrap()
        };
        assert!(!jobs(false).is_complete());
        let made = jobs(true);
        assert!(made.is_complete());
        assert_eq!(made.terminal(80), "rate 0.15: 0 1\nrate 0.4: 2 3\n");

        let settings = Bindings::new();
        let provenance = Provenance {
            plan: &plan.outputs[0],
            cells: made.cells(),
            graph: &plan.jobs,
            profile: "small",
            settings: &settings,
            known: &|job| store.recorded(&results[place(job)?].key).ok()?,
        };
        let files = Files::new(folder.path().join("results"));
        let written = files.output(made.as_ref(), &provenance).unwrap();
        assert_eq!(written[0].0, "tunings.txt");
        assert_eq!(
            files.read_json("tunings.provenance.json").unwrap()["listing"],
            "tunings"
        );
        assert!(files.read_json("tunings.costs.json").is_some());
        let all = all_json(&plan.outputs, &[made]);
        assert_eq!(all[1].0, "listings");
        assert_eq!(all[1].1[0]["lines"][1], "rate 0.4: 2 3");
    }

    #[test]
    fn all_means_outputs_of_every_kind_and_a_target_names_the_kind() {
        let text = format!("{PIPELINE}{SECTION}");
        let pipeline = load(&text, None, &[]).unwrap();
        let plan = expand(&pipeline, &[Target::All]).unwrap();
        let kinds: Vec<&str> = plan.outputs.iter().map(|output| output.kind).collect();
        assert_eq!(kinds, ["table", "table", "listing"]);
        let target = &pipeline.targets(&["listing:tunings"]).unwrap()[0];
        assert_eq!(target.to_string(), "listing:tunings");
        let report = pipeline.targets(&["table:tunings"]).err().unwrap();
        assert_eq!(messages(&report), ["unknown table `tunings`"]);
        let report = pipeline.targets(&["listing:tuning"]).err().unwrap();
        assert_eq!(messages(&report), ["unknown listing `tuning`"]);
    }

    #[test]
    fn a_kind_takes_its_own_keys_and_no_others() {
        let told = |from: &str, to: &str| {
            let text = format!("{PIPELINE}{}", SECTION.replace(from, to));
            let report = load(&text, None, &[]).err().unwrap();
            messages(&report).join("; ")
        };
        assert_eq!(told("between", "caption"), "unknown key `caption`");
        assert_eq!(
            told("between = \": \"", "between = 3"),
            "`between` takes a text"
        );
        assert_eq!(
            told("rows =", "columns ="),
            "listing `tunings` has no `rows`; unknown key `columns`"
        );
        assert_eq!(
            told("listing.tunings", "listing.rates"),
            "`rates` is a table and a listing"
        );
    }
}

//! What `pipeline.toml` asks for: outputs, of several kinds.
//!
//! A kind is a section of the grammar ([`crate::declare::grammar::OutputKind`]), whose keys say which jobs are needed, and a
//! [`Kind`] here, which makes an [`Output`] of their results. Everything else is common to all kinds: targets, profiles, what
//! `--set` reaches, plans and prices, provenance, costs and digests. So a new kind is a file beside [`super::table`], a line of
//! [`KINDS`], and a section in `declare/grammar.rs`.

use serde_json::{Value, json};
use tables::{Cell, Variables};

use super::table::Tables;
use super::{Builder, Jobs, ReportError};
use crate::graph::OutputPlan;

/// A kind of output.
pub trait Kind: Sync {
    /// Returns the section that declares it.
    fn word(&self) -> &'static str;

    /// Makes an output of what is known of its jobs; `notes` are told below it. A score that a result lacks is a reason in the
    /// output's cell, and one of [`Builder::lacks`].
    ///
    /// # Errors
    /// When scores or published values cannot be read.
    fn make<'a>(
        &self,
        plan: &OutputPlan,
        notes: Vec<String>,
        jobs: Jobs<'_, 'a>,
        builder: &mut Builder<'a>,
    ) -> Result<Box<dyn Output>, ReportError>;
}

/// An output, as it came out.
pub trait Output {
    /// Returns the cells, in the rows and columns of the plan: `cells()[row][column]`.
    fn cells(&self) -> &[Vec<Cell>];

    /// Returns the output as text for a terminal of that width; ends with a newline.
    fn terminal(&self, width: usize) -> String;

    /// Returns the whole output as text: two outputs with the same document have the same files.
    fn document(&self) -> String;

    /// Returns the output for `--json`.
    fn json(&self) -> Value;

    /// Returns the files that hold the output and nothing but results, by what follows the output's name: `md`, `svg`.
    /// `variables[row][column]` are those of the cells.
    ///
    /// # Errors
    /// When the output is out of shape.
    fn files(
        &self,
        variables: &[Vec<Variables>],
    ) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError>;

    /// Whether nothing is lacking that a run could make. An output that is not complete is not written.
    fn is_complete(&self) -> bool {
        self.cells().iter().flatten().all(|cell| cell.lacking == 0)
    }
}

/// All kinds of outputs.
pub(super) static KINDS: &[&dyn Kind] = &[
    &Tables,
    #[cfg(test)]
    &super::listing::Listings,
];

impl<'a> Builder<'a> {
    /// Makes an output of what is known of its jobs; see [`Kind::make`].
    ///
    /// # Errors
    /// As [`Kind::make`].
    pub fn output(
        &mut self,
        plan: &OutputPlan,
        notes: Vec<String>,
        jobs: Jobs<'_, 'a>,
    ) -> Result<Box<dyn Output>, ReportError> {
        let kind = KINDS.iter().find(|kind| kind.word() == plan.kind);
        // A test checks that each kind of the grammar has a kind here.
        let kind = kind.copied().unwrap_or(&Tables);
        kind.make(plan, notes, jobs, self)
    }
}

/// Returns outputs for `--json`, by kind: `tables`, which is always there, and others as there are any.
pub fn all_json(plans: &[OutputPlan], outputs: &[Box<dyn Output>]) -> Vec<(String, Value)> {
    let mut all = vec![("tables".to_owned(), json!([]))];
    for (plan, output) in plans.iter().zip(outputs) {
        let name = format!("{}s", plan.kind);
        let place = all.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| {
            all.push((name, json!([])));
            all.len() - 1
        });
        if let Value::Array(values) = &mut all[place].1 {
            values.push(output.json());
        }
    }
    all
}

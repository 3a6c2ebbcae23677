//! What profiles and tables say, in short, for people who look what there is.

use std::ops::Range;

use serde::Serialize;

use super::model::{Definition, Line, OutputDeclaration, Pipeline};
use super::raw::{RawAxes, RawProfile};
use super::{Axis, Grid};

/// A profile, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileOutline {
    /// Its name.
    pub name: String,
    /// Whether it holds where none is named.
    pub default: bool,
    /// The profile that it begins with.
    pub extends: Option<String>,
    /// The variables that it sets, each with what is written.
    pub vars: Vec<(String, String)>,
    /// The tables of which it replaces parts, each with their keys.
    pub tables: Vec<(String, Vec<&'static str>)>,
}

/// An output, under the profile in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputOutline {
    /// The stage whose scores fill it, where rows and columns name no other.
    pub cell: Option<String>,
    /// The labels of its rows.
    pub rows: Vec<String>,
    /// The labels of its columns.
    pub columns: Vec<String>,
    /// The variables that are gathered in each cell, each with its values as they are written.
    pub over: Vec<(String, Vec<String>)>,
    /// The variables of the grid that is searched for each cell, each with its values as they are written.
    pub best: Vec<(String, Vec<String>)>,
    /// The label of the row that the others are compared with.
    pub compared_with: Option<String>,
    /// The files of claims, as they are written.
    pub claims: Vec<String>,
}

impl ProfileOutline {
    pub(super) fn of(raw: &RawProfile, text: &str) -> Self {
        let vars = raw.variables.iter();
        let tables = raw.outputs.iter();
        Self {
            name: raw.name.text.clone(),
            default: raw.default,
            extends: raw.extends.as_ref().map(|name| name.text.clone()),
            vars: vars
                .map(|(name, node)| (name.text.clone(), written(text, &node.span)))
                .collect(),
            tables: tables
                .map(|table| (table.name.text.clone(), replaced(&table.axes)))
                .collect(),
        }
    }
}

/// Returns the keys of a table that are given.
fn replaced(axes: &RawAxes) -> Vec<&'static str> {
    let keys = [
        ("rows", axes.rows.is_some()),
        ("columns", axes.columns.is_some()),
        ("over", axes.over.is_some()),
        ("exclude", axes.exclude.is_some()),
        ("best", axes.best.is_some()),
        ("select", axes.select.is_some()),
        ("compare", axes.compare.is_some()),
    ];
    let given = keys.into_iter().filter(|(_, is_given)| *is_given);
    given.map(|(key, _)| key).collect()
}

fn written(text: &str, span: &Range<usize>) -> String {
    text.get(span.clone()).unwrap_or_default().to_owned()
}

impl Pipeline {
    /// Returns an output in short, if there is one of that name.
    pub fn output_outline(&self, name: &str) -> Option<OutputOutline> {
        let named = |table: &&OutputDeclaration| table.name.text == name;
        let table = self.outputs.iter().find(named)?;
        let labels = |lines: &[Line]| lines.iter().map(|line| line.label.clone()).collect();
        Some(OutputOutline {
            cell: table.cell.map(|stage| self.stage(stage).name.text.clone()),
            rows: labels(&table.rows),
            columns: labels(&table.columns),
            over: self.axes(&table.over),
            best: table
                .best
                .as_ref()
                .map(|best| self.axes(best))
                .unwrap_or_default(),
            compared_with: table
                .compare
                .and_then(|compare| Some(table.rows.get(compare.to)?.label.clone())),
            claims: table
                .claims
                .iter()
                .map(|claims| claims.written.clone())
                .collect(),
        })
    }

    fn axes(&self, grid: &Grid) -> Vec<(String, Vec<String>)> {
        let value = |definition: &Definition| {
            let origin = &definition.origin;
            written(&origin.source.text, &origin.span)
        };
        let axis = |axis: &Axis| {
            let name = self.variable(axis.variable).name.clone();
            (name, axis.values.iter().map(value).collect())
        };
        grid.axes().map(axis).collect()
    }
}

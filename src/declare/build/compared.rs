//! The row that a comparison names, and what is said where no row fits, or several do.

use std::ops::Range;

use contract::hundredth;
use serde_json::Value;

use super::{Builder, parse_value};
use crate::declare::model::{Comparison, Definition, Line, VariableId};
use crate::declare::template::Template;
use crate::errors::nearest;

/// How many rows a message lists.
const LISTED: usize = 12;

/// A comparison whose row is not looked for yet.
pub(super) struct Wanted {
    pub(super) row: WantedRow,
    pub(super) span: Range<usize>,
    pub(super) draws: u32,
    pub(super) seed: u64,
    pub(super) level: f64,
}

/// How a row is named.
pub(super) enum WantedRow {
    Label(String),
    Values(Vec<(VariableId, Definition)>),
}

impl WantedRow {
    fn fits(&self, row: &Line) -> bool {
        match self {
            Self::Label(label) => row.label == *label,
            Self::Values(values) => values.iter().all(|(variable, wanted)| {
                let mut bound = row.bindings.iter();
                bound.any(|(id, found)| id == variable && same(&found.template, &wanted.template))
            }),
        }
    }
}

impl Builder<'_> {
    /// Finds the one row that a comparison names. `replaced_by` is the profile in force, if the rows
    /// are the profile's.
    pub(super) fn compared(
        &mut self,
        wanted: &Wanted,
        rows: &[Line],
        replaced_by: Option<&str>,
    ) -> Option<Comparison> {
        let fitting: Vec<usize> = (0..rows.len())
            .filter(|&place| wanted.row.fits(&rows[place]))
            .collect();
        if let [to] = fitting[..] {
            return Some(Comparison {
                to,
                draws: wanted.draws,
                seed: wanted.seed,
                level: wanted.level,
            });
        }
        let (mut message, mut help) = match fitting.len() {
            0 => {
                let guess = self.guess(&wanted.row, rows);
                let guess =
                    guess.map_or_else(String::new, |guess| format!("did you mean {guess}? "));
                let listed = self.listed(&mut rows.iter());
                (
                    self.nothing_fits(&wanted.row, rows),
                    format!("{guess}the rows are {listed}"),
                )
            }
            count => {
                let (message, by) = match &wanted.row {
                    WantedRow::Label(label) => {
                        (format!("{count} rows are called `{label}`"), "its values")
                    }
                    WantedRow::Values(_) => (
                        format!("{count} rows have these values"),
                        "more of its values, or by its label",
                    ),
                };
                let listed = self.listed(&mut fitting.iter().map(|&place| &rows[place]));
                (message, format!("name one of them by {by}: {listed}"))
            }
        };
        if let Some(profile) = replaced_by {
            message += &format!(" under profile `{profile}`");
            help = format!("a profile that replaces `rows` may replace `compare` too; {help}");
        }
        self.problem(message, wanted.span.clone(), help);
        None
    }

    fn nothing_fits(&self, wanted: &WantedRow, rows: &[Line]) -> String {
        match wanted {
            WantedRow::Label(label) => format!("no row is called `{label}`"),
            WantedRow::Values(values) => {
                let unbound =
                    |(id, _): &&(VariableId, Definition)| !rows.iter().any(|row| row.binds(*id));
                match values.iter().find(unbound) {
                    Some((id, _)) => format!("no row binds `{}`", self.name_of(*id)),
                    None => "no row has these values".to_owned(),
                }
            }
        }
    }

    /// Returns what was probably meant: the label most like it, or the values of a row.
    fn guess(&self, wanted: &WantedRow, rows: &[Line]) -> Option<String> {
        let pairs: Vec<(String, Value)> = match wanted {
            WantedRow::Label(label) => {
                let labels = rows.iter().map(|row| row.label.as_str());
                if let Some(label) = nearest(label, labels) {
                    return Some(format!("`{label}`"));
                }
                // Where a command names a row, values are written so.
                let pairs = label.split(',').map(|pair| {
                    let (name, value) = pair.split_once('=')?;
                    Some((name.trim().to_owned(), parse_value(value.trim())))
                });
                pairs.collect::<Option<_>>()?
            }
            WantedRow::Values(values) => {
                let pairs = values
                    .iter()
                    .map(|(id, definition)| Some((self.name_of(*id), plain(definition)?.clone())));
                pairs.collect::<Option<_>>()?
            }
        };
        let meant = pairs
            .iter()
            .map(|(name, value)| self.meant(name, value, rows));
        let meant: Vec<(VariableId, &Definition)> = meant.collect::<Option<_>>()?;
        let has_all = |row: &&Line| {
            meant.iter().all(|(id, wanted)| {
                let mut bound = row.bindings.iter();
                bound.any(|(other, found)| id == other && same(&found.template, &wanted.template))
            })
        };
        rows.iter().find(has_all)?;
        Some(format!("{{ {} }}", self.pairs(meant.into_iter())))
    }

    /// Returns the value of a row that a pair probably means: the same, a share for its percentage, or the one most like it.
    fn meant<'l>(
        &self,
        name: &str,
        value: &Value,
        rows: &'l [Line],
    ) -> Option<(VariableId, &'l Definition)> {
        let bindings = || rows.iter().flat_map(|row| &row.bindings);
        let names: Vec<String> = bindings().map(|(id, _)| self.name_of(*id)).collect();
        let name = nearest(name, names.iter().map(String::as_str))?;
        let variable = *self.variable_ids.get(name)?;
        let known = || bindings().filter(|(id, _)| *id == variable);
        let text = super::axes::plain(value);
        let share = hundredth(text.trim_end_matches('%').trim_end()).map(|text| parse_value(&text));
        let equal = |wanted: &Value| {
            known().find(|(_, found)| plain(found).is_some_and(|found| same_value(found, wanted)))
        };
        // One number is no misspelling of another.
        let alike = || {
            let text_of = |found| plain(found).and_then(Value::as_str);
            let texts = known().filter_map(|(_, found)| text_of(found));
            let nearest = nearest(value.as_str()?, texts)?;
            known().find(|(_, found)| text_of(found) == Some(nearest))
        };
        let found = equal(value)
            .or_else(|| equal(&parse_value(&text)))
            .or_else(|| equal(&share?))
            .or_else(alike);
        found.map(|(id, definition)| (*id, definition))
    }

    /// Lists rows by label and values, as far as a message has room.
    fn listed(&self, rows: &mut dyn ExactSizeIterator<Item = &Line>) -> String {
        let count = rows.len();
        let row = |row: &Line| {
            let bindings = row.bindings.iter().map(|(id, found)| (*id, found));
            match row.bindings.is_empty() {
                true => format!("`{}`", row.label),
                false => format!("`{}` {{ {} }}", row.label, self.pairs(bindings)),
            }
        };
        let listed: Vec<String> = rows.take(LISTED).map(row).collect();
        let mut text = listed.join(", ");
        if count > LISTED {
            text += &format!(" and {} more", count - LISTED);
        }
        text
    }

    fn pairs<'l>(&self, bindings: impl Iterator<Item = (VariableId, &'l Definition)>) -> String {
        let pairs = bindings
            .map(|(id, found)| format!("{} = {}", self.name_of(id), self.as_defined(found)));
        pairs.collect::<Vec<_>>().join(", ")
    }

    /// Returns a value as it stands in the file.
    fn as_defined(&self, definition: &Definition) -> String {
        let written = self.source.text.get(definition.origin.span.clone());
        written.unwrap_or_default().to_owned()
    }
}

/// Returns a value that names no variable.
fn plain(definition: &Definition) -> Option<&Value> {
    match &definition.template {
        Template::Value(value) => Some(value),
        _ => None,
    }
}

/// Returns whether two bound values are the same as they are written, numbers by value.
fn same(a: &Template, b: &Template) -> bool {
    match (a, b) {
        (Template::Value(a), Template::Value(b)) => same_value(a, b),
        _ => a == b,
    }
}

fn same_value(a: &Value, b: &Value) -> bool {
    // Whole numbers beyond 2^53 that differ are one as fractions.
    let both_whole = a.is_i64() && b.is_i64();
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) if !both_whole => a == b,
        _ => a == b,
    }
}

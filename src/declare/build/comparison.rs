//! `compare` of a table: the row that the others are compared with, and how.

use contract::{FieldType, hundredth};
use serde_json::Value;
use statistics::{Drawing, Options};

use super::Builder;
use super::compared::{Wanted, WantedRow};
use crate::declare::grammar::{self, COMPARISON, Takes};
use crate::declare::raw::{Node, NodeValue};
use crate::errors::{Diagnostic, did_you_mean, nearest};

/// How `compare` is written, for messages.
const FORM: &str =
    "write compare = { to = { m = 0.15 } }, or name the row by its label: { to = \"15 %\" }";
/// How `to` is written, for messages.
const TO: &str = "write to = { m = 0.15 }, or the row's label: to = \"15 %\"";
impl Builder<'_> {
    /// Reads what `compare` of a table says; nothing where it compares no rows.
    pub(super) fn comparison(&mut self, node: &Node) -> Option<Wanted> {
        let keys = match &node.value {
            NodeValue::Scalar(Value::Bool(false)) => return None,
            NodeValue::Table(keys) => keys,
            _ => {
                let message = "`compare` takes a table, or false".to_owned();
                self.problem(message, node.span.clone(), FORM);
                return None;
            }
        };
        let usual = Options::default();
        let (mut to, mut level) = (None, usual.level);
        let Drawing { draws, seed } = usual.drawing;
        let (mut draws, mut seed) = (u64::from(draws), seed);
        for (key, value) in keys {
            let mut known = COMPARISON.iter();
            let Some(known) = known.find(|known| known.name == key.text) else {
                let known = grammar::names(COMPARISON);
                let help = match nearest(&key.text, known.clone()) {
                    Some(_) => did_you_mean(&key.text, known, "keys"),
                    None => {
                        let known: Vec<&str> = known.collect();
                        format!("a comparison has {}", known.join(", "))
                    }
                };
                let message = format!("unknown key `{}`", key.text);
                self.problem(message, key.span.clone(), help);
                continue;
            };
            match known.takes {
                Takes::Whole { min, max } => {
                    let number = self.whole(known.name, value, (min, max));
                    match known.name {
                        "draws" => draws = number.unwrap_or(draws),
                        _ => seed = number.unwrap_or(seed),
                    }
                }
                Takes::Between { above, below } => {
                    let number = self.between(known.name, value, (above, below));
                    level = number.unwrap_or(level);
                }
                _ => to = self.wanted_row(value).map(|row| (row, value.span.clone())),
            }
        }
        if !keys.iter().any(|(key, _)| key.text == "to") {
            let message = "`compare` has no `to`".to_owned();
            let help = format!("name the row that the others are compared with: {TO}");
            self.problem(message, node.span.clone(), help);
        }
        let (row, span) = to?;
        Some(Wanted {
            row,
            span,
            // The key's range lies within 32 bits.
            draws: u32::try_from(draws).unwrap_or(u32::MAX),
            seed,
            level,
        })
    }

    fn wanted_row(&mut self, node: &Node) -> Option<WantedRow> {
        match &node.value {
            NodeValue::Scalar(Value::String(label)) => Some(WantedRow::Label(label.clone())),
            NodeValue::Table(values) if !values.is_empty() => {
                let before = self.problems.len();
                let mut bound = Vec::with_capacity(values.len());
                for (name, value) in values {
                    let definition = self.binding(value);
                    bound.extend(self.variable(name).map(|id| (id, definition)));
                }
                (self.problems.len() == before).then_some(WantedRow::Values(bound))
            }
            _ => {
                let message = match &node.value {
                    NodeValue::Table(_) => "`to` names no value",
                    _ => "`to` takes values that a row binds, or its label",
                };
                self.problem(message.into(), node.span.clone(), TO);
                None
            }
        }
    }

    fn whole(&mut self, key: &str, node: &Node, (min, max): (i64, i64)) -> Option<u64> {
        let range = |number: &i64| (min..=max).contains(number);
        let given = match &node.value {
            NodeValue::Scalar(value) => Some(value),
            _ => None,
        };
        let number = given.and_then(Value::as_i64).filter(range);
        if number.is_none() {
            let takes = FieldType::Integer { min, max }.describe();
            let meant = given.and_then(|value| match value {
                Value::String(text) => text.replace('_', "").trim().parse::<f64>().ok(),
                value => value.as_f64(),
            });
            let meant = meant.filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
            let meant = meant.and_then(|number| format!("{number:.0}").parse().ok());
            let meant = meant.filter(range);
            self.out_of_range(key, node, &takes, meant.map(|number| number.to_string()));
        }
        number.and_then(|number| u64::try_from(number).ok())
    }

    fn between(&mut self, key: &str, node: &Node, (above, below): (f64, f64)) -> Option<f64> {
        let range = |number: &f64| *number > above && *number < below;
        let given = match &node.value {
            NodeValue::Scalar(value) => Some(value),
            _ => None,
        };
        let number = given.and_then(Value::as_f64).filter(range);
        if number.is_none() {
            let takes = format!("a number above {above} and below {below}");
            let meant = given.and_then(|value| {
                let text = super::axes::plain(value);
                let text = text.trim().trim_end_matches('%').trim_end().to_owned();
                [hundredth(&text), Some(text)]
                    .into_iter()
                    .flatten()
                    .find(|text| text.parse().is_ok_and(|number| range(&number)))
            });
            self.out_of_range(key, node, &takes, meant);
        }
        number
    }

    fn out_of_range(&mut self, key: &str, node: &Node, takes: &str, meant: Option<String>) {
        let help = meant.map(|meant| format!("did you mean {meant}?"));
        self.problems.push(
            Diagnostic::new(format!("`{key}` takes {takes}"))
                .at(self.source, node.span.clone(), "")
                .maybe_help(help),
        );
    }
}

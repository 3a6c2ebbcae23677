//! Inputs that gather the results of a stage over values of variables: `{ stage = "@stage", over = { seed = [0, 1, 2] } }`.

use serde_json::Value;

use super::Builder;
use crate::declare::grid::{Axis, Grid};
use crate::declare::model::{Definition, Gathers, InputDeclaration, Item, ItemValue};
use crate::declare::template::Template;
use crate::errors::{Diagnostic, did_you_mean};

/// The most results that one input may gather: each is a folder that a job is given.
const MOST: usize = 10_000;
/// The keys of an input that gathers.
const KEYS: [&str; 2] = ["stage", "over"];
/// How such an input is written, for messages.
const FORM: &str = "{ stage = \"@stage\", over = { seed = [0, 1, 2] } }";

impl Builder<'_> {
    /// Resolves the inputs that are tables, each of which gathers results.
    pub(super) fn gather(&mut self, inputs: &mut [InputDeclaration], items: &[Item]) {
        for input in inputs {
            let mut found = None;
            let mut level = items;
            for key in &input.path {
                found = level.iter().find(|item| item.key.text == *key);
                level = match found.map(|item| &item.value) {
                    Some(ItemValue::Table(inner)) => inner,
                    _ => &[],
                };
            }
            if let Some(item) = found
                && let ItemValue::Table(keys) = &item.value
            {
                input.gathers = self.gathers(item, keys);
            }
        }
    }

    fn gathers(&mut self, item: &Item, keys: &[Item]) -> Option<Gathers> {
        let before = self.problems.len();
        for unknown in keys.iter().filter(|key| !KEYS.contains(&&*key.key.text)) {
            let message = format!("unknown key `{}`", unknown.key.text);
            let help = match crate::errors::nearest(&unknown.key.text, KEYS) {
                Some(_) => did_you_mean(&unknown.key.text, KEYS, "keys"),
                None => format!("an input that is a table gathers results: {FORM}"),
            };
            self.problem(message, unknown.key.span.clone(), help);
        }
        let [stage, over] = KEYS.map(|name| keys.iter().find(|key| key.key.text == name));
        for (name, key) in KEYS.into_iter().zip([stage, over]) {
            if key.is_none() {
                let message = format!("`{}` has no `{name}`", item.key.text);
                let help = format!("an input that is a table gathers results: {FORM}");
                self.problem(message, item.span.clone(), help);
            }
        }
        let (stage, over) = (stage?, over?);
        let ItemValue::Value(definition) = &stage.value else {
            let message = "`stage` takes a text".to_owned();
            self.problem(message, stage.span.clone(), "write stage = \"@stage\"");
            return None;
        };
        let grid = self.gathered_over(over)?;
        (self.problems.len() == before).then(|| Gathers {
            stage: definition.clone(),
            over: grid,
            span: item.span.clone(),
            over_span: over.span.clone(),
        })
    }

    fn gathered_over(&mut self, over: &Item) -> Option<Grid> {
        let ItemValue::Table(variables) = &over.value else {
            let message = "`over` takes a table: { seed = [0, 1, 2] }".to_owned();
            let help = "several variables are multiplied out";
            self.problem(message, over.span.clone(), help);
            return None;
        };
        let mut axes = Vec::with_capacity(variables.len());
        for item in variables {
            let values: &[Definition] = match &item.value {
                ItemValue::List(values) => values,
                ItemValue::Value(value) => std::slice::from_ref(value),
                ItemValue::Table(_) => &[],
            };
            let is_single = |value: &Definition| {
                !matches!(
                    &value.template,
                    Template::Value(Value::Array(_) | Value::Object(_))
                )
            };
            if values.is_empty() || !values.iter().all(is_single) {
                let message = format!("`{}` takes a list of values", item.key.text);
                let help = "texts, numbers, true or false: seed = [0, 1, 2]";
                self.problem(message, item.span.clone(), help);
                continue;
            }
            if let Some(variable) = self.variable(&item.key) {
                axes.push(Axis {
                    variable,
                    values: values.to_vec(),
                });
            }
        }
        if variables.is_empty() {
            let message = "`over` names no variable".to_owned();
            let help = "write over = { seed = [0, 1, 2] }, or name the stage alone: \"@stage\"";
            self.problem(message, over.span.clone(), help);
            return None;
        }
        let grid = Grid { blocks: vec![axes] };
        if grid.count() > MOST {
            self.problems.push(
                Diagnostic::new(format!(
                    "this gathers {} results, more than {MOST}",
                    grid.count()
                ))
                .at(self.source, over.span.clone(), "")
                .help("gather fewer, or in steps"),
            );
            return None;
        }
        Some(grid)
    }
}

//! The value of a setting by which results are kept: a path is told from the project's folder, wherever it was typed.
//!
//! `--set text=x` is the `x` of the current folder. Results kept under the typed text would be the same for two folders that
//! both have an `x`, and different for `x` and `./x`.

use serde_json::Value;

use crate::declare::{Definition, Item, ItemValue, Part, Pipeline, Template, VariableId};
use crate::paths::from_project;

/// In which ways a variable is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uses {
    /// As an input, alone: a relative path starts where the value was written.
    whole: bool,
    /// As the beginning of an input: a relative path starts at the project's folder.
    beginning: bool,
    /// As anything else: what was typed counts.
    other: bool,
}

impl Uses {
    fn add(&mut self, more: Self) -> bool {
        let before = *self;
        self.whole |= more.whole;
        self.beginning |= more.beginning;
        self.other |= more.other;
        *self != before
    }
}

/// Returns the plain value that `--set` gives a variable, if it gives one. A path is told as it lies from the project: relative to its
/// folder where both lie below one that is not `/`, else absolute.
pub fn placed(pipeline: &Pipeline, name: &str) -> Option<Value> {
    let id = *pipeline.variable_ids.get(name)?;
    let Template::Value(value) = &pipeline.variable(id).set.as_ref()?.template else {
        return None;
    };
    let uses = uses(pipeline)[id.0];
    let text = match value.as_str() {
        Some(text) if !text.is_empty() && !text.starts_with('@') => text,
        _ => return Some(value.clone()),
    };
    let from = match uses {
        Uses { whole: true, .. } => &pipeline.current,
        Uses {
            beginning: true, ..
        } => &pipeline.root,
        _ => return Some(value.clone()),
    };
    let path = from_project(&from.join(text), &pipeline.root);
    let is_path_alone = !(uses.other || uses.whole && uses.beginning);
    Some(match is_path_alone || path == text {
        true => path.into(),
        // The path is read as text as well, so settings that were typed differently have different results, though they lead to
        // one place.
        false => format!("{text} ({path})").into(),
    })
}

/// Finds in which ways every variable is read, by stages and through other variables.
fn uses(pipeline: &Pipeline) -> Vec<Uses> {
    let mut uses = vec![Uses::default(); pipeline.variables.len()];
    for stage in &pipeline.stages {
        let is_input = |item: &Item| {
            let mut inputs = stage.inputs.iter();
            inputs.any(|input| {
                let written = stage.written(&input.path);
                written.is_some_and(|written| std::ptr::eq(written, item))
            })
        };
        of_items(&stage.items, &is_input, &mut uses);
    }
    let lines = pipeline.outputs.iter().flat_map(|table| {
        let lines = table.rows.iter().chain(&table.columns);
        let grids = lines.clone().filter_map(|line| line.best.as_ref());
        let grids = grids.chain(&table.best).chain([&table.over]);
        let axes = grids.flat_map(|grid| grid.axes());
        let of_axes = axes.flat_map(|axis| axis.values.iter().map(|value| (axis.variable, value)));
        let of_lines = lines.flat_map(|line| &line.bindings);
        of_lines.map(|(id, value)| (*id, value)).chain(of_axes)
    });
    let own = pipeline.variables.iter().enumerate();
    let own = own.map(|(place, variable)| (VariableId(place), variable.base()));
    let definitions: Vec<(VariableId, &Definition)> = own.chain(lines).collect();
    // A variable that is part of another is read in the ways in which the other is.
    let mut grows = true;
    while grows {
        grows = false;
        for (id, definition) in &definitions {
            grows |= of_definition(definition, uses[id.0], &mut uses);
        }
    }
    uses
}

fn of_items(items: &[Item], is_input: &dyn Fn(&Item) -> bool, uses: &mut [Uses]) {
    let other = Uses {
        other: true,
        ..Uses::default()
    };
    let whole = Uses {
        whole: true,
        ..Uses::default()
    };
    for item in items {
        match &item.value {
            ItemValue::Value(definition) => {
                let how = if is_input(item) { whole } else { other };
                of_definition(definition, how, uses);
            }
            ItemValue::List(definitions) => {
                for definition in definitions {
                    of_definition(definition, other, uses);
                }
            }
            ItemValue::Table(items) => of_items(items, is_input, uses),
        }
    }
}

/// Notes that the variables in a value are read as `how`. Returns whether that is news.
fn of_definition(definition: &Definition, how: Uses, uses: &mut [Uses]) -> bool {
    match &definition.template {
        Template::Variable(id) => uses[id.0].add(how),
        Template::Text(parts) => {
            let mut grows = false;
            for (place, part) in parts.iter().enumerate() {
                let Part::Variable(id) = part else { continue };
                let is_path = how.whole || how.beginning;
                grows |= uses[id.0].add(Uses {
                    whole: false,
                    beginning: is_path && place == 0,
                    other: how.other || (is_path && place > 0),
                });
            }
            grows
        }
        Template::Value(_) | Template::Broken(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::test_support::{PIPELINE, load};

    #[test]
    fn what_is_no_path_stays_as_it_is() {
        let set = [("text", "@world/more"), ("m", "0.3")];
        let pipeline = load(PIPELINE, None, &set).unwrap();
        assert_eq!(placed(&pipeline, "text"), Some("@world/more".into()));
        assert_eq!(placed(&pipeline, "m"), Some(0.3.into()));
        assert_eq!(placed(&pipeline, "task"), None);
    }

    #[test]
    fn uses_are_found_through_other_variables_and_tables() {
        let text = PIPELINE
            .replace(
                "text = \"@world/text\"",
                "text = \"${root}/text\"\nroot = \"/data\"\nmine = \"x\"\nboth = \"x\"",
            )
            .replace(
                "{ label = \"15 %\", m = 0.15 }",
                "{ label = \"15 %\", text = \"${mine}\" }",
            )
            .replace(
                "{ label = \"40 %\", m = 0.40 }",
                "{ label = \"40 %\", text = \"${both}\", size = \"${both}\" }",
            );
        let pipeline = load(&text, None, &[("both", "tiny")]).unwrap();
        let of = |name: &str| uses(&pipeline)[pipeline.variable_ids[name].0];
        let uses = |whole, beginning, other| Uses {
            whole,
            beginning,
            other,
        };
        assert_eq!(of("text"), uses(true, false, false));
        assert_eq!(of("root"), uses(false, true, false));
        assert_eq!(of("mine"), uses(true, false, false));
        assert_eq!(of("both"), uses(true, false, true));
        assert_eq!(of("m"), uses(false, false, true));
        // The value is read as a size, so it counts as it was typed.
        let here = placed(&pipeline, "both").unwrap();
        assert!(
            here.as_str().unwrap().starts_with("tiny (")
                && here.as_str().unwrap().contains("tiny)"),
            "{here}"
        );
    }
}

//! Which point of a grid a cell's scores are of, and how it was chosen.

use serde_json::{Map, Value, json};

use crate::Table;

/// A point that was chosen from a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Its place among `points`.
    pub place: usize,
    /// All points, in the order of the grid.
    pub points: Vec<Candidate>,
    /// The score that decided: `accuracy`.
    pub metric: String,
    /// The split that it was scored on.
    pub split: String,
    /// Whether the lowest score is the best one.
    pub lowest: bool,
    /// Whether the scores that the cell shows are of that split as well, so that they flatter.
    pub reported: bool,
}

/// A point of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The variables that it binds, and their values.
    pub bindings: Vec<(String, Value)>,
    /// The score that decides, as a mean over seeds.
    pub score: f64,
}

impl Candidate {
    /// Returns the point in words: `lr=3e-5, batch=16`.
    pub fn name(&self) -> String {
        let pairs = self.bindings.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            value => format!("{name}={value}"),
        });
        pairs.collect::<Vec<_>>().join(", ")
    }

    fn point(&self) -> Map<String, Value> {
        self.bindings.iter().cloned().collect()
    }
}

impl Chosen {
    /// Returns the chosen point in words; empty where there is none of that place.
    pub fn name(&self) -> String {
        self.points
            .get(self.place)
            .map(Candidate::name)
            .unwrap_or_default()
    }

    /// Returns how it was chosen, in words: `best of 4 by accuracy on dev`, `best of 4 by lowest perplexity on dev`.
    pub fn rule(&self) -> String {
        let Self { metric, split, .. } = self;
        let lowest = if self.lowest { "lowest " } else { "" };
        let rule = format!(
            "best of {} by {lowest}{metric} on {split}",
            self.points.len()
        );
        match self.reported {
            true => format!("{rule}, selected on the same split as reported"),
            false => rule,
        }
    }

    /// Returns all of it as JSON.
    pub fn to_json(&self) -> Value {
        let points = self.points.iter();
        let points = points.map(|point| json!({ "point": point.point(), "score": point.score }));
        json!({
            "point": self.points.get(self.place).map(Candidate::point),
            "metric": self.metric,
            "split": self.split,
            "direction": if self.lowest { "lower" } else { "higher" },
            "reported_split": self.reported,
            "points": points.collect::<Vec<_>>(),
        })
    }
}

/// Returns a line for each rule by which points were chosen, with the points and the cells that they were chosen for.
pub(crate) fn lines(table: &Table) -> Vec<String> {
    let mut rules: Vec<Rule> = Vec::new();
    for (row, cells) in table.rows.iter().zip(&table.cells) {
        for (column, cell) in table.columns.iter().zip(cells) {
            let Some(chosen) = &cell.chosen else { continue };
            let text = chosen.rule();
            let place = find_or_push(
                &mut rules,
                |rule| rule.text == text,
                || Rule {
                    text: text.clone(),
                    points: Vec::new(),
                },
            );
            let points = &mut rules[place].points;
            let name = chosen.name();
            let place = find_or_push(
                points,
                |(point, _)| *point == name,
                || (name.clone(), Vec::new()),
            );
            points[place]
                .1
                .push(format!("{} / {}", row.labels.join(", "), column.label));
        }
    }
    rules.into_iter().map(Rule::line).collect()
}

/// Cells whose points were chosen in one way, by point.
struct Rule {
    text: String,
    points: Vec<(String, Vec<String>)>,
}

impl Rule {
    fn line(self) -> String {
        let points = match &self.points[..] {
            [(point, _)] => vec![format!("{point} for all")],
            several => several
                .iter()
                .map(|(point, cells)| format!("{point} for {}", cells.join(", ")))
                .collect(),
        };
        format!("{}: {}", self.text, points.join("; "))
    }
}

fn find_or_push<T>(
    items: &mut Vec<T>,
    wanted: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> usize {
    items.iter().position(wanted).unwrap_or_else(|| {
        items.push(new());
        items.len() - 1
    })
}

//! The point of a grid that a cell's scores belong to, and how that point was chosen.

use serde_json::{Map, Value, json};

use crate::Table;

/// A point that was chosen from a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Index of the chosen point in `points`.
    pub place: usize,
    /// All points, in the order of the grid.
    pub points: Vec<Candidate>,
    /// The score by which the point was chosen: `accuracy`.
    pub metric: String,
    /// The split on which that score was measured.
    pub split: String,
    /// Whether the lowest score is the best one.
    pub lowest: bool,
    /// Whether the cell's scores are of that split as well. Then they are biased upwards by the choice.
    pub reported: bool,
}

/// A point of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The variables that the point binds, and their values.
    pub bindings: Vec<(String, Value)>,
    /// The deciding score, as a mean over seeds.
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
    /// Returns the chosen point in words; an empty text if `place` is out of range.
    pub fn name(&self) -> String {
        self.points
            .get(self.place)
            .map(Candidate::name)
            .unwrap_or_default()
    }

    /// Returns the rule of the choice in words: `best of 4 by accuracy on dev`, `best of 4 by lowest perplexity on dev`.
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

    /// Returns the choice and all points as JSON.
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

/// Returns the lines that describe each rule of choice: the rule, and the chosen points with their cells.
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
    rules.into_iter().flat_map(Rule::lines).collect()
}

/// The cells whose points were chosen by one rule, grouped by point.
struct Rule {
    text: String,
    points: Vec<(String, Vec<String>)>,
}

impl Rule {
    fn lines(self) -> Vec<String> {
        let Self { text, points } = self;
        if let [(point, _)] = points.as_slice() {
            return vec![format!("{text}: {point} for all")];
        }
        let points = points.into_iter();
        let points = points.map(|(point, cells)| format!("{point}: {}", cells.join("; ")));
        [format!("{text}:")].into_iter().chain(points).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cell, Column, Row};

    fn cell(place: usize, reported: bool) -> Cell {
        let candidate = |lr: f64, score: f64| Candidate {
            bindings: vec![("lr".into(), json!(lr)), ("order".into(), json!("drawn"))],
            score,
        };
        let chosen = Chosen {
            place,
            points: vec![candidate(1e-5, 80.0), candidate(0.001, 79.5)],
            metric: "accuracy".into(),
            split: "dev".into(),
            lowest: false,
            reported,
        };
        Cell {
            chosen: Some(chosen),
            ..Cell::default()
        }
    }

    fn table(cells: Vec<Vec<Cell>>) -> Table {
        Table {
            rows: vec![Row::new(["15 %"]), Row::new(["40 %"])],
            columns: ["MNLI", "RTE"]
                .map(|label| Column::new(label, "accuracy", "%"))
                .into(),
            cells,
            ..Table::default()
        }
    }

    #[test]
    fn a_point_names_the_cells_that_it_was_chosen_for() {
        let several = table(vec![
            vec![cell(0, true), cell(1, true)],
            vec![cell(0, true), Cell::default()],
        ]);
        assert_eq!(
            lines(&several),
            [
                "best of 2 by accuracy on dev, selected on the same split as reported:",
                "lr=0.00001, order=drawn: 15 % / MNLI; 40 % / MNLI",
                "lr=0.001, order=drawn: 15 % / RTE",
            ]
        );
        let one = table(vec![vec![cell(1, false), cell(1, false)]; 2]);
        assert_eq!(
            lines(&one),
            ["best of 2 by accuracy on dev: lr=0.001, order=drawn for all"]
        );
        assert!(lines(&table(vec![vec![Cell::default(); 2]; 2])).is_empty());
    }

    #[test]
    fn what_was_chosen_is_told_as_json() {
        let chosen = cell(1, true).chosen.map(|chosen| chosen.to_json());
        let json = json!({
            "point": { "lr": 0.001, "order": "drawn" },
            "metric": "accuracy",
            "split": "dev",
            "direction": "higher",
            "reported_split": true,
            "points": [
                { "point": { "lr": 1e-5, "order": "drawn" }, "score": 80.0 },
                { "point": { "lr": 0.001, "order": "drawn" }, "score": 79.5 },
            ],
        });
        assert_eq!(chosen, Some(json));
    }
}

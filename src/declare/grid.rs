//! Values of variables multiplied out to points, and how the best point is chosen.

use metrics::Direction;

use super::model::{Definition, VariableId};

/// Blocks of variables, each with values: a block stands for every combination of its variables' values.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    pub(crate) blocks: Vec<Vec<Axis>>,
}

/// A variable and the values that it takes.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) variable: VariableId,
    pub(crate) values: Vec<Definition>,
}

/// A value of each variable of a block.
pub(crate) type Point<'g> = Vec<(VariableId, &'g Definition)>;

impl Grid {
    /// Returns every point, the blocks in their order and in each the first variable turning slowest. A grid without
    /// blocks has one point, which binds nothing.
    pub(crate) fn points(&self) -> Vec<Point<'_>> {
        if self.blocks.is_empty() {
            return vec![Vec::new()];
        }
        let points = self
            .blocks
            .iter()
            .map(|block| product(&block.iter().collect::<Vec<_>>()));
        points.flatten().collect()
    }

    /// Returns how many points there are.
    pub(crate) fn count(&self) -> usize {
        if self.blocks.is_empty() {
            return 1;
        }
        let lengths = |block: &Vec<Axis>| {
            let lengths = block.iter().map(|axis| axis.values.len());
            lengths.fold(1, usize::saturating_mul)
        };
        let blocks = self.blocks.iter().map(lengths);
        blocks.fold(0, usize::saturating_add)
    }

    /// Returns all axes of all blocks.
    pub(crate) fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.blocks.iter().flatten()
    }

    /// Returns whether a variable is among those of the grid.
    pub(crate) fn binds(&self, variable: VariableId) -> bool {
        self.axes().any(|axis| axis.variable == variable)
    }
}

/// Returns every combination of the axes' values, the first axis turning slowest.
pub(crate) fn product<'g>(axes: &[&'g Axis]) -> Vec<Point<'g>> {
    axes.iter().fold(vec![Vec::new()], |points, axis| {
        let mut longer = Vec::with_capacity(points.len() * axis.values.len());
        for point in &points {
            for value in &axis.values {
                let mut point: Point<'g> = point.clone();
                point.push((axis.variable, value));
                longer.push(point);
            }
        }
        longer
    })
}

/// What the best point of a grid is chosen by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Which way is better; `None` goes by the score's name.
    pub direction: Option<Direction>,
    /// The score's name; `None` takes the one that the cell shows.
    pub metric: Option<String>,
    /// The split that the score is of; `None` takes the score that goes by the name alone.
    pub split: Option<String>,
}

impl Selection {
    /// Reads `[lowest|highest] [METRIC][@SPLIT]`; `None` if it is nothing of the kind.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (direction, score) = match words[..] {
            [score] => (None, score),
            ["lowest", score] => (Some(Direction::Lower), score),
            ["highest", score] => (Some(Direction::Higher), score),
            _ => return None,
        };
        let (metric, split) = match score.split_once('@') {
            Some((_, "")) => return None,
            Some((metric, split)) => (metric, Some(split.to_owned())),
            None => (score, None),
        };
        Some(Self {
            direction,
            metric: (!metric.is_empty()).then(|| metric.to_owned()),
            split,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_read() {
        let selection = |direction, metric: Option<&str>, split: Option<&str>| {
            Some(Selection {
                direction,
                metric: metric.map(str::to_owned),
                split: split.map(str::to_owned),
            })
        };
        for (text, read) in [
            ("accuracy", selection(None, Some("accuracy"), None)),
            (
                "accuracy@dev",
                selection(None, Some("accuracy"), Some("dev")),
            ),
            ("@dev", selection(None, None, Some("dev"))),
            (
                "lowest rmse@dev",
                selection(Some(Direction::Lower), Some("rmse"), Some("dev")),
            ),
            (
                " highest  f1 ",
                selection(Some(Direction::Higher), Some("f1"), None),
            ),
            ("", None),
            ("accuracy@", None),
            ("least rmse", None),
            ("lowest rmse twice", None),
        ] {
            assert_eq!(Selection::parse(text), read, "{text}");
        }
    }
}

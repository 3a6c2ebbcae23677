//! Axes multiplied out, and the names of the lines that they make.

use std::ops::Range;

use serde_json::Value;

use super::Builder;
use crate::declare::grid::{Axis, Grid, Selection};
use crate::declare::model::{Combination, VariableId};
use crate::declare::raw::{Node, NodeValue, RawCombination, RawGrid, Word};
use crate::declare::template::{Piece, pieces};
use crate::errors::{Diagnostic, did_you_mean};

/// The most lines or points that one table of axes may stand for: beyond any use, short of exhausting the memory.
const MOST: usize = 100_000;
/// What all axes of a file may take, multiplied out, in bytes: a hundred thousand lines of ten variables take half of it.
const ROOM: usize = 1 << 29;
/// What a value of a variable takes besides its texts, in bytes.
const BINDING: usize = 256;

impl Builder<'_> {
    /// Returns every combination of the values that lists hold, the first variable turning slowest.
    pub(super) fn multiply(
        &mut self,
        span: &Range<usize>,
        bindings: Vec<(Word, Node)>,
    ) -> Vec<Vec<(Word, Node)>> {
        let axes: Vec<(Word, Vec<Node>)> = bindings
            .into_iter()
            .map(|(name, node)| match node.value {
                NodeValue::List(values) => {
                    self.check_values(&name, &values, &node.span);
                    (name, values)
                }
                _ => (name, vec![node]),
            })
            .collect();
        let lengths = axes.iter().map(|(_, values)| values.len());
        let line = axes.iter().map(|(name, values)| {
            let longest = values.iter().map(size).max();
            BINDING + name.text.len() + longest.unwrap_or_default()
        });
        let Some(lines) = self.product(span, lengths) else {
            return Vec::new();
        };
        if lines == 0 || !self.has_room(span, lines.saturating_mul(line.sum())) {
            return Vec::new();
        }
        axes.iter().fold(vec![Vec::new()], |lines, (name, values)| {
            let longer = lines.iter().flat_map(|line: &Vec<(Word, Node)>| {
                values.iter().map(|value| {
                    let mut line = line.clone();
                    line.push((name.clone(), value.clone()));
                    line
                })
            });
            longer.collect()
        })
    }

    /// Resolves a grid: variable → values.
    pub(super) fn grid(&mut self, grid: RawGrid) -> Grid {
        let mut blocks = Vec::with_capacity(grid.len());
        for RawCombination { span, bindings } in grid {
            let mut axes = Vec::with_capacity(bindings.len());
            for (name, node) in bindings {
                let values = match &node.value {
                    NodeValue::List(values) => {
                        self.check_values(&name, values, &node.span);
                        values.as_slice()
                    }
                    _ => std::slice::from_ref(&node),
                };
                if !self.has_room(&span, values.iter().map(|node| BINDING + size(node)).sum()) {
                    continue;
                }
                if let Some(variable) = self.variable(&name) {
                    let values = values.iter().map(|node| self.binding(node)).collect();
                    axes.push(Axis { variable, values });
                }
            }
            let lengths = axes.iter().map(|axis: &Axis| axis.values.len());
            if self.product(&span, lengths).is_some() {
                blocks.push(axes);
            }
        }
        Grid { blocks }
    }

    /// Resolves combinations that are left out; lists are multiplied out.
    pub(super) fn combinations(&mut self, combinations: Vec<RawCombination>) -> Vec<Combination> {
        let mut built = Vec::new();
        for RawCombination { span, bindings } in combinations {
            if bindings.is_empty() {
                let help = "name what to leave out: { variable = value, … }";
                self.problem("this leaves out everything".into(), span, help);
                continue;
            }
            let known: Vec<Option<VariableId>> = bindings
                .iter()
                .map(|(name, _)| self.variable(name))
                .collect();
            let Some(known) = known.into_iter().collect::<Option<Vec<_>>>() else {
                continue;
            };
            for bindings in self.multiply(&span, bindings) {
                let definitions = bindings.iter().map(|(_, node)| self.binding(node));
                built.push(Combination {
                    span: span.clone(),
                    bindings: known.iter().copied().zip(definitions).collect(),
                });
            }
        }
        built
    }

    /// Reads what the best point is chosen by.
    pub(super) fn selection(&mut self, select: &Word) -> Option<Selection> {
        let selection = Selection::parse(&select.text);
        if selection.is_none() {
            let message = format!("`{}` names no score", select.text);
            let help = "write select = \"METRIC\", \"METRIC@SPLIT\", \"@SPLIT\" or \"lowest METRIC@SPLIT\"";
            self.problem(message, select.span.clone(), help);
        }
        selection
    }

    fn check_values(&mut self, name: &Word, values: &[Node], span: &Range<usize>) {
        if values.is_empty() {
            let message = format!("`{}` takes a list of values: [0, 1, 2]", name.text);
            self.problems
                .push(Diagnostic::new(message).at(self.source, span.clone(), ""));
        }
    }

    /// Returns how many combinations there are of so many values each; `None` where they are too many.
    fn product(
        &mut self,
        span: &Range<usize>,
        lengths: impl Iterator<Item = usize>,
    ) -> Option<usize> {
        // An axis without values makes the product empty; the other axes may be too many all the same.
        let (mut product, mut is_empty) = (1usize, false);
        for length in lengths {
            product = product.saturating_mul(length.max(1));
            is_empty |= length == 0;
        }
        if product > MOST {
            let message = format!("these values make more than {MOST} combinations");
            self.problem(message, span.clone(), "bind fewer values");
            return None;
        }
        Some(if is_empty { 0 } else { product })
    }

    /// Takes bytes of the room that all axes share, and returns whether there was enough. That there is not enough is told
    /// once.
    pub(super) fn has_room(&mut self, span: &Range<usize>, bytes: usize) -> bool {
        let before = self.taken;
        self.taken = before.saturating_add(bytes);
        if self.taken > ROOM && before <= ROOM {
            let message = format!(
                "the lines of all tables come to more than {} MiB here",
                ROOM >> 20
            );
            self.problem(message, span.clone(), "bind fewer values, or shorter ones");
        }
        self.taken <= ROOM
    }

    /// Names a line that has no label by what it binds: the value alone, or `name=value` where there are several.
    pub(super) fn label_of(&self, bindings: &[(Word, Node)]) -> String {
        match bindings {
            [(_, node)] => self.as_written(node),
            several => {
                let pairs: Vec<_> = several
                    .iter()
                    .map(|(name, node)| format!("{}={}", name.text, self.as_written(node)))
                    .collect();
                pairs.join(", ")
            }
        }
    }

    /// Returns a label with `${variable}` replaced by what the line binds, and `${variable:%}` by that as a percentage.
    pub(super) fn filled(&mut self, label: &Word, bindings: &[(Word, Node)]) -> String {
        let (pieces, open) = pieces(&label.text);
        if let Some(range) = open {
            let help = "write ${name}, or $${ for the plain characters";
            self.problem("`${` without `}`".into(), self.within(label, range), help);
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(&literal),
                Piece::Name(name, range) => {
                    let value = self
                        .shown(name, bindings)
                        .unwrap_or_else(|(message, help)| {
                            self.problem(message, self.within(label, range), help);
                            String::new()
                        });
                    text.push_str(&value);
                }
            }
        }
        text
    }

    /// Returns a value of a `reference` with `${variable}` replaced as in a label; `"${variable}"` alone keeps the type.
    pub(super) fn filled_value(
        &mut self,
        value: &Value,
        span: &Range<usize>,
        bindings: &[(Word, Node)],
    ) -> Value {
        let Value::String(text) = value else {
            return value.clone();
        };
        if let [Piece::Name(name, _)] = pieces(text).0.as_slice()
            && let Some(Node {
                value: NodeValue::Scalar(value),
                ..
            }) = bound(name, bindings)
        {
            return value.clone();
        }
        let word = Word {
            text: text.clone(),
            span: span.clone(),
        };
        let text = self.filled(&word, bindings);
        // A lack of room is told here; whoever makes more lines checks for it again.
        self.has_room(span, text.len());
        Value::from(text)
    }

    /// Returns what `${name}` or `${name:%}` stands for in a label, or what is wrong with it.
    fn shown(&self, name: &str, bindings: &[(Word, Node)]) -> Result<String, (String, String)> {
        let (variable, format) = match name.split_once(':') {
            Some((variable, format)) => (variable.trim(), Some(format.trim())),
            None => (name, None),
        };
        let Some(node) = bound(variable, bindings) else {
            let known = bindings.iter().map(|(name, _)| name.text.as_str());
            let help = did_you_mean(variable, known, "variables that this line binds");
            return Err((format!("this line does not bind `{variable}`"), help));
        };
        match (format, &node.value) {
            // A list or a table is refused where it is bound.
            (_, NodeValue::List(_) | NodeValue::Table(_)) => Ok(String::new()),
            (None, _) => Ok(self.as_written(node)),
            (Some("%"), NodeValue::Scalar(Value::Number(number))) => {
                Ok(percent(number.as_f64().unwrap_or(f64::NAN)))
            }
            (Some("%"), _) => Err((
                format!(
                    "`{}` is no number to be shown as a percentage",
                    self.as_written(node)
                ),
                format!("write ${{{variable}}}"),
            )),
            (Some(format), _) => Err((
                format!("unknown format `{format}`"),
                format!("write ${{{variable}}}, or ${{{variable}:%}} for a percentage"),
            )),
        }
    }

    /// Returns a value as it stands in the file.
    fn as_written(&self, node: &Node) -> String {
        let written = self.source.text.get(node.span.clone()).unwrap_or_default();
        written.trim_matches(['"', '\'']).to_owned()
    }

    fn within(&self, word: &Word, range: Range<usize>) -> Range<usize> {
        super::names::inside_text(&self.source.text, &word.span, &word.text, range)
    }
}

/// Returns how many bytes the texts of a value have.
fn size(node: &Node) -> usize {
    match &node.value {
        NodeValue::Scalar(Value::String(text)) => text.len(),
        NodeValue::Scalar(_) => 0,
        NodeValue::List(nodes) => nodes.iter().map(|node| BINDING + size(node)).sum(),
        NodeValue::Table(nodes) => {
            let sizes = nodes
                .iter()
                .map(|(key, node)| BINDING + key.text.len() + size(node));
            sizes.sum()
        }
    }
}

/// Returns a value as a text, without quotes.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn bound<'b>(name: &str, bindings: &'b [(Word, Node)]) -> Option<&'b Node> {
    let found = bindings.iter().find(|(bound, _)| bound.text == name);
    found.map(|(_, node)| node)
}

/// Writes a share as a percentage: `15 %`, `2.5 %`. What the multiplication leaves of binary fractions is rounded away.
fn percent(share: f64) -> String {
    let rounded = (share * 1e12).round() / 1e10;
    format!("{rounded} %")
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_are_written_as_percentages() {
        for (share, text) in [
            (0.15, "15 %"),
            (0.07, "7 %"),
            (0.29, "29 %"),
            (0.025, "2.5 %"),
            (1.0, "100 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}

//! What spans the cells of a table: rows, columns, and what is gathered, left out and searched.

use super::{Node, NodeValue, RawAxes, RawCombination, RawLine, Reader, Word};

impl Reader<'_> {
    /// Reads one of the keys that a profile may replace.
    pub(super) fn axis(&mut self, key: &Word, node: Node, axes: &mut RawAxes) {
        match key.text.as_str() {
            "rows" => axes.rows = Some(self.lines(key, node)),
            "columns" => axes.columns = Some(self.lines(key, node)),
            "over" => axes.over = Some(self.combinations(key, node, GRID)),
            "exclude" => axes.exclude = Some(self.combinations(key, node, EXCLUDED)),
            "best" => axes.best = Some(self.combinations(key, node, SEARCHED)),
            "compare" => axes.compare = Some(node),
            _ => axes.select = self.text(key, &node),
        }
    }

    /// Reads `rows` or `columns`: a table or a list of them.
    fn lines(&mut self, key: &Word, node: Node) -> Vec<RawLine> {
        let mut lines = Vec::new();
        for item in self.combinations(key, node, LINES) {
            let mut line = RawLine::bare(item.span);
            for (key, node) in item.bindings {
                match key.text.as_str() {
                    "label" => line.label = self.text(&key, &node),
                    "cell" => line.cell = self.text(&key, &node),
                    "metric" => line.metric = self.text(&key, &node),
                    "shows" => line.shows = self.text(&key, &node),
                    "reference" => line.reference = Some(node),
                    "best" => line.best = Some(self.combinations(&key, node, SEARCHED)),
                    "select" => line.select = self.text(&key, &node),
                    "compare" => line.compare = self.flag(&key, &node),
                    _ => line.bindings.push((key, node)),
                }
            }
            lines.push(line);
        }
        lines
    }

    /// Reads a table, or a list of at least one.
    fn combinations(&mut self, key: &Word, node: Node, what: Expected) -> Vec<RawCombination> {
        let items = match node.value {
            NodeValue::Table(bindings) => {
                return vec![RawCombination {
                    span: node.span,
                    bindings,
                }];
            }
            NodeValue::List(items) => items,
            NodeValue::Scalar(_) => {
                self.expected(key, node.span, what.whole);
                return Vec::new();
            }
        };
        if items.is_empty() && !what.may_be_empty {
            self.expected(key, node.span, "at least one table");
        }
        let mut combinations = Vec::with_capacity(items.len());
        for item in items {
            match item.value {
                NodeValue::Table(bindings) => combinations.push(RawCombination {
                    span: item.span,
                    bindings,
                }),
                _ => self.expected(key, item.span, what.item),
            }
        }
        combinations
    }
}

/// What to say where something else stands.
#[derive(Clone, Copy)]
struct Expected {
    whole: &'static str,
    item: &'static str,
    may_be_empty: bool,
}

const LINES: Expected = Expected {
    whole: "a list of tables: [{ label = \"…\", … }, …]",
    item: "tables: { label = \"…\", … }",
    may_be_empty: false,
};
const GRID: Expected = Expected {
    whole: "a table: { seed = [0, 1, 2] }",
    item: "tables: { seed = [0, 1, 2] }",
    may_be_empty: true,
};
const EXCLUDED: Expected = Expected {
    whole: "a list of tables: [{ variable = value, … }, …]",
    item: "tables: { variable = value, … }",
    may_be_empty: true,
};
const SEARCHED: Expected = Expected {
    whole: "a table: { lr = [1e-5, 3e-5], … }",
    item: "tables: { lr = [1e-5, 3e-5], … }",
    may_be_empty: true,
};

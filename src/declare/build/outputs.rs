//! Outputs: cells, lines, bindings, references.

use std::collections::BTreeMap;
use std::path::Path;

use contract::ArtifactType;
use serde_json::Map;

use super::Builder;
use crate::declare::grammar::{self, LINE};
use crate::declare::grid::Grid;
use crate::declare::model::{
    Definition, Line, LineReference, OutputDeclaration, ReferenceKey, StageId, VariableId,
};
use crate::declare::raw::{Node, NodeValue, RawAxes, RawLine, RawOutput, Word};
use crate::declare::reference::{Claims, Reference};
use crate::errors::{Diagnostic, did_you_mean, nearest};

/// The most places that the tables of a file may have together: beyond any use, short of exhausting the memory.
const MOST_PLACES: usize = 1_000_000;
/// The most places that a table may have, times the combinations that it leaves out: each is compared with each.
const MOST_COMPARED: usize = 20_000_000;
/// How many problems of one table are told: one mistake in a list of values shows in each of the lines that it makes.
const ENOUGH: usize = 100;

/// Whether a line is a row or a column.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Row,
    Column,
}

impl Builder<'_> {
    /// Refuses outputs of two kinds under one name: what they write would be one file.
    pub(super) fn check_names(&mut self, outputs: &[RawOutput]) {
        let mut known: BTreeMap<&str, &RawOutput> = BTreeMap::new();
        for output in outputs {
            let Some(first) = known.insert(&output.name.text, output) else {
                continue;
            };
            let [word, other] = [output, first].map(|output| output.kind.word);
            let message = format!("`{}` is a {other} and a {word}", output.name.text);
            self.problems.push(
                Diagnostic::new(message)
                    .at(self.source, output.name.span.clone(), "")
                    .at(self.source, first.name.span.clone(), "the first")
                    .help("their files would have one name: call one of them something else"),
            );
        }
    }

    /// Resolves an output. `replaced_by` is the profile in force, if its rows are the profile's.
    pub(super) fn output(
        &mut self,
        output: RawOutput,
        root: &Path,
        replaced_by: Option<&str>,
    ) -> OutputDeclaration {
        let before = self.problems.len();
        let RawOutput {
            kind,
            name,
            title,
            caption,
            reference,
            claims,
            cell,
            mut axes,
            options,
        } = output;
        let word = kind.word;
        if let Err(why) = super::names::check(&name.text) {
            let message = format!("`{}` cannot name a {word}", name.text);
            self.problem(message, name.span.clone(), why);
        }
        for (key, given) in [
            ("rows", axes.rows.is_some()),
            ("columns", axes.columns.is_some()),
        ] {
            if !given && kind.needs.contains(&key) {
                let message = format!("{word} `{}` has no `{key}`", name.text);
                let help = format!("write {key} = [{{ label = \"…\", … }}, …]");
                self.problem(message, name.span.clone(), help);
            }
        }
        // A kind of output that has no rows, or no columns, has one line that binds nothing.
        for (key, lines) in [("rows", &mut axes.rows), ("columns", &mut axes.columns)] {
            if lines.is_none() && !kind.needs.contains(&key) {
                *lines = Some(vec![RawLine::bare(name.span.clone())]);
            }
        }
        let references = reference
            .iter()
            .filter_map(|word| self.reference(word, root))
            .collect();
        let claims = self.claims(&claims, root);
        let compare = axes.compare.and_then(|node| self.comparison(&node));
        let before_rows = self.problems.len();
        let rows = self.lines(axes.rows.unwrap_or_default(), Side::Row);
        let has_all_rows = self.problems.len() == before_rows;
        let mut table = OutputDeclaration {
            kind,
            options,
            title: title.map_or_else(|| name.text.clone(), |title| title.text),
            caption: caption.map(|caption| caption.text),
            references,
            cell: cell.and_then(|cell| self.cell(&cell)),
            rows,
            columns: self.lines(axes.columns.unwrap_or_default(), Side::Column),
            over: self.grid(axes.over.unwrap_or_default()),
            exclude: self.combinations(axes.exclude.unwrap_or_default()),
            best: axes.best.map(|grid| self.grid(grid)),
            select_at: axes.select.as_ref().map(|select| select.span.clone()),
            select: axes.select.and_then(|select| self.selection(&select)),
            compare: None,
            claims,
            name,
        };
        self.count(&mut table);
        // A mistake in a row may be why none fits.
        if let Some(wanted) = compare.filter(|_| has_all_rows && !table.rows.is_empty()) {
            table.compare = self.compared(&wanted, &table.rows, replaced_by);
        }
        // A name that could not be resolved leaves holes that are not worth a second complaint.
        if self.problems.len() == before && !self.has_unknown_kinds {
            self.check_cells(&table);
            self.check_grids(&table);
        }
        // Whether a combination occurs cannot be said of a table with holes.
        if self.problems.len() > before || self.has_unknown_kinds {
            table.exclude.clear();
        }
        table
    }

    /// Counts the places of a table, and empties it where they are too many.
    fn count(&mut self, table: &mut OutputDeclaration) {
        let places = table.places();
        let before = self.places;
        self.places = before.saturating_add(places);
        let too_many = if self.places > MOST_PLACES {
            // The problem is told of the table with which the sum exceeds the limit, and of any other that exceeds it alone.
            (before <= MOST_PLACES || places > MOST_PLACES).then(|| {
                format!(
                    "with `{}` tables come to more than {MOST_PLACES} places: rows × columns × over × best",
                    table.name.text
                )
            })
        } else if places.saturating_mul(table.exclude.len()) > MOST_COMPARED {
            Some(format!(
                "`exclude` holds {} combinations, too many to compare with each of {places} places",
                table.exclude.len()
            ))
        } else {
            return;
        };
        if let Some(message) = too_many {
            let help = "bind fewer values";
            self.problem(message, table.name.span.clone(), help);
        }
        table.rows.clear();
        table.columns.clear();
        table.over = Grid::default();
        table.exclude.clear();
        table.best = None;
    }

    /// Checks axes that the profile in force does not use.
    pub(super) fn check_axes(&mut self, axes: &RawAxes) {
        let axes = axes.clone();
        self.lines(axes.rows.unwrap_or_default(), Side::Row);
        self.lines(axes.columns.unwrap_or_default(), Side::Column);
        self.grid(axes.over.unwrap_or_default());
        self.combinations(axes.exclude.unwrap_or_default());
        self.grid(axes.best.unwrap_or_default());
        if let Some(select) = axes.select {
            self.selection(&select);
        }
        if let Some(compare) = axes.compare {
            self.comparison(&compare);
        }
    }

    /// Resolves the name of a variable.
    pub(super) fn variable(&mut self, name: &Word) -> Option<VariableId> {
        self.variable_or(name, &[])
    }

    /// Resolves the name of a variable where some other words might have been meant.
    fn variable_or(&mut self, name: &Word, words: &'static [grammar::Key]) -> Option<VariableId> {
        let id = self.variable_ids.get(&name.text).copied();
        if id.is_none() {
            let known = self.variable_ids.keys().map(String::as_str);
            let help = match nearest(&name.text, grammar::names(words)) {
                Some(word) if nearest(&name.text, known.clone()).is_none() => {
                    format!("did you mean `{word}`?")
                }
                _ => self.no_variable(&name.text),
            };
            self.problem(
                format!("unknown variable `{}`", name.text),
                name.span.clone(),
                help,
            );
        }
        id
    }

    /// Resolves what a line binds.
    fn bindings(&mut self, bindings: &[(Word, Node)]) -> Vec<(VariableId, Definition)> {
        let mut bound = Vec::with_capacity(bindings.len());
        for (name, node) in bindings {
            if let Some(id) = self.variable_or(name, LINE) {
                bound.push((id, self.binding(node)));
            }
        }
        bound
    }

    fn lines(&mut self, lines: Vec<RawLine>, side: Side) -> Vec<Line> {
        let mut built = Vec::with_capacity(lines.len());
        for line in lines {
            let RawLine {
                span,
                label,
                cell,
                metric,
                shows,
                reference,
                best,
                select,
                compare,
                bindings,
            } = line;
            if let (Some(shows), Some(metric)) = (&shows, &metric) {
                let (message, help) = (
                    "a line shows a text or a score, and not both",
                    "leave out `metric` or `shows`",
                );
                self.problems.push(
                    Diagnostic::new(message)
                        .at(self.source, shows.span.clone(), "")
                        .at(self.source, metric.span.clone(), "")
                        .help(help),
                );
            }
            if let (Some(shows), Some(reference), Side::Column) = (&shows, &reference, side) {
                self.problems.push(
                    Diagnostic::new("a column of texts has no published values")
                        .at(self.source, reference.span.clone(), "")
                        .at(self.source, shows.span.clone(), "the texts")
                        .help("leave out `reference`"),
                );
            }
            let cell = cell.and_then(|cell| match &shows {
                Some(_) => self.stage_of(&cell),
                None => self.cell(&cell),
            });
            let select_at = select.as_ref().map(|select| select.span.clone());
            let select = select.and_then(|select| self.selection(&select));
            let before = self.problems.len();
            for bindings in self.multiply(&span, bindings) {
                if self.problems.len() > before + ENOUGH {
                    break;
                }
                let label = match &label {
                    Some(label) => self.filled(label, &bindings),
                    None => self.label_of(&bindings),
                };
                if !self.has_room(&span, label.len()) {
                    break;
                }
                built.push(Line {
                    label,
                    span: span.clone(),
                    cell,
                    metric: metric.clone(),
                    shows: shows.clone(),
                    reference: reference
                        .as_ref()
                        .and_then(|node| self.line_reference(node, side, &bindings)),
                    best: best.clone().map(|grid| self.grid(grid)),
                    select: select.clone(),
                    select_at: select_at.clone(),
                    compared: compare.unwrap_or(true),
                    bindings: self.bindings(&bindings),
                });
            }
        }
        built
    }

    /// Resolves `"@stage"`, a stage that has scores.
    fn cell(&mut self, cell: &Word) -> Option<StageId> {
        let id = self.stage_of(cell)?;
        let output = self.stages[id.0].signature.output;
        // A trained encoder carries the scores of its training.
        if !matches!(output, ArtifactType::Scores | ArtifactType::Encoder) {
            let message = format!("`{}` has no scores: it makes {output}", cell.text);
            let help = "a cell names a stage that makes scores";
            self.problem(message, cell.span.clone(), help);
        }
        Some(id)
    }

    /// Resolves `"@stage"`.
    fn stage_of(&mut self, cell: &Word) -> Option<StageId> {
        let found = cell
            .text
            .strip_prefix('@')
            .and_then(|name| self.stage_ids.get(name).copied());
        match found {
            Some(found) => found,
            None => {
                let known: Vec<_> = self
                    .stage_ids
                    .keys()
                    .map(|name| format!("@{name}"))
                    .collect();
                let known = known.iter().map(String::as_str);
                let help = did_you_mean(&cell.text, known, "stages");
                let message = format!("unknown stage `{}`", cell.text);
                self.problem(message, cell.span.clone(), help);
                None
            }
        }
    }

    /// Reads what a line is compared with: the key of a published column, or key columns of a published row.
    fn line_reference(
        &mut self,
        node: &Node,
        side: Side,
        bindings: &[(Word, Node)],
    ) -> Option<LineReference> {
        let span = node.span.clone();
        let filled = |builder: &mut Self, node: &Node| match &node.value {
            NodeValue::Scalar(value) => Some(builder.filled_value(value, &node.span, bindings)),
            _ => None,
        };
        let value = match (&node.value, side) {
            (NodeValue::Scalar(_), Side::Column) => filled(self, node)
                .and_then(|value| Some(ReferenceKey::Column(value.as_str()?.to_owned()))),
            (NodeValue::Table(entries), Side::Row) => entries
                .iter()
                .map(|(key, node)| Some((key.text.clone(), filled(self, node)?)))
                .collect::<Option<Map<_, _>>>()
                .map(ReferenceKey::Row),
            _ => None,
        };
        if value.is_none() {
            let (message, help) = match side {
                Side::Row => (
                    "a row's `reference` is a table",
                    "write reference = { m = 15 }",
                ),
                Side::Column => (
                    "a column's `reference` is a text",
                    "write reference = \"mnli\"",
                ),
            };
            self.problem(message.into(), span.clone(), help);
        }
        value.map(|value| LineReference { span, value })
    }

    fn reference(&mut self, word: &Word, root: &Path) -> Option<Reference> {
        match word.text.rsplit_once('#') {
            Some((file, id)) if !file.is_empty() && !id.is_empty() => Some(Reference {
                file: root.join(file),
                written: file.to_owned(),
                id: id.to_owned(),
                span: word.span.clone(),
            }),
            _ => {
                let message = "a reference is a file and the id of a table in it".to_owned();
                let help = "write reference = \"data/reference/FILE.toml#ID\"";
                self.problem(message, word.span.clone(), help);
                None
            }
        }
    }

    /// Resolves the files of claims.
    fn claims(&mut self, words: &[Word], root: &Path) -> Vec<Claims> {
        let mut claims: Vec<Claims> = Vec::with_capacity(words.len());
        for word in words {
            let file = root.join(&word.text);
            if word.text.is_empty() {
                let help = "write claims = \"data/claims/FILE.toml\"";
                self.problem("`claims` names a file".into(), word.span.clone(), help);
            } else if let Some(first) = claims.iter().find(|claims| claims.file == file) {
                self.problems.push(
                    Diagnostic::new(format!("`{}` is named twice", word.text))
                        .at(self.source, word.span.clone(), "")
                        .at(self.source, first.span.clone(), "the first")
                        .help("name a file of claims once"),
                );
            } else {
                claims.push(Claims {
                    file,
                    written: word.text.clone(),
                    span: word.span.clone(),
                });
            }
        }
        claims
    }

    /// Checks that row and column agree on what a cell is.
    fn check_cells(&mut self, table: &OutputDeclaration) {
        let mut binding_columns: BTreeMap<VariableId, Vec<&Line>> = BTreeMap::new();
        for column in &table.columns {
            for (id, _) in &column.bindings {
                binding_columns.entry(*id).or_default().push(column);
            }
        }
        for row in &table.rows {
            for (id, definition) in &row.bindings {
                let columns = binding_columns.get(id).map_or(&[][..], Vec::as_slice);
                let clash = columns.iter().find(|column| {
                    table.cell(row, column).is_some() && table.shown(row, column).is_some()
                });
                let Some(column) = clash else { continue };
                let name = self.name_of(*id);
                self.problems.push(
                    Diagnostic::new(format!("row and column both bind `{name}`"))
                        .at(
                            self.source,
                            definition.origin.span.clone(),
                            "the row says this",
                        )
                        .at(self.source, column.span.clone(), "this column binds it too")
                        .help("bind it in the rows or in the columns"),
                );
            }
        }
        let mut lines = table.rows.iter().chain(&table.columns);
        if table.references.is_empty()
            && let Some(reference) = lines.find_map(|line| line.reference.as_ref())
        {
            let message = "there is no published table to refer to".to_owned();
            let help = "give the table a reference = \"FILE#ID\"";
            self.problem(message, reference.span.clone(), help);
        }
        if table.cell.is_none() && table.kind.key("cell").is_some() {
            let bare_column = table.columns.iter().find(|column| column.cell.is_none());
            let bare_row = table.rows.iter().find(|row| row.cell.is_none());
            if let (Some(row), Some(_)) = (bare_row, bare_column) {
                let message = format!("{} `{}` has no `cell`", table.kind.word, table.name.text);
                self.problems.push(
                    Diagnostic::new(message)
                        .at(self.source, table.name.span.clone(), "")
                        .at(
                            self.source,
                            row.span.clone(),
                            "this row has none of its own",
                        )
                        .help("name the stage whose score fills the cells: cell = \"@stage\""),
                );
            }
        }
    }

    pub(super) fn name_of(&self, id: VariableId) -> String {
        let found = self.variable_ids.iter().find(|(_, other)| **other == id);
        found.map_or_else(String::new, |(name, _)| name.clone())
    }
}

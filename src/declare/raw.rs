//! The first step: TOML text to tables whose every key and value knows its place.
//!
//! This is syntax only: which keys exist at which level and what shape they have. Names are not resolved, nothing is
//! looked up. A hand-written walk over the parsed document instead of serde, since a derived deserialiser stops at
//! the first mistake.

mod axes;

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::grammar::{self, Key, OutputKind, PROFILE, REPLACEABLE, SECTIONS, Takes};
use crate::errors::{Diagnostic, Source, did_you_mean};

/// A key or a text value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    pub(crate) span: Range<usize>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum NodeValue {
    Scalar(Value),
    List(Vec<Node>),
    Table(Vec<(Word, Node)>),
}

/// The whole file.
#[derive(Default)]
pub(super) struct RawFile {
    pub(super) variables: Vec<(Word, Node)>,
    pub(super) stages: Vec<RawStage>,
    pub(super) outputs: Vec<RawOutput>,
    pub(super) groups: Vec<RawGroup>,
    pub(super) profiles: Vec<RawProfile>,
}

impl RawFile {
    /// Returns whether nothing at all is declared.
    pub(super) fn is_empty(&self) -> bool {
        self.variables.is_empty()
            && self.stages.is_empty()
            && self.outputs.is_empty()
            && self.groups.is_empty()
            && self.profiles.is_empty()
    }
}

/// `[stage.NAME]`.
pub(super) struct RawStage {
    pub(super) name: Word,
    pub(super) kind: Option<Word>,
    pub(super) fields: Vec<(Word, Node)>,
}

/// `[KIND.NAME]`.
pub(super) struct RawOutput {
    pub(super) kind: &'static OutputKind,
    pub(super) name: Word,
    pub(super) title: Option<Word>,
    pub(super) caption: Option<Word>,
    pub(super) reference: Vec<Word>,
    pub(super) claims: Vec<Word>,
    pub(super) cell: Option<Word>,
    pub(super) axes: RawAxes,
    /// The values of the keys that this kind of output has alone.
    pub(super) options: Map<String, Value>,
}

/// The parts of an output that a profile may replace.
#[derive(Clone, Default)]
pub(super) struct RawAxes {
    pub(super) rows: Option<Vec<RawLine>>,
    pub(super) columns: Option<Vec<RawLine>>,
    pub(super) over: Option<RawGrid>,
    pub(super) exclude: Option<Vec<RawCombination>>,
    pub(super) best: Option<RawGrid>,
    pub(super) select: Option<Word>,
    pub(super) compare: Option<Node>,
}

/// A row or a column, or several: a list of values stands for a line of each.
#[derive(Clone)]
pub(super) struct RawLine {
    pub(super) span: Range<usize>,
    pub(super) label: Option<Word>,
    pub(super) cell: Option<Word>,
    pub(super) metric: Option<Word>,
    pub(super) shows: Option<Word>,
    pub(super) reference: Option<Node>,
    pub(super) best: Option<RawGrid>,
    pub(super) select: Option<Word>,
    pub(super) compare: Option<bool>,
    pub(super) bindings: Vec<(Word, Node)>,
}

impl RawLine {
    /// A line that says nothing.
    pub(super) fn bare(span: Range<usize>) -> Self {
        Self {
            span,
            label: None,
            cell: None,
            metric: None,
            shows: None,
            reference: None,
            best: None,
            select: None,
            compare: None,
            bindings: Vec::new(),
        }
    }
}

/// Tables of variable → values, and where each stands.
pub(super) type RawGrid = Vec<RawCombination>;

/// A table of variable → value, or values.
#[derive(Clone)]
pub(super) struct RawCombination {
    pub(super) span: Range<usize>,
    pub(super) bindings: Vec<(Word, Node)>,
}

/// `[group.NAME]`.
pub(super) struct RawGroup {
    pub(super) name: Word,
    pub(super) title: Option<Word>,
    pub(super) tables: Vec<Word>,
}

/// `[profile.NAME]`.
pub(super) struct RawProfile {
    pub(super) name: Word,
    pub(super) default: bool,
    pub(super) extends: Option<Word>,
    pub(super) variables: Vec<(Word, Node)>,
    pub(super) outputs: Vec<RawReplaced>,
}

/// What a profile replaces of an output.
pub(super) struct RawReplaced {
    pub(super) kind: &'static OutputKind,
    pub(super) name: Word,
    pub(super) axes: RawAxes,
}

/// Reads a file. What could be understood is returned even where there are problems.
pub(super) fn read(source: &Arc<Source>, problems: &mut Vec<Diagnostic>) -> RawFile {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader { source, problems };
    if !errors.is_empty() {
        for error in errors {
            // A byte past the end cannot carry a caret.
            let end = source.text.trim_end().len();
            let span = error.span().unwrap_or(end..end);
            let message = error.message().trim_end().replace('\n', ", ");
            let message = format!("this is not TOML: {message}");
            let help = percentage(&source.text, span.start);
            let problem = Diagnostic::new(message).at(source, span, "");
            reader.problems.push(problem.maybe_help(help));
        }
        // The parser goes on after a mistake by guessing: what it says of the rest of the file misleads, and is not reported.
        return RawFile::default();
    }
    reader.file(document.get_ref())
}

/// Guesses what was meant by a percentage on the line of a byte: `m = 40%`.
fn percentage(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next()?;
    let (_, value) = line.split_once('=')?;
    let value = value.split('#').next()?.trim();
    let number = value.strip_suffix('%')?.trim_end();
    let is_number = number
        .parse::<f64>()
        .is_ok_and(|number| (0.0..=100.0).contains(&number));
    is_number
        .then(|| contract::hundredth(number))
        .flatten()
        .map(|share| format!("did you mean {share}?"))
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn file(&mut self, document: &DeTable<'_>) -> RawFile {
        let mut file = RawFile::default();
        for (key, value) in entries(document) {
            match key.text.as_str() {
                "vars" => file.variables = self.table_of(&key, value),
                "stage" => {
                    for (name, value) in self.named(&key, value) {
                        file.stages.push(self.stage(name, value));
                    }
                }
                "group" => {
                    for (name, value) in self.named(&key, value) {
                        file.groups.push(self.group(name, value));
                    }
                }
                "profile" => {
                    for (name, value) in self.named(&key, value) {
                        file.profiles.push(self.profile(name, value));
                    }
                }
                word => match grammar::outputs().find(|kind| kind.word == word) {
                    Some(kind) => {
                        for (name, value) in self.named(&key, value) {
                            file.outputs.push(self.output(kind, name, value));
                        }
                    }
                    None => self.unknown(&key, SECTIONS, "a pipeline file has"),
                },
            }
        }
        file
    }

    fn stage(&mut self, name: Word, value: &Spanned<DeValue<'_>>) -> RawStage {
        let mut kind = None;
        let mut fields = Vec::new();
        let mut has_use = false;
        for (key, node) in self.table_of(&name, value) {
            if key.text == "use" {
                has_use = true;
                kind = self.text(&key, &node);
            } else {
                fields.push((key, node));
            }
        }
        if !has_use {
            self.problems.push(
                Diagnostic::new(format!("stage `{}` has no `use`", name.text))
                    .at(self.source, name.span.clone(), "")
                    .help("name its kind: use = \"…\"; `pipe list` shows the kinds"),
            );
        }
        RawStage { name, kind, fields }
    }

    fn output(
        &mut self,
        kind: &'static OutputKind,
        name: Word,
        value: &Spanned<DeValue<'_>>,
    ) -> RawOutput {
        let entries = self.table_of(&name, value);
        let mut output = RawOutput {
            kind,
            name,
            title: None,
            caption: None,
            reference: Vec::new(),
            claims: Vec::new(),
            cell: None,
            axes: RawAxes::default(),
            options: Map::new(),
        };
        for (key, node) in entries {
            let Some(known) = kind.key(&key.text) else {
                self.unknown(&key, kind.keys, &format!("a {} has", kind.word));
                continue;
            };
            match known.name {
                "title" => output.title = self.text(&key, &node),
                "caption" => output.caption = self.text(&key, &node),
                "cell" => output.cell = self.text(&key, &node),
                "reference" => output.reference = self.texts(&key, &node),
                "claims" => output.claims = self.texts(&key, &node),
                word if REPLACEABLE.contains(&word) => self.axis(&key, node, &mut output.axes),
                word => {
                    if let Some(value) = self.option(&key, &node, known.takes) {
                        output.options.insert(word.to_owned(), value);
                    }
                }
            }
        }
        output
    }

    /// Reads the value of a key that only one kind of output has: a text, texts, or a truth value.
    fn option(&mut self, key: &Word, node: &Node, takes: Takes) -> Option<Value> {
        match takes {
            Takes::Texts | Takes::Names => {
                let texts = self.texts(key, node).into_iter();
                Some(texts.map(|word| Value::from(word.text)).collect())
            }
            Takes::Flag => self.flag(key, node).map(Value::from),
            _ => Some(Value::from(self.text(key, node)?.text)),
        }
    }

    /// Reads what a profile replaces of an output.
    fn replaced(
        &mut self,
        kind: &'static OutputKind,
        name: Word,
        value: &Spanned<DeValue<'_>>,
    ) -> RawReplaced {
        let mut axes = RawAxes::default();
        let replaceable = |name: &&str| kind.key(name).is_some();
        let replaceable = REPLACEABLE.iter().copied().filter(replaceable);
        for (key, node) in self.table_of(&name, value) {
            if replaceable.clone().any(|name| name == key.text) {
                self.axis(&key, node, &mut axes);
            } else {
                let about = format!("a profile may replace these of a {}:", kind.word);
                self.unknown_of(&key, replaceable.clone(), &about);
            }
        }
        RawReplaced { kind, name, axes }
    }

    fn group(&mut self, name: Word, value: &Spanned<DeValue<'_>>) -> RawGroup {
        let entries = self.table_of(&name, value);
        let mut group = RawGroup {
            name,
            title: None,
            tables: Vec::new(),
        };
        let mut has_tables = false;
        for (key, node) in entries {
            match key.text.as_str() {
                "title" => group.title = self.text(&key, &node),
                "tables" => {
                    has_tables = true;
                    match &node.value {
                        NodeValue::List(items) if !items.is_empty() => {
                            group.tables = self.texts(&key, &node);
                        }
                        _ => self.expected(&key, node.span, "a list of names: [\"TABLE\", …]"),
                    }
                }
                _ => self.unknown(&key, grammar::GROUP, "a group has"),
            }
        }
        if !has_tables {
            self.problems.push(
                Diagnostic::new(format!("group `{}` has no `tables`", group.name.text))
                    .at(self.source, group.name.span.clone(), "")
                    .help("write tables = [\"TABLE\", …]"),
            );
        }
        group
    }

    fn profile(&mut self, name: Word, value: &Spanned<DeValue<'_>>) -> RawProfile {
        let entries = self.named(&name, value);
        let mut profile = RawProfile {
            name,
            default: false,
            extends: None,
            variables: Vec::new(),
            outputs: Vec::new(),
        };
        for (key, value) in entries {
            match key.text.as_str() {
                "default" => match value.get_ref().as_bool() {
                    Some(default) => profile.default = default,
                    None => self.expected(&key, value.span(), "true or false"),
                },
                "extends" => {
                    profile.extends = self.node(value).and_then(|node| self.text(&key, &node));
                }
                "vars" => profile.variables = self.table_of(&key, value),
                word => match grammar::outputs().find(|kind| kind.word == word) {
                    Some(kind) => {
                        for (name, value) in self.named(&key, value) {
                            profile.outputs.push(self.replaced(kind, name, value));
                        }
                    }
                    None => self.unknown(&key, PROFILE, "a profile has"),
                },
            }
        }
        profile
    }

    fn text(&mut self, key: &Word, node: &Node) -> Option<Word> {
        match &node.value {
            NodeValue::Scalar(Value::String(text)) => Some(Word {
                text: text.clone(),
                span: node.span.clone(),
            }),
            _ => {
                self.expected(key, node.span.clone(), "a text");
                None
            }
        }
    }

    fn flag(&mut self, key: &Word, node: &Node) -> Option<bool> {
        match &node.value {
            NodeValue::Scalar(Value::Bool(flag)) => Some(*flag),
            _ => {
                self.expected(key, node.span.clone(), "true or false");
                None
            }
        }
    }

    fn texts(&mut self, key: &Word, node: &Node) -> Vec<Word> {
        match &node.value {
            NodeValue::List(items) => items
                .iter()
                .filter_map(|item| self.text(key, item))
                .collect(),
            _ => self.text(key, node).into_iter().collect(),
        }
    }

    /// Reads a table of named tables.
    fn named<'t, 'i>(
        &mut self,
        key: &Word,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Vec<(Word, &'t Spanned<DeValue<'i>>)> {
        let Some(table) = value.get_ref().as_table() else {
            self.expected(key, value.span(), "a table");
            return Vec::new();
        };
        entries(table).collect()
    }

    fn table_of(&mut self, key: &Word, value: &Spanned<DeValue<'_>>) -> Vec<(Word, Node)> {
        let mut nodes = Vec::new();
        for (key, value) in self.named(key, value) {
            nodes.extend(self.node(value).map(|node| (key, node)));
        }
        nodes
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Node> {
        let span = value.span();
        let value = match value.get_ref() {
            DeValue::Table(table) => {
                let mut nodes = Vec::new();
                for (key, value) in entries(table) {
                    nodes.extend(self.node(value).map(|node| (key, node)));
                }
                NodeValue::Table(nodes)
            }
            DeValue::Array(items) => {
                NodeValue::List(items.iter().filter_map(|item| self.node(item)).collect())
            }
            other => match scalar(other) {
                Ok(value) => NodeValue::Scalar(value),
                Err(message) => {
                    self.problems
                        .push(Diagnostic::new(message).at(self.source, span, ""));
                    return None;
                }
            },
        };
        Some(Node { value, span })
    }

    fn expected(&mut self, key: &Word, span: Range<usize>, what: &str) {
        self.problems
            .push(Diagnostic::new(format!("`{}` takes {what}", key.text)).at(
                self.source,
                span,
                "",
            ));
    }

    fn unknown(&mut self, key: &Word, known: &'static [Key], about: &str) {
        self.unknown_of(key, grammar::names(known), about);
    }

    fn unknown_of(
        &mut self,
        key: &Word,
        known: impl Iterator<Item = &'static str> + Clone,
        about: &str,
    ) {
        let help = match crate::errors::nearest(&key.text, known.clone()) {
            Some(_) => did_you_mean(&key.text, known, "keys"),
            None => format!("{about} {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.problems.push(
            Diagnostic::new(format!("unknown key `{}`", key.text))
                .at(self.source, key.span.clone(), "")
                .help(help),
        );
    }
}

fn entries<'t, 'i>(
    table: &'t DeTable<'i>,
) -> impl Iterator<Item = (Word, &'t Spanned<DeValue<'i>>)> {
    table.iter().map(|(key, value)| {
        (
            Word {
                text: key.get_ref().to_string(),
                span: key.span(),
            },
            value,
        )
    })
}

/// Returns a scalar as JSON, or why it cannot be a value.
pub(super) fn scalar(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::String(text) => Ok(Value::from(text.as_ref())),
        DeValue::Boolean(value) => Ok(Value::from(*value)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| "a whole number must fit into 64 bits".to_owned()),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::from(number)),
            _ => Err("a number must be finite".to_owned()),
        },
        DeValue::Datetime(_) => Err("a date is no value here: write it as text".to_owned()),
        DeValue::Array(_) | DeValue::Table(_) => Err("expected a single value".to_owned()),
    }
}

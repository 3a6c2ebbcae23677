use serde_json::{Value, json};

use crate::{ArtifactType, OutputFile};

/// A stage kind, declared as data.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The name in `use = "…"`.
    pub kind: &'static str,
    /// The behaviour version: raised whenever the same parameters and inputs give other bytes than before. Part of
    /// every key.
    pub version: u32,
    /// One sentence for `pipe list` and the documentation.
    pub about: &'static str,
    /// Parameters and inputs, in the order in which the documentation shows them.
    pub fields: &'static [Field],
    /// What the stage writes, unless a field of [`FieldType::Output`] says otherwise.
    pub output: ArtifactType,
    /// Whether floating-point arithmetic of the encoder decides the result, so that the numerics class is keyed.
    pub numeric: bool,
    /// The files of the artifact, in the order in which the documentation shows them.
    pub files: &'static [OutputFile],
}

impl Signature {
    /// Returns the declared field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether a file of an artifact of that type goes along where results travel without their weight: if it is documented as
    /// light. Of files that nobody documents by name, as what a program of the user's leaves, those of type `scores` do.
    pub fn is_light(&self, path: &str, output: ArtifactType) -> bool {
        let mut files = self.files.iter();
        match files.find(|file| file.is_at(path)) {
            Some(file) if file.path != "*" => file.light,
            _ => output == ArtifactType::Scores,
        }
    }
}

/// A parameter or an input of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key in `pipeline.toml`.
    pub name: &'static str,
    /// What it takes.
    pub takes: FieldType,
    /// What holds when it is left out.
    pub default: Default,
    /// One sentence, with the unit.
    pub about: &'static str,
}

/// What a field takes. Ranges include both ends.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest legal value.
        min: i64,
        /// Largest legal value.
        max: i64,
    },
    /// A finite number; whole numbers are taken too.
    Number {
        /// Smallest legal value.
        min: f64,
        /// Largest legal value.
        max: f64,
    },
    /// Any text.
    Text,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A nested table.
    Table(&'static [Field]),
    /// An artifact: `"@stage"`, `"@stage/sub/folder"`, or a path to files of that type.
    Input(ArtifactType),
    /// A list of texts. Numbers and truth values are taken as text, in one form.
    TextList,
    /// A table of texts under names of the user's. Numbers and truth values are taken as text, in one form.
    TextTable,
    /// A table of artifacts of any type under names of the user's, which become the names of the job's inputs. As a
    /// parameter it is the list of those names, sorted. A kind has one such field, and then no [`FieldType::Input`].
    Inputs,
    /// A list of [`Patterns`](crate::Patterns): which files of the inputs do not belong to them. It decides what the inputs
    /// are, and so it is no parameter: keys know of it through the inputs alone, and the stage never sees it.
    Ignore,
    /// What the stage makes, in the place of the signature's `output`: one of these types, by name. The file fixes it: a
    /// variable cannot, since edges are checked against it before any variable is bound.
    Output(&'static [ArtifactType]),
}

/// What holds when a field is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// Leaving it out is an error.
    Required,
    /// The stage sees no value (JSON `null`; no input). An empty text is no value either, unless the field takes any text.
    Absent,
    /// As `Absent`, and then no key knows of the field: so a kind can take a new one and keep the results that it has.
    Omitted,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text or a choice.
    Text(&'static str),
    /// A table of which every field has a default, or an empty one.
    Table,
    /// An empty list.
    List,
}

impl Default {
    /// Returns the value to fill in, or `None` where there is none (`Required`, `Table`).
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Required | Self::Table => None,
            Self::Absent | Self::Omitted => Some(Value::Null),
            Self::Bool(value) => Some(json!(value)),
            Self::Integer(value) => Some(json!(value)),
            Self::Number(value) => Some(json!(value)),
            Self::Text(value) => Some(json!(value)),
            Self::List => Some(json!([])),
        }
    }
}

impl FieldType {
    /// Whether a field of this type is a parameter: part of every key and shown to the stage. Inputs are edges, and enter keys
    /// by their content.
    pub fn is_parameter(self) -> bool {
        !matches!(self, Self::Input(_) | Self::Ignore)
    }

    /// Describes what is legal, for messages: `a number from 0 to 1`.
    pub fn describe(&self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Integer { min, max } => match (*min, *max) {
                (i64::MIN, i64::MAX) => "a whole number".into(),
                (min, i64::MAX) => format!("a whole number of at least {min}"),
                (min, max) => format!("a whole number from {min} to {max}"),
            },
            Self::Number { min, max } => match (*min, *max) {
                (f64::MIN, f64::MAX) => "a number".into(),
                (min, f64::MAX) => format!("a number of at least {min}"),
                (min, max) => format!("a number from {min} to {max}"),
            },
            Self::Text => "a text".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Table(_) => "a table".into(),
            Self::Input(kind) => format!("an artifact of type {kind}: \"@stage\" or a path"),
            Self::TextList => "a list of texts: [\"…\", …]".into(),
            Self::Ignore => "a list of patterns: [\"*.log\", \"runs/\"]".into(),
            Self::TextTable => "a table of texts: { NAME = \"…\", … }".into(),
            Self::Inputs => {
                "a table of artifacts and files: { name = \"@stage\", … }, or paths".into()
            }
            Self::Output(types) => {
                let names: Vec<_> = types.iter().map(|kind| kind.name()).collect();
                format!("one of {}", names.join(", "))
            }
        }
    }
}

use serde_json::{Map, Value, json};

use crate::{ArtifactType, OutputFile, Params};

/// A stage kind, declared as data.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The name in `use = "…"`.
    pub kind: &'static str,
    /// The behaviour version, part of every key: it is raised whenever the same parameters and inputs give other bytes than
    /// before.
    pub version: u32,
    /// One sentence for `pipe list` and the documentation.
    pub about: &'static str,
    /// Parameters and inputs, in the order in which the documentation shows them.
    pub fields: &'static [Field],
    /// What the stage writes, unless a field of [`FieldType::Output`] says otherwise.
    pub output: ArtifactType,
    /// Returns the numerics class of a job, which is keyed; `None` for a kind whose results no floating-point kernel
    /// decides.
    pub numerics: Option<NumericsOf>,
    /// The files of the artifact, in the order in which the documentation shows them.
    pub files: &'static [OutputFile],
}

/// Returns the numerics class of a job with these complete parameters on that device. Jobs of one class do the same
/// floating-point work and get the same bits.
pub type NumericsOf = fn(&Params, Device) -> &'static str;

/// The kind of hardware that does a job's arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    Cpu,
}

impl Signature {
    /// Returns the declared field called `name`.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether the file at `path` of an artifact of that type enters a thin archive: a documented file if it is marked as light. A
    /// file that no signature documents, such as one that a user's program writes, enters it where the type is `scores`.
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
    /// The type of its value.
    pub takes: FieldType,
    /// The value that holds when the field is left out.
    pub default: FieldDefault,
    /// One sentence, with the unit.
    pub about: &'static str,
    /// How the field enters keys.
    pub key: KeyPolicy,
    /// The field's name in keys. It is frozen: renaming the field for people does not change it.
    pub keyed_as: &'static str,
    /// The field's earlier name, which is still accepted.
    pub formerly: Option<&'static str>,
}

impl Field {
    /// A field that always enters keys, under its name.
    pub const fn new(
        name: &'static str,
        takes: FieldType,
        default: FieldDefault,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            takes,
            default,
            about,
            key: KeyPolicy::Always,
            keyed_as: name,
            formerly: None,
        }
    }

    /// The field, with an earlier name that is still accepted.
    #[must_use]
    pub const fn formerly(self, name: &'static str) -> Self {
        Self {
            formerly: Some(name),
            ..self
        }
    }

    /// Whether `name` is the field's name, present or earlier.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.formerly == Some(name)
    }

    /// The field, which enters keys as `policy` says.
    #[must_use]
    pub const fn keyed(self, policy: KeyPolicy) -> Self {
        Self {
            key: policy,
            ..self
        }
    }

    /// The field, which enters keys under another name.
    #[must_use]
    pub const fn keyed_as(self, name: &'static str) -> Self {
        Self {
            keyed_as: name,
            ..self
        }
    }
}

/// Joins the fields of a kind with fields that several kinds share. `N` is the number of all fields.
pub const fn joined<const N: usize>(parts: &[&[Field]]) -> [Field; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut place = 0;
        while place < parts[part].len() {
            all[at] = parts[part][place];
            place += 1;
            at += 1;
        }
        part += 1;
    }
    assert!(at == N, "as many fields as there is room for");
    all
}

/// How a parameter enters keys. Whatever the policy, two sets of parameters with one key must give the same artifact, byte for
/// byte.
#[derive(Clone, Copy, Debug)]
pub enum KeyPolicy {
    /// The parameter's value enters keys.
    Always,
    /// The parameter never enters keys, since it can change no byte of the artifact: for example how often checkpoints are saved.
    Never,
    /// The parameter's value enters keys unless it is this neutral one. For a field that was added later: earlier artifacts were
    /// made as the neutral value says, and keep their keys. A table is left out where all its fields are.
    Unless(FieldDefault),
    /// The parameter's value enters keys if the function, given the complete parameters of the same table, returns true.
    If(fn(&Map<String, Value>) -> bool),
    /// This value enters keys whatever the parameter's value is. For a field that can change no byte but used to be keyed.
    As(FieldDefault),
}

/// The type of a field's value. Ranges include both ends.
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
    /// A single value, or a table whose first field takes such a value. A table whose other fields all have their defaults is
    /// that value: both are one parameter.
    OrTable {
        /// The type of the single value.
        single: &'static FieldType,
        /// The fields of the table.
        table: &'static [Field],
    },
    /// An artifact: `"@stage"`, `"@stage/sub/folder"`, or a path to files of that type.
    Input(ArtifactType),
    /// A list of texts. Numbers and truth values are taken as text, in one form.
    TextList,
    /// A list of whole numbers, which is sorted, each once.
    IntegerSet {
        /// Smallest legal number.
        min: i64,
        /// Largest legal number.
        max: i64,
    },
    /// A table of texts under names of the user's. Numbers and truth values are taken as text, in one form.
    TextTable,
    /// A table of artifacts of any type under names of the user's, which become the names of the job's inputs. As a
    /// parameter it is the list of those names, sorted. A kind has one such field, and then no [`FieldType::Input`].
    Inputs,
    /// A list of [`Patterns`](crate::Patterns) of files that do not belong to the inputs. The list is no parameter: keys know of
    /// it only through the contents of the inputs, and the stage never sees it.
    Ignore,
    /// The type of the artifact, in place of the signature's `output`: the name of one of these types. It cannot be a variable,
    /// since edges are checked against the type before any variable is bound.
    Output(&'static [ArtifactType]),
}

/// The value that holds when a field is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldDefault {
    /// Leaving it out is an error.
    Required,
    /// The stage sees no value (JSON `null`; no input). An empty text is no value either, unless the field takes any text.
    Absent,
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

impl FieldDefault {
    /// Returns the value to fill in, or `None` where there is none (`Required`, `Table`).
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Required | Self::Table => None,
            Self::Absent => Some(Value::Null),
            Self::Bool(value) => Some(json!(value)),
            Self::Integer(value) => Some(json!(value)),
            Self::Number(value) => Some(json!(value)),
            Self::Text(value) => Some(json!(value)),
            Self::List => Some(json!([])),
        }
    }
}

impl FieldType {
    /// Returns the fields of the table that this takes, if it takes one.
    pub fn table(self) -> Option<&'static [Field]> {
        match self {
            Self::Table(fields) | Self::OrTable { table: fields, .. } => Some(fields),
            _ => None,
        }
    }

    /// Whether a field of this type is a parameter, which the stage sees and which enters keys as its [`KeyPolicy`] says. Inputs
    /// are edges, and enter keys by their content.
    pub fn is_parameter(self) -> bool {
        !matches!(self, Self::Input(_) | Self::Ignore)
    }

    /// Describes what is legal, for messages: `a number from 0 to 1`.
    pub fn describe(&self) -> String {
        match self {
            Self::OrTable { single, table } => {
                let names: Vec<_> = table.iter().map(|field| field.name).collect();
                let names = names.join(" = …, ");
                format!("{}, or a table {{ {names} = … }}", single.describe())
            }
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
            Self::IntegerSet { min, max } => {
                format!("a list of whole numbers from {min} to {max}: [1000, 2000]")
            }
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

use serde_json::{Map, Value, json};

use crate::{ArtifactType, OutputFile, Params};

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
    /// Which arithmetic decides the result, so that its class is keyed; `None` where no floating-point kernel does.
    pub numerics: Option<NumericsOf>,
    /// The files of the artifact, in the order in which the documentation shows them.
    pub files: &'static [OutputFile],
}

/// Returns the numerics class of a job with these complete parameters on that device: two jobs of one class do the same
/// floating-point work with the same bits.
pub type NumericsOf = fn(&Params, Device) -> &'static str;

/// What does a job's arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// Processors.
    Cpu,
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
    pub default: FieldDefault,
    /// One sentence, with the unit.
    pub about: &'static str,
    /// Whether keys know of it.
    pub key: KeyPolicy,
    /// Its name in keys. It stays what it was when the field is given another name for people.
    pub keyed_as: &'static str,
    /// What it was called before, which is understood as well.
    pub formerly: Option<&'static str>,
}

impl Field {
    /// A field that keys know of by its name.
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

    /// The field, which was called otherwise before.
    #[must_use]
    pub const fn formerly(self, name: &'static str) -> Self {
        Self {
            formerly: Some(name),
            ..self
        }
    }

    /// Whether that is its name, or was.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.formerly == Some(name)
    }

    /// The field, of which keys know as `policy` says.
    #[must_use]
    pub const fn keyed(self, policy: KeyPolicy) -> Self {
        Self {
            key: policy,
            ..self
        }
    }

    /// The field, of which keys know by another name.
    #[must_use]
    pub const fn keyed_as(self, name: &'static str) -> Self {
        Self {
            keyed_as: name,
            ..self
        }
    }
}

/// Joins the fields of a kind with those that it has in common with others. `N` is their number.
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

/// What keys know of a parameter. Whatever the policy, parameters that give one key must give one artifact, byte for byte.
#[derive(Clone, Copy, Debug)]
pub enum KeyPolicy {
    /// Its value.
    Always,
    /// Nothing: it can change no byte of what the stage makes. Cadences are such, of checkpoints and of progress.
    Never,
    /// Its value, unless that is this one: the field came later, and what was made before was made as this value says. A table is
    /// left out where all in it is.
    Unless(FieldDefault),
    /// Its value, if this holds of the complete parameters beside it; else nothing.
    If(fn(&Map<String, Value>) -> bool),
    /// This value, whatever it has: it can change no byte, and has been keyed once.
    As(FieldDefault),
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
    /// A list of [`Patterns`](crate::Patterns): which files of the inputs do not belong to them. It decides what the inputs
    /// are, and so it is no parameter: keys know of it through the inputs alone, and the stage never sees it.
    Ignore,
    /// What the stage makes, in the place of the signature's `output`: one of these types, by name. The file fixes it: a
    /// variable cannot, since edges are checked against it before any variable is bound.
    Output(&'static [ArtifactType]),
}

/// What holds when a field is left out.
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
    /// Whether a field of this type is a parameter: shown to the stage, and in keys as its [`KeyPolicy`] says. Inputs are edges,
    /// and enter keys by their content.
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

//! The words of the grammar: every key of a pipeline file that is not a name of the user's, with what it takes. The
//! reader knows keys by these tables, and the schema for editors is made of them.

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    /// One sentence.
    pub(crate) about: &'static str,
    /// Whether leaving it out is a mistake wherever its table stands.
    pub(crate) required: bool,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    /// Any text.
    Text,
    /// What a job needs of the machine.
    Resources,
    /// One of the program's stage kinds.
    Kind,
    /// One text, or a list of them.
    Texts,
    /// A list of texts, at least one.
    Names,
    /// `true` or `false`.
    Flag,
    /// `"@stage"`.
    Stage,
    /// `"METRIC@SPLIT"`.
    Selection,
    /// Rows or columns: a table, or a list of tables.
    Lines,
    /// Variable → list of values, or a list of such tables.
    Grid,
    /// Variable → value, or a list of such tables.
    Combinations,
    /// The name of a published column, or the keys of a published row.
    Reference,
    /// `false`, or the keys of a comparison.
    Comparison,
    /// A row's label, or values that it binds.
    Row,
    /// A whole number, both bounds included; the largest stands for no upper bound.
    Whole { min: i64, max: i64 },
    /// A number between two others.
    Between { above: f64, below: f64 },
    /// Variable → value.
    Variables,
    /// Name → a stage, by its kind.
    Stages,
    /// Name → what the keys describe.
    Named(&'static [Key]),
    /// Name → an output of that kind.
    Output(&'static OutputKind),
    /// Name → the keys of an output of that kind that a profile may replace.
    Replaced(&'static OutputKind),
}

pub(crate) const fn key(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key {
        name,
        takes,
        about,
        required: false,
    }
}

const fn required(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key {
        required: true,
        ..key(name, takes, about)
    }
}

/// The sections of a file.
pub(crate) const SECTIONS: &[Key] = &[
    key(
        "vars",
        Takes::Variables,
        "The knobs that an experiment may turn, each with its default.",
    ),
    key(
        "stage",
        Takes::Stages,
        "Steps that turn inputs into an artifact each.",
    ),
    key(
        "table",
        Takes::Output(&TABLE),
        "Rows and columns of cells, each a score of a stage.",
    ),
    key(
        "group",
        Takes::Named(GROUP),
        "Tables that are asked for together: `pipe run group:NAME`.",
    ),
    key(
        "profile",
        Takes::Named(PROFILE),
        "The same experiments at another size.",
    ),
];

/// The keys that every stage has besides those of its kind.
pub(crate) const STAGE: &[Key] = &[
    required(
        "use",
        Takes::Kind,
        "The kind of stage; `pipe list` shows them.",
    ),
    key(
        "resources",
        Takes::Resources,
        "What each job needs of the machine; it changes no result.",
    ),
];

/// A kind of output: what a section declares by name, and `WORD:NAME` asks for. An output shows cells. The keys `cell`, `rows`,
/// `columns`, `over`, `exclude`, `best` and `select` say which cells and so which jobs there are, `compare` and `claims` what is
/// asked of their results, as far as the kind has these keys. The values of all its other keys are handed on as they are written.
#[derive(Debug)]
pub(crate) struct OutputKind {
    /// The section, and the prefix of targets.
    pub(crate) word: &'static str,
    pub(crate) keys: &'static [Key],
    /// The keys that must be there, in the file or in the profile.
    pub(crate) needs: &'static [&'static str],
}

impl OutputKind {
    /// Returns the key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Returns all kinds of outputs.
pub(crate) fn outputs() -> impl Iterator<Item = &'static OutputKind> + Clone {
    let declared = SECTIONS.iter().filter_map(|key| match key.takes {
        Takes::Output(kind) => Some(kind),
        _ => None,
    });
    #[cfg(test)]
    let declared = declared.chain([&crate::test_support::LISTING]);
    declared
}

/// Rows × columns of cells, printed and written as a table.
pub(crate) static TABLE: OutputKind = OutputKind {
    word: "table",
    keys: TABLE_KEYS,
    needs: &["rows", "columns"],
};

/// The keys of a table.
const TABLE_KEYS: &[Key] = &[
    key(
        "title",
        Takes::Text,
        "What the table shows, for the line above it.",
    ),
    key(
        "caption",
        Takes::Text,
        "Sentences that stand below the table.",
    ),
    key(
        "reference",
        Takes::Texts,
        "The published tables that the cells are compared with: \"FILE#ID\".",
    ),
    key(
        "cell",
        Takes::Stage,
        "The stage whose score fills the cells: \"@stage\".",
    ),
    key(
        "over",
        Takes::Grid,
        "What each cell is gathered over: { seed = [0, 1, 2] }; several variables are multiplied out.",
    ),
    key(
        "rows",
        Takes::Lines,
        "The rows: tables that bind variables, in which a list of values makes a row of each.",
    ),
    key(
        "columns",
        Takes::Lines,
        "The columns: tables that bind variables, in which a list of values makes a column of each.",
    ),
    key(
        "exclude",
        Takes::Combinations,
        "Combinations of values that are left out: { size = \"tiny\", m = 0.8 }.",
    ),
    key(
        "best",
        Takes::Grid,
        "A grid to search for each cell: { lr = [1e-5, 3e-5], batch = [16, 32] }.",
    ),
    key("select", Takes::Selection, SELECT),
    key(
        "compare",
        Takes::Comparison,
        "The row that the others are compared with: { to = { m = 0.15 } }; false compares none.",
    ),
    key(
        "claims",
        Takes::Texts,
        "Files of published claims that are answered from the table's results.",
    ),
];

const SELECT: &str = "What the best point of a grid is chosen by: \"accuracy\", \"accuracy@SPLIT\", \"@SPLIT\", or \
                      \"lowest NAME@SPLIT\"; by default the score that the cell shows.";

/// The keys of an output that a profile may replace.
pub(crate) const REPLACEABLE: [&str; 7] = [
    "rows", "columns", "over", "exclude", "best", "select", "compare",
];

/// The keys of a comparison of rows.
pub(crate) const COMPARISON: &[Key] = &[
    required(
        "to",
        Takes::Row,
        "The row that the others are compared with: values that it binds, { m = 0.15 }, or its label.",
    ),
    key(
        "draws",
        Takes::Whole {
            min: 100,
            max: 1_000_000,
        },
        "How often seeds and examples are drawn anew; 5000 if it is left out.",
    ),
    key(
        "seed",
        Takes::Whole {
            min: 0,
            max: i64::MAX,
        },
        "What the draws begin with; 0 if it is left out.",
    ),
    key(
        "level",
        Takes::Between {
            above: 0.5,
            below: 1.0,
        },
        "The share of draws that an interval holds; 0.95 if it is left out.",
    ),
];

/// The keys of a row or a column; any other key there binds a variable.
pub(crate) const LINE: &[Key] = &[
    key(
        "label",
        Takes::Text,
        "The line's name; ${variable} stands for what the line binds, ${variable:%} for that as a percentage.",
    ),
    key(
        "cell",
        Takes::Stage,
        "The stage whose score fills this line's cells: \"@stage\".",
    ),
    key(
        "metric",
        Takes::Text,
        "The score that is shown; by default the stage's main one.",
    ),
    key(
        "shows",
        Takes::Text,
        "A text that the job made, in the place of a score: its name in the job's texts.json.",
    ),
    key(
        "reference",
        Takes::Reference,
        "What the line is compared with: a column's key, or keys of a row: { m = 15 }.",
    ),
    key(
        "best",
        Takes::Grid,
        "A grid to search for each cell of this line, in the table's place.",
    ),
    key("select", Takes::Selection, SELECT),
    key(
        "compare",
        Takes::Flag,
        "Whether the line's cells are compared, where the table compares; true if it is left out.",
    ),
];

/// The keys of a group.
pub(crate) const GROUP: &[Key] = &[
    key("title", Takes::Text, "What the tables have in common."),
    required("tables", Takes::Names, "The names of the tables."),
];

/// The keys of a profile.
pub(crate) const PROFILE: &[Key] = &[
    key(
        "default",
        Takes::Flag,
        "Whether this profile holds where none is named.",
    ),
    key("extends", Takes::Text, "The profile to begin with."),
    key(
        "vars",
        Takes::Variables,
        "Values in the place of the file's.",
    ),
    key(
        "table",
        Takes::Replaced(&TABLE),
        "What is replaced of tables.",
    ),
];

/// Returns the names of keys.
pub(crate) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> + Clone {
    keys.iter().map(|key| key.name)
}

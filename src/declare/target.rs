//! What may be asked for: `all`, an output by its kind (`table:NAME`), `group:NAME`, `stage:NAME[variable=value,…]`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Pipeline;
use super::build::parse_value;
use super::grammar;
use super::parameter::no_variable;
use crate::errors::{Diagnostic, Report, Source, did_you_mean};

/// Something that a run is asked to make.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `all`: every output, or every stage of a pipeline without any.
    All,
    /// `KIND:NAME`: an output, as `table:NAME`.
    Output {
        /// What it is: `table`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// `group:NAME`: the tables of a group.
    Group(String),
    /// `stage:NAME[variable=value,…]`.
    Stage {
        /// The stage's name.
        name: String,
        /// Variables bound for it.
        bindings: Vec<(String, Value)>,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Output { kind, name } => write!(f, "{kind}:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Stage { name, bindings } => {
                write!(f, "stage:{name}")?;
                let bindings = bindings.iter().map(|(name, value)| (name.as_str(), value));
                f.write_str(&written_bindings(bindings))
            }
        }
    }
}

/// Writes `[variable=value,…]`, and nothing where there are none. [`Pipeline::targets`] reads it back.
pub(crate) fn written_bindings<'v>(bindings: impl Iterator<Item = (&'v str, &'v Value)>) -> String {
    let pairs: Vec<_> = bindings
        .map(|(name, value)| written_binding(name, value))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("[{}]", pairs.join(","))
    }
}

/// Writes `variable=value`.
pub(crate) fn written_binding(name: &str, value: &Value) -> String {
    format!("{name}={}", written(value))
}

/// Writes a value so that [`parse_value`] gives it back: text bare where that is safe, else quoted.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let bare = !text.is_empty()
                && !text.contains([',', '[', ']', '"', '\'', '\n'])
                && text.trim() == text
                && parse_value(text) == *value;
            if bare {
                text.clone()
            } else {
                // The one character that stands for itself in JSON and must not in TOML.
                value.to_string().replace('\u{7f}', "\\u007f")
            }
        }
        other => other.to_string(),
    }
}

impl Pipeline {
    /// Reads the targets of a command line.
    ///
    /// # Errors
    /// All that cannot be read or name nothing that is declared, each with a suggestion.
    pub fn targets<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Target>, Report> {
        let mut problems = Vec::new();
        let mut targets = Vec::new();
        for text in texts {
            let text = text.as_ref();
            let source = Arc::new(Source {
                name: "command line".into(),
                text: text.to_owned(),
            });
            match self.target(&source) {
                Ok(target) => targets.push(target),
                Err(more) => problems.extend(more),
            }
        }
        Report::unless_empty(problems)?;
        Ok(targets)
    }

    fn target(&self, source: &Arc<Source>) -> Result<Target, Vec<Diagnostic>> {
        let text = source.text.as_str();
        if text == "all" {
            return Ok(Target::All);
        }
        let groups = || self.groups.iter().map(|group| group.name.as_str());
        if let Some((prefix, name)) = text.split_once(':')
            && let Some(kind) = grammar::outputs().find(|kind| kind.word == prefix)
        {
            let kind = kind.word;
            let alike = self.outputs().filter(|output| output.kind == kind);
            let known = alike.map(|output| output.name);
            let name = named(source, name, kind, known, self.elsewhere(name))?;
            return Ok(Target::Output { kind, name });
        }
        if let Some(name) = text.strip_prefix("group:") {
            return named(source, name, "group", groups(), self.elsewhere(name)).map(Target::Group);
        }
        let Some(rest) = text.strip_prefix("stage:") else {
            return Err(vec![self.no_prefix(source)]);
        };
        let start = "stage:".len();
        let (name, inside) = match rest.split_once('[') {
            None => (rest, None),
            Some((name, inside)) => match inside.strip_suffix(']') {
                Some(inside) => (name, Some(inside)),
                None => {
                    return Err(vec![
                        Diagnostic::new("`[` without `]`")
                            .at(source, start + name.len()..text.len(), "")
                            .help("write stage:NAME[variable=value,…]"),
                    ]);
                }
            },
        };
        let mut problems = Vec::new();
        if !self.stage_ids.contains_key(name) {
            let known = self.stage_ids.keys().map(String::as_str);
            let help = self
                .elsewhere(name)
                .unwrap_or_else(|| did_you_mean(name, known, "stages"));
            problems.push(
                Diagnostic::new(format!("unknown stage `{name}`"))
                    .at(source, start..start + name.len(), "")
                    .help(help),
            );
        }
        let mut bindings: Vec<(String, Value)> = Vec::new();
        let inside_start = start + name.len() + 1;
        for (offset, pair) in split(inside.unwrap_or_default()) {
            let at = inside_start + offset + (pair.len() - pair.trim_start().len());
            let pair = pair.trim();
            if let Some(bracket) = bare_bracket(pair) {
                problems.push(
                    Diagnostic::new("a bracket within the brackets")
                        .at(source, at + bracket..at + bracket + 1, "")
                        .help(
                            "write stage:NAME[variable=value,…] with one pair of brackets; a value that holds one stands in quotes: variable=\"a]\"",
                        ),
                );
                continue;
            }
            let Some((variable, value)) = pair.split_once('=') else {
                problems.push(
                    Diagnostic::new("a binding is variable=value")
                        .at(source, at..at + pair.len(), "")
                        .help("write stage:NAME[variable=value,…]"),
                );
                continue;
            };
            let [variable, value] = [variable, value].map(str::trim);
            if bindings.iter().any(|(bound, _)| bound == variable) {
                problems.push(
                    Diagnostic::new(format!("`{variable}` is given twice"))
                        .at(source, at..at + pair.len(), "")
                        .help("leave one out: a target names one value for each variable"),
                );
            } else if self.variable_ids.contains_key(variable) {
                bindings.push((variable.to_owned(), parse_value(value)));
            } else {
                let known = self.variable_ids.iter();
                let known = known.map(|(name, id)| (name.as_str(), *id));
                problems.push(
                    Diagnostic::new(format!("unknown variable `{variable}`"))
                        .at(source, at..at + variable.len(), "")
                        .help(no_variable(variable, &self.stages, known)),
                );
            }
        }
        if problems.is_empty() {
            Ok(Target::Stage {
                name: name.to_owned(),
                bindings,
            })
        } else {
            Err(problems)
        }
    }

    /// Returns the remedy where a name belongs to something of another kind, such as a stage that was taken for a table.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let output = self.outputs().find(|output| output.name == name);
        let is_group = self.groups.iter().any(|group| group.name == name);
        let is_stage = self.stage_ids.contains_key(name);
        let target = match output {
            Some(output) => output.target(),
            None if is_group => format!("group:{name}"),
            None if is_stage => format!("stage:{name}"),
            None => return None,
        };
        Some(format!("did you mean `{target}`?"))
    }

    /// Returns the target that was probably meant by a text that is neither `all` nor has a prefix: `stage:train[m=0.3]` by
    /// `train[m=0.3]`.
    pub fn meant(&self, text: &str) -> Option<String> {
        let mut known = vec!["all".to_owned()];
        known.extend(self.outputs().map(|output| output.target()));
        known.extend(
            self.groups
                .iter()
                .map(|group| format!("group:{}", group.name)),
        );
        known.extend(self.stages().map(|(name, _)| format!("stage:{name}")));
        let (plain, bindings) = match text.find('[') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let name = plain.split_once(':').map_or(plain, |(_, name)| name);
        let names = known.iter().filter_map(|known| known.split_once(':'));
        let near = crate::errors::nearest(plain, known.iter().map(String::as_str))
            .or_else(|| crate::errors::nearest(name, names.map(|(_, name)| name)));
        let exact = |name: &str| {
            known
                .iter()
                .find(|known| known.split_once(':').is_some_and(|k| k.1 == name) || *known == name)
        };
        let meant = exact(name).or_else(|| exact(near?))?;
        let bindings = if meant.starts_with("stage:") {
            bindings
        } else {
            ""
        };
        Some(format!("{meant}{bindings}"))
    }

    /// Explains a target that is neither `all` nor has a prefix.
    fn no_prefix(&self, source: &Arc<Source>) -> Diagnostic {
        let text = source.text.as_str();
        let help = match self.meant(text) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a target is all, table:NAME, group:NAME or stage:NAME; `pipe list` shows them"
                .into(),
        };
        Diagnostic::new(format!("unknown target `{text}`"))
            .at(source, 0..text.len(), "")
            .help(help)
    }
}

/// Returns the name of a table or a group, if there is one of that name.
fn named<'k>(
    source: &Arc<Source>,
    name: &str,
    what: &str,
    known: impl Iterator<Item = &'k str>,
    elsewhere: Option<String>,
) -> Result<String, Vec<Diagnostic>> {
    let known: Vec<_> = known.collect();
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    let start = what.len() + 1;
    Err(vec![
        Diagnostic::new(format!("unknown {what} `{name}`"))
            .at(source, start..source.text.len(), "")
            .help(elsewhere.unwrap_or_else(|| did_you_mean(name, known, &format!("{what}s")))),
    ])
}

/// Returns where a bracket stands outside of quotes, since a value without quotes cannot hold one.
fn bare_bracket(pair: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    pair.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b']' => return !quoted,
            _ => {}
        }
        false
    })
}

/// Splits at the commas outside of quotes; gives each piece with where it starts. Empty pieces are left out.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (place, byte) in text.bytes().chain([b',']).enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted || place == text.len() => {
                let piece = &text[start..place];
                if !piece.trim().is_empty() {
                    pieces.push((start, piece));
                }
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::test_support::{PIPELINE, load};

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300f64).prop_map(Value::from),
            "[a-z0-9./_-]{0,8}".prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            "[\\x00-\\x7f]{0,8}".prop_map(Value::from),
            "[\\x00-\\x20\\x7f,\"'\\\\=]{0,8}".prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn a_target_is_read_back_as_it_is_written(text in value(), m in value()) {
            let pipeline = load(PIPELINE, None, &[]).unwrap();
            let target = Target::Stage {
                name: "train".into(),
                bindings: vec![("text".into(), text), ("m".into(), m)],
            };
            prop_assert_eq!(pipeline.targets(&[target.to_string()]).unwrap(), [target]);
        }
    }

    #[test]
    fn a_delete_character_is_read_back() {
        let value = Value::from("a,\u{7f}");
        assert_eq!(parse_value(&written(&value)), value);
    }

    #[test]
    fn spaces_beside_signs_are_nothing_and_brackets_are_no_values() {
        let pipeline = load(PIPELINE, None, &[]).unwrap();
        let read = |target: &str| pipeline.targets(&[target]);
        assert_eq!(
            read("stage:train[ text = a b , m=0.3, ]").unwrap()[0].to_string(),
            "stage:train[text=a b,m=0.3]"
        );
        let quoted = "stage:train[text=\"a[1]\",m=0.3]";
        assert_eq!(read(quoted).unwrap()[0].to_string(), quoted);
        for target in [
            "stage:train[m=0.3]]",
            "stage:train[m=0.3][text=a]",
            "stage:train[[m=0.3]",
            "stage:train[text=a[1]]",
        ] {
            let report = read(target).unwrap_err();
            assert_eq!(report.diagnostics().len(), 1, "{target}");
            assert!(
                report.to_string().contains("one pair of brackets"),
                "{target}"
            );
        }
        assert!(read("stage:train[m=0.3] ").is_err());
    }

    #[test]
    fn a_forgotten_prefix_is_guessed() {
        let pipeline = load(PIPELINE, None, &[]).unwrap();
        let report = pipeline.targets(&["rates"]).unwrap_err();
        assert_eq!(
            report.diagnostics()[0].help.as_deref(),
            Some("did you mean `table:rates`?")
        );
        let help = |target: &str| {
            let report = pipeline.targets(&[target]).unwrap_err();
            report.diagnostics()[0].help.clone().unwrap()
        };
        for (target, meant) in [
            ("train[m=0.3]", "did you mean `stage:train[m=0.3]`?"),
            ("tran[m=0.3]", "did you mean `stage:train[m=0.3]`?"),
            ("stages:train", "did you mean `stage:train`?"),
            ("stage:rates", "did you mean `table:rates`?"),
            ("table:train", "did you mean `stage:train`?"),
            ("table:rtaes", "did you mean `rates`?"),
            ("al", "did you mean `all`?"),
        ] {
            assert_eq!(help(target), meant, "{target}");
        }
    }
}

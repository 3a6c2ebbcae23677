//! Places: `{place}` in a text stands for a value that is known only when the program starts.

use std::collections::BTreeMap;

use contract::{Piece, Problem};

/// The place of the folder into which the program writes its result.
pub(crate) const OUTPUT: &str = "output";
/// The place of the folder in which the program keeps what it needs to go on after it was stopped.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// The place of an empty folder that is removed when the stage ends.
pub(crate) const SCRATCH: &str = "scratch";
/// The place of the number of threads that the program may use.
pub(crate) const THREADS: &str = "threads";

/// The places that every stage has; its inputs are further places.
pub(crate) const COMMON: [&str; 4] = [OUTPUT, CHECKPOINTS, SCRATCH, THREADS];

/// How to write a plain brace.
const PLAIN: &str = "write {{ and }} for plain braces";

/// A text with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Plain(String),
    Place(String),
}

/// An error in a text with places, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Mistake {
    /// Returns the mistake as a problem at a path of keys.
    pub(crate) fn at(self, path: &[&str]) -> Problem {
        Problem {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            message: self.message,
            help: Some(self.help),
            at_key: false,
        }
    }
}

impl Text {
    /// Parses a text that may contain the common places and these inputs.
    ///
    /// `${…}` is left unchanged: variables have already been replaced, so it was written `$${…}` and is meant for the shell.
    pub(crate) fn parse(text: &str, inputs: &[String]) -> Result<Self, Mistake> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            rest = if let Some(after) = from.strip_prefix("{{") {
                plain.push('{');
                after
            } else if let Some(after) = from.strip_prefix("}}") {
                plain.push('}');
                after
            } else if from.starts_with('}') {
                return Err(Mistake {
                    message: "`}` closes nothing".into(),
                    help: PLAIN.into(),
                });
            } else {
                let Some(end) = from.find('}') else {
                    return Err(Mistake {
                        message: "`{` without `}`".into(),
                        help: PLAIN.into(),
                    });
                };
                let (name, after) = (&from[1..end], &from[end + 1..]);
                if plain.ends_with('$') {
                    plain.push_str(&from[..=end]);
                } else {
                    if !COMMON.contains(&name) && !inputs.iter().any(|input| input == name) {
                        return Err(unknown(name, inputs));
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Plain(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Place(name.to_owned()));
                }
                after
            };
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        Ok(Self(parts))
    }

    /// Returns the text if it contains no place.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the text with every place replaced by its value.
    pub(crate) fn fill(&self, places: &BTreeMap<String, String>) -> String {
        self.pieces(places).iter().map(Piece::text).collect()
    }

    /// Returns the written parts of the text, and between them the values of its places.
    pub(crate) fn pieces<'a>(&'a self, places: &'a BTreeMap<String, String>) -> Vec<Piece<'a>> {
        let parts = self.0.iter().map(|part| match part {
            Part::Plain(text) => Piece::Written(text),
            Part::Place(name) => Piece::Value {
                name,
                text: places.get(name).map_or("", String::as_str).into(),
            },
        });
        parts.collect()
    }
}

/// Joins a text with places out of written parts and values of variables. The values are inserted unchanged.
///
/// # Errors
/// When the end of a value and the beginning of a place would together be read as shell syntax.
pub(crate) fn join(pieces: &[Piece<'_>]) -> Result<String, Problem> {
    let mut text = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Written(written) => text.push_str(written),
            Piece::Value { name, text: value } => {
                let next = pieces.get(at + 1).map_or("", Piece::text);
                if value.ends_with('$') && next.starts_with('{') && !next.starts_with("{{") {
                    let message = format!("the value of `{name}` ends in `$`, and a place follows");
                    return Err(Problem::value("", message).with_help(
                        "write something between the two, or hand it over in a text of its own",
                    ));
                }
                text.push_str(&braces_doubled(value));
            }
        }
    }
    Ok(text)
}

/// Doubles the braces of a text, so that it contains no place.
pub(crate) fn braces_doubled(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Quotes a text for the shell, even where that is not necessary: a user who quotes the place again then sees the mistake in
/// the first run, and not only when a path contains a space.
pub(crate) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn unknown(name: &str, inputs: &[String]) -> Mistake {
    let known = || COMMON.into_iter().chain(inputs.iter().map(String::as_str));
    let likeness = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), known);
    let nearest = known().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let help = match nearest {
        Some(nearest) if likeness(nearest) >= 0.8 => format!("did you mean {{{nearest}}}?"),
        _ => {
            let all: Vec<_> = known().map(|name| format!("{{{name}}}")).collect();
            format!(
                "there are {}; declare others in `inputs`; {PLAIN}",
                all.join(", ")
            )
        }
    };
    Mistake {
        message: format!("unknown place `{{{name}}}`"),
        help,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Text, Mistake> {
        Text::parse(text, &["data".into()])
    }

    fn filled(text: &str) -> String {
        let places = [("output", "/o"), ("data", "/d d")];
        let places = places.map(|(name, value)| (name.to_owned(), value.to_owned()));
        parse(text).unwrap().fill(&BTreeMap::from(places))
    }

    #[test]
    fn places_are_filled_and_doubled_braces_are_plain() {
        assert_eq!(filled("{output}/model.json"), "/o/model.json");
        assert_eq!(filled("{data}{output}"), "/d d/o");
        assert_eq!(filled(r#"{{"lr": [1]}}"#), r#"{"lr": [1]}"#);
        assert_eq!(filled("{{{data}}}"), "{/d d}");
        assert_eq!(filled("a ${HOME} b"), "a ${HOME} b");
        assert_eq!(filled(""), "");
        assert_eq!(parse("plain {{").unwrap().plain(), Some("plain {"));
        assert_eq!(parse("{data}").unwrap().plain(), None);
    }

    #[test]
    fn what_is_no_place_is_told_with_a_remedy() {
        let told = |text: &str| {
            let mistake = parse(text).unwrap_err();
            format!("{}: {}", mistake.message, mistake.help)
        };
        assert_eq!(
            told("{outptu}/a"),
            "unknown place `{outptu}`: did you mean {output}?"
        );
        assert_eq!(
            told("{Data}"),
            "unknown place `{Data}`: did you mean {data}?"
        );
        assert_eq!(
            told("{}"),
            "unknown place `{}`: there are {output}, {checkpoints}, {scratch}, {threads}, {data}; \
             declare others in `inputs`; write {{ and }} for plain braces"
        );
        assert_eq!(
            told("a } b"),
            "`}` closes nothing: write {{ and }} for plain braces"
        );
        assert_eq!(
            told("a { b"),
            "`{` without `}`: write {{ and }} for plain braces"
        );
    }

    #[test]
    fn a_value_arrives_as_it_is() {
        let value = |text: &'static str| Piece::Value {
            name: "x",
            text: text.into(),
        };
        for text in ["{output}", "{{", "}}}", "${HOME}", "a } b {", "$", ""] {
            let pieces = [value(text), Piece::Written(" {output}"), value(text)];
            let joined = join(&pieces).unwrap();
            assert_eq!(filled(&joined), format!("{text} /o{text}"));
        }
        assert!(join(&[value("5$"), Piece::Written("{output}")]).is_err());
        assert_eq!(
            join(&[value("0.4"), Piece::Written("/a")]).unwrap(),
            "0.4/a"
        );
    }

    #[test]
    fn what_the_shell_is_given_it_takes_as_it_is() {
        assert_eq!(shell_quoted("/a b"), "'/a b'");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
    }
}

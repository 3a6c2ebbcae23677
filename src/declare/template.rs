//! `${variable}` in values.

use std::ops::Range;

use serde_json::Value;

use super::VariableId;
use crate::errors::Diagnostic;

/// A value that may refer to variables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    /// A value as it stands.
    Value(Value),
    /// `"${name}"` alone: the variable's value, with its type.
    Variable(VariableId),
    /// Text with variables in it.
    Text(Vec<Part>),
    /// A text that could not be understood, which has been reported: every value that needs it fails with that diagnostic.
    Broken(Box<Diagnostic>),
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// As it stands.
    Literal(String),
    /// The value of a variable, as text.
    Variable(VariableId),
}

/// Something wrong with a template: bytes of the text, and what.
pub(super) enum Mistake<'t> {
    /// No variable has that name.
    Unknown(Range<usize>, &'t str),
    /// `${` without `}`.
    Open(Range<usize>),
}

/// A piece of a text with `${name}` in it.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'t> {
    /// As it stands; never empty.
    Literal(String),
    /// The text between the braces, and where `${…}` stands as a whole.
    Name(&'t str, Range<usize>),
}

/// Splits a text at each `${name}`; `$${` stands for a plain `${`. Returns the place of a `${` that is left open as well.
pub(super) fn pieces(text: &str) -> (Vec<Piece<'_>>, Option<Range<usize>>) {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut open = None;
    let mut at = 0;
    while let Some(found) = text[at..].find("${").map(|offset| at + offset) {
        if text[at..found].ends_with('$') {
            literal.push_str(&text[at..found - 1]);
            literal.push_str("${");
            at = found + 2;
            continue;
        }
        literal.push_str(&text[at..found]);
        let Some(end) = text[found..].find('}').map(|offset| found + offset) else {
            open = Some(found..text.len());
            at = text.len();
            break;
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Name(text[found + 2..end].trim(), found..end + 1));
        at = end + 1;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    (pieces, open)
}

impl Template {
    /// Parses a text; `$${` stands for a plain `${`.
    pub(super) fn parse<'t>(
        text: &'t str,
        lookup: impl Fn(&str) -> Option<VariableId>,
    ) -> Result<Self, Vec<Mistake<'t>>> {
        let (pieces, open) = pieces(text);
        let mut parts = Vec::with_capacity(pieces.len());
        let mut mistakes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => parts.push(Part::Literal(literal)),
                Piece::Name(name, range) => match lookup(name) {
                    Some(variable) => parts.push(Part::Variable(variable)),
                    None => mistakes.push(Mistake::Unknown(range, name)),
                },
            }
        }
        mistakes.extend(open.map(Mistake::Open));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(match parts.as_slice() {
            [] => Self::Value(Value::from("")),
            [Part::Literal(literal)] => Self::Value(Value::from(literal.as_str())),
            [Part::Variable(variable)] => Self::Variable(*variable),
            _ => Self::Text(parts),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Template> {
        Template::parse(text, |name| (name == "m").then_some(VariableId(0))).ok()
    }

    #[test]
    fn a_lone_variable_keeps_its_type_and_text_around_it_makes_text() {
        assert_eq!(parse("${m}"), Some(Template::Variable(VariableId(0))));
        assert_eq!(
            parse("a-${m}."),
            Some(Template::Text(vec![
                Part::Literal("a-".into()),
                Part::Variable(VariableId(0)),
                Part::Literal(".".into()),
            ]))
        );
        assert_eq!(
            parse("plain $ text"),
            Some(Template::Value(Value::from("plain $ text")))
        );
        assert_eq!(parse("$${m}"), Some(Template::Value(Value::from("${m}"))));
        assert_eq!(parse("${n}"), None);
        assert_eq!(parse("${m"), None);
    }
}

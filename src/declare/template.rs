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
    /// What was written means nothing, and has been reported: whoever needs the value fails for that reason.
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

impl Template {
    /// Parses a text; `$${` stands for a plain `${`.
    pub(super) fn parse<'t>(
        text: &'t str,
        lookup: impl Fn(&str) -> Option<VariableId>,
    ) -> Result<Self, Vec<Mistake<'t>>> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut mistakes = Vec::new();
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
                mistakes.push(Mistake::Open(found..text.len()));
                at = text.len();
                break;
            };
            let name = text[found + 2..end].trim();
            match lookup(name) {
                Some(variable) => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Variable(variable));
                }
                None => mistakes.push(Mistake::Unknown(found..end + 1, name)),
            }
            at = end + 1;
        }
        literal.push_str(&text[at..]);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(match parts.as_slice() {
            [] => Self::Value(Value::from(literal)),
            [Part::Variable(variable)] if literal.is_empty() => Self::Variable(*variable),
            _ => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(literal));
                }
                Self::Text(parts)
            }
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

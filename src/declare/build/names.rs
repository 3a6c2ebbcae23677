//! Names: which are legal, and where in a written text one stands.

use std::ops::Range;

use crate::declare::grammar::{LINE, names};
use crate::declare::model::Origin;

/// Checks a name that may become part of a path, a target or a label.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(legal) {
        return Err("a name is made of letters, digits, `-` and `_`");
    }
    Ok(())
}

/// Checks the name of a variable.
pub(super) fn check_variable(name: &str) -> Result<(), &'static str> {
    if names(LINE).any(|word| word == name) {
        return Err("that word has a meaning in the rows and columns of tables");
    }
    check(name)
}

/// Returns where `range` of a written text stands in its source: exactly where the text stands there as it is, else
/// the whole value (it has escapes, or several lines).
pub(super) fn inside(origin: &Origin, text: &str, range: Range<usize>) -> Range<usize> {
    inside_text(&origin.source.text, &origin.span, text, range)
}

/// As [`inside`], of the whole source and where the value stands in it.
pub(super) fn inside_text(
    source: &str,
    span: &Range<usize>,
    text: &str,
    range: Range<usize>,
) -> Range<usize> {
    let written = source.get(span.clone()).unwrap_or_default();
    let quote = written.len().saturating_sub(text.len()) / 2;
    if written.get(quote..quote + text.len()) == Some(text) {
        let start = span.start + quote;
        start + range.start..start + range.end
    } else {
        span.clone()
    }
}

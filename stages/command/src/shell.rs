//! Values of variables in a text for the shell: data, whatever they hold.
//!
//! A value of letters, digits and the few signs that mean nothing to a shell is put in as it is. Any other becomes one quoted
//! word, as `shlex.quote` of Python's has it, where the shell takes words. Within quotes and here-documents quoting again would
//! open the quotes, and a text there is often for another interpreter: such a value is refused, with the way that is always
//! right, a variable of the environment.
//!
//! Two places lend a meaning to a plain value as well: digits before `<` or `>` are the number of a file, and what follows
//! `$NAME` goes on with that name. There it is quoted too, or refused. And no value may make a line of a here-document the one
//! that ends it.
//!
//! Where the text stands is told by reading what was written as a shell does, as far as that is plain. Where it is not (old
//! backquotes, nested expansions), nothing but plain values is put in from there on.

mod reader;
#[cfg(test)]
mod tests;

use contract::{Piece, Problem};

use reader::{At, Reader};

use crate::places::shell_quoted;

/// Puts a text for the shell together.
///
/// # Errors
/// When a value cannot be put in where it stands.
pub(crate) fn join(pieces: &[Piece<'_>]) -> Result<String, Problem> {
    let mut text = String::new();
    let mut reader = Reader::new();
    let is_all = pieces.len() == 1;
    // Where each value begins in the text.
    let mut values = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Written(written) => {
                reader.read(written);
                text.push_str(written);
            }
            Piece::Value { name, text: value } => {
                let rest = &pieces[at + 1..];
                let is_safe =
                    value.chars().all(is_plain) && !(value.is_empty() && reader.takes_words());
                let put = match reader.at() {
                    At::Word if is_safe => {
                        match reader.names_file(value, rest) || reader.goes_on(value, rest) {
                            true => shell_quoted(value),
                            false => value.to_string(),
                        }
                    }
                    _ if reader.goes_on(value, rest) => {
                        return Err(refused(name, value, FOLLOWS));
                    }
                    _ if is_safe => value.to_string(),
                    At::Word if is_all => return Err(no_code(name)),
                    At::Word => shell_quoted(value),
                    At::Text if value.chars().all(|c| c == ' ' || is_plain(c)) => value.to_string(),
                    At::Text => return Err(refused(name, value, WITHIN)),
                    At::Unknown => return Err(refused(name, value, UNTOLD)),
                };
                reader.pass(&put);
                values.push((text.len(), name, value));
                text.push_str(&super::places::braces_doubled(&put));
            }
        }
        if reader.is_cut()
            && let Some((_, name, value)) = values.last()
        {
            return Err(refused(name, value, ENDS));
        }
    }
    if reader.would_end()
        && let Some((_, name, value)) = values.last()
    {
        return Err(refused(name, value, ENDS));
    }
    if reader.lost
        && let Some((_, name, value)) = values.iter().find(|(at, ..)| may_end(&text, *at))
    {
        return Err(refused(name, value, ENDS));
    }
    Ok(text)
}

/// Whether the line of a place of a text is what stands after some `<<`, where more cannot be told.
fn may_end(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after.find('\n').map_or(text.len(), |end| at + end);
    let line = text[begin..end].trim_start_matches('\t');
    let is_end = |after: &str| {
        after
            .trim_start_matches(['-', ' ', '\t', '\'', '"', '\\'])
            .strip_prefix(line)
            .is_some_and(|rest| !rest.starts_with(is_of_name))
    };
    !line.is_empty() && text.split("<<").skip(1).any(is_end)
}

/// Whether a character goes on with the name of a variable.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a character means nothing but itself to a shell, wherever it stands.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "_-+=.,:/@%".contains(c)
}

fn no_code(name: &str) -> Problem {
    Problem::value(
        "shell",
        format!("all of `shell` is the value of `{name}`, and a value is data and no code"),
    )
    .with_help(format!(
        "write the command itself; a value that is one can be run by eval \"${0}\", with env = {{ {0} = \"${{{name}}}\" }}",
        variable(name)
    ))
}

const WITHIN: &str = "stands within quotes, a here-document or a comment, and its value holds what a shell may take for code";
const UNTOLD: &str = "stands where it cannot be told how the shell would read it, and its value holds what a shell may take for code";
const FOLLOWS: &str = "follows a variable of the shell's own, and its value would be read as a part of that one's name";
const ENDS: &str = "stands in a here-document, and its value makes its line the one that ends it";

fn refused(name: &str, value: &str, why: &str) -> Problem {
    let short: String = value.chars().take(40).collect();
    Problem::value("shell", format!("`{name}` {why}: {short:?}"))
    .with_help(format!(
        "hand it over by the environment: env = {{ {0} = \"${{{name}}}\" }} and \"${0}\" here; outside of quotes it is quoted by itself",
        variable(name)
    ))
}

/// Returns a name for a variable of the environment.
fn variable(name: &str) -> String {
    let word = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    word.collect::<String>().to_uppercase()
}

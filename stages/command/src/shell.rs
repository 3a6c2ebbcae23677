//! Inserts values of variables into a text for the shell, so that they are data whatever they contain.
//!
//! A value is plain if it consists of letters, digits and the few signs that have no meaning to a shell. It is inserted unchanged,
//! unless it would get another meaning at its place: as the number of a redirected file, a reserved word, an assignment, or a part
//! of a variable's name. Then, like every value that is not plain, it is quoted as one word, as by Python's `shlex.quote`.
//!
//! Inside quotes, further quotes would end the first ones, and the text there is often code for another interpreter. A value that
//! is not plain is refused there, with the remedy that is always right: an environment variable. Also refused is every value at
//! a place where it is not certain how the shell would read it ([`reader`] says where that is).

mod reader;
#[cfg(test)]
mod tests;

use contract::{Piece, Problem, StageError};

use reader::{At, Reader};

use crate::places::{braces_doubled, shell_quoted};

/// Words that open and close compound commands, in `sh` and in shells that replace it.
const RESERVED: [&str; 17] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "for", "while", "until",
    "in", "function", "select", "time", "coproc",
];

/// Joins a text for the shell out of written parts and values of variables.
///
/// # Errors
/// When a value cannot be inserted at its place.
pub(crate) fn join(pieces: &[Piece<'_>]) -> Result<String, Problem> {
    let mut text = String::new();
    let mut reader = Reader::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Written(written) => {
                reader.read(written);
                text.push_str(written);
            }
            Piece::Value { name, text: value } => {
                let rest = &pieces[at + 1..];
                // An empty value inserts nothing, so the next piece stands at its place.
                let mut texts = std::iter::once(&**value).chain(rest.iter().map(Piece::text));
                let next = texts.find(|text| !text.is_empty()).unwrap_or_default();
                let is_safe = !value.is_empty() && value.chars().all(is_plain);
                let put = match reader.at() {
                    At::Uncertain(what) => return Err(uncertain(name, value, what)),
                    At::Word if pieces.len() == 1 && !is_safe => return Err(no_code(name)),
                    At::Word if value.contains('\n') && reader.awaits_document() => {
                        return Err(uncertain(name, value, "`<<`"));
                    }
                    At::Word if !is_safe || reader.goes_on(next) => shell_quoted(value),
                    At::Word if means_more(reader.word(), value, rest) => shell_quoted(value),
                    At::Word => value.to_string(),
                    At::Quoted if reader.goes_on(next) => {
                        return Err(refused(name, value, FOLLOWS));
                    }
                    At::Quoted if value.chars().all(|c| c == ' ' || is_plain(c)) => {
                        value.to_string()
                    }
                    At::Quoted => return Err(refused(name, value, WITHIN)),
                };
                reader.pass(&put);
                text.push_str(&braces_doubled(&put));
            }
        }
    }
    Ok(text)
}

/// Inserts paths into a text for the shell. A path is always quoted, so that a user who quotes it again sees the mistake in the
/// first run. Inside the user's quotes the path is then outside any quotes, which is harmless for a plain path; another is refused.
///
/// # Errors
/// When a path cannot be inserted at its place.
pub(crate) fn fill(pieces: &[Piece<'_>]) -> Result<String, StageError> {
    let mut text = String::new();
    let mut reader = Reader::new();
    for piece in pieces {
        match piece {
            Piece::Written(written) => {
                reader.read(written);
                text.push_str(written);
            }
            Piece::Value { name, text: path } => {
                if reader.is_quoted() && !path.chars().all(is_plain) {
                    return Err(StageError::input(
                        format!("{{{name}}} in `shell`"),
                        format!(
                            "stands within quotes, and its path holds what a shell may take for code: {path:?}"
                        ),
                        "write it outside of quotes: it is quoted by itself",
                    ));
                }
                let quoted = shell_quoted(path);
                reader.pass(&quoted);
                text.push_str(&quoted);
            }
        }
    }
    Ok(text)
}

/// Whether a plain value would be more to the shell than a part of its word. `before` is the word before the value, `rest` the
/// pieces after it.
fn means_more(before: &str, value: &str, rest: &[Piece<'_>]) -> bool {
    let mut word = format!("{before}{value}");
    let mut ends_in = None;
    for piece in rest {
        match piece {
            Piece::Written(written) => {
                let written = written.replace("\\\n", "");
                let end = written.find(reader::ENDS_WORDS);
                word.push_str(&written[..end.unwrap_or(written.len())]);
                ends_in = end.and_then(|end| written[end..].chars().next());
            }
            Piece::Value { text, .. } if text.chars().all(is_plain) => word.push_str(text),
            Piece::Value { .. } => word.push('\''),
        }
        if ends_in.is_some() {
            break;
        }
    }
    // To some shells, braces are a list of words, or the number of a file.
    let in_braces = before.contains("{{");
    let is_redirected = matches!(ends_in, Some('<' | '>'));
    let assigned = word.split_once('=').map(|(name, _)| name);
    let assigned = assigned.map(|name| name.strip_suffix('+').unwrap_or(name));
    is_redirected && (in_braces || word.chars().all(|c| c.is_ascii_digit()))
        || in_braces && value.contains([',', '.'])
        || value.contains(MEANS_MORE_IN_BRACKETS) && has_bracket(before)
        || RESERVED.contains(&word.as_str())
        || !before.contains('=')
            && value.contains('=')
            && assigned.is_some_and(|name| {
                name.chars().all(is_of_name) && name.starts_with(|c: char| !c.is_ascii_digit())
            })
}

/// The characters that form a range (`[a-z]`) or a class (`[[:alpha:]]`, `[[.x.]]`, `[[=x=]]`) inside brackets.
const MEANS_MORE_IN_BRACKETS: [char; 4] = ['-', ':', '.', '='];

/// Whether a word so far contains a bracket, which may still be open: shells do not agree on where brackets close.
fn has_bracket(word: &str) -> bool {
    let mut characters = word.chars();
    while let Some(c) = characters.next() {
        match c {
            '[' => return true,
            '\\' => drop(characters.next()),
            _ => {}
        }
    }
    false
}

/// Whether a character can continue the name of a variable.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a character has no special meaning to a shell at any place.
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

const WITHIN: &str =
    "stands within quotes or a comment, and its value holds what a shell may take for code";
const FOLLOWS: &str = "follows a variable of the shell's own, and its value would be read as a part of that one's name";

/// Returns the error for a value at a place where its meaning is uncertain.
fn uncertain(name: &str, value: &str, what: &str) -> Problem {
    let why =
        format!("stands in {what} or behind it, where shells do not agree on how a value is read");
    refused(name, value, &why)
}

fn refused(name: &str, value: &str, why: &str) -> Problem {
    let short: String = value.chars().take(40).collect();
    Problem::value("shell", format!("`{name}` {why}: {short:?}"))
    .with_help(format!(
        "hand it over by the environment: env = {{ {0} = \"${{{name}}}\" }} and \"${0}\" here; outside of quotes it is quoted by itself",
        variable(name)
    ))
}

/// Returns a name for an environment variable that holds the value.
fn variable(name: &str) -> String {
    let word = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    word.collect::<String>().to_uppercase()
}

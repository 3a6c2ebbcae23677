//! Values of variables in a text for the shell: data, whatever they hold.
//!
//! A value of letters, digits and the few signs that mean nothing to a shell is put in as it is. Any other becomes one quoted
//! word, as `shlex.quote` of Python's has it, where the shell takes words; and so does a plain one where it would mean more
//! than itself: as the number of a file that is redirected, a reserved word, an assignment, a part of a variable's name.
//!
//! Within quotes, quoting again would open the quotes, and a text there is often for another interpreter: what is not plain is
//! refused there, with the way that is always right, a variable of the environment. So is every value, plain or not, where it
//! is not certain how the shell would read it ([`reader`] says where that is).

mod reader;
#[cfg(test)]
mod tests;

use contract::{Piece, Problem, StageError};

use reader::{At, Reader};

use crate::places::{braces_doubled, shell_quoted};

/// Words that open and close commands, of `sh` and of shells that stand in for it.
const RESERVED: [&str; 17] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "for", "while", "until",
    "in", "function", "select", "time", "coproc",
];

/// Puts a text for the shell together.
///
/// # Errors
/// When a value cannot be put in where it stands.
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
                // Where nothing is put in, what comes next is put there.
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

/// Puts paths into a text for the shell: quoted always, so that whoever quotes one again learns of it at the first run. Within
/// his quotes a path is out of them then, which means no more than itself while it is plain; another is refused.
///
/// # Errors
/// When a path cannot be put in where it stands.
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

/// Whether a plain value would be more than a part of its word to the shell, given what the word is before and behind it.
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
    // Braces that stand for words, or for the number of a file, to some shells.
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

/// What a range of characters (`[a-z]`) or a class of them (`[[:alpha:]]`, `[[.x.]]`, `[[=x=]]`) is written with.
const MEANS_MORE_IN_BRACKETS: [char; 4] = ['-', ':', '.', '='];

/// Whether a bracket stands in what there is of a word that may be open still. Where one closes shells do not agree.
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

const WITHIN: &str =
    "stands within quotes or a comment, and its value holds what a shell may take for code";
const FOLLOWS: &str = "follows a variable of the shell's own, and its value would be read as a part of that one's name";

/// The value stands where nobody can be sure what it would be.
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

/// Returns a name for a variable of the environment.
fn variable(name: &str) -> String {
    let word = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    word.collect::<String>().to_uppercase()
}

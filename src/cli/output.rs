//! Writing to the two standard streams.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::ColorChoice;
use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::Value;

use crate::terminal::{self, Paint, shown};

/// Writes a line to standard error. Colours are dropped where they are not wanted, and control characters are written out.
pub(super) fn tell(text: &str) {
    let colours = anstream::stderr().current_choice() != ColorChoice::Never;
    // If standard error is closed, nobody is left to be told.
    let _ = writeln!(io::stderr().lock(), "{}", shown(text, colours));
}

/// Writes an error, and what to do about it.
pub(super) fn tell_error(message: &str, remedy: Option<&str>) {
    tell(&format!("{} {message}", "error:".red().bold()));
    if let Some(remedy) = remedy {
        tell(&format!("{} {remedy}", "hint:".cyan()));
    }
}

/// Writes text for people to standard output, as [`tell`] does.
///
/// # Errors
/// When nobody reads it any more, or the file it goes to cannot be written.
pub(super) fn print(text: &str) -> io::Result<()> {
    let colours = anstream::stdout().current_choice() != ColorChoice::Never;
    write(shown(text, colours).as_bytes())
}

/// Writes bytes that others have written to standard output: as they are, unless that is a terminal.
///
/// # Errors
/// As [`print()`].
pub(super) fn print_data(text: &[u8]) -> io::Result<()> {
    match io::stdout().is_terminal() {
        true => write(terminal::messages(&String::from_utf8_lossy(text)).as_bytes()),
        false => write(text),
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Returns a path in JSON, which holds UTF-8 alone: other bytes are replaced.
pub(super) fn path_json(path: &Path) -> Value {
    path.to_string_lossy().into()
}

/// Writes a JSON value to standard output, indented.
///
/// # Errors
/// As [`print()`].
pub(super) fn print_json(value: &Value) -> io::Result<()> {
    let text = format!("{value:#}\n");
    write(terminal::json(&text).as_bytes())
}

/// Prints a value as JSON on one line, without holding all of its text.
pub(super) fn print_serialized(value: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let mut serializer = serde_json::Serializer::with_formatter(&mut stdout, Shown);
    value.serialize(&mut serializer)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Writes texts with their control characters written out.
struct Shown;

impl serde_json::ser::Formatter for Shown {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        writer.write_all(terminal::json(fragment).as_bytes())
    }
}

/// Returns the width to print tables in: that of the terminal, and no limit elsewhere.
pub(super) fn width() -> usize {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => usize::MAX,
    }
}

//! Writing to the two standard streams.

use std::io::{self, Write};

use owo_colors::OwoColorize;
use rustix::termios::tcgetwinsize;
use serde::Serialize;
use serde_json::Value;

/// Writes a line to standard error. Colours are dropped where they are not wanted.
pub(super) fn tell(text: &str) {
    // Nobody is left to hear of it if standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Writes an error, and what to do about it.
pub(super) fn tell_error(message: &str, remedy: Option<&str>) {
    tell(&format!("{} {message}", "error:".red().bold()));
    if let Some(remedy) = remedy {
        tell(&format!("{} {remedy}", "hint:".cyan()));
    }
}

/// Writes text to standard output.
///
/// # Errors
/// When nobody reads it any more, or the file it goes to cannot be written.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes a JSON value to standard output, indented.
///
/// # Errors
/// As [`print`].
pub(super) fn print_json(value: &Value) -> io::Result<()> {
    print(&format!("{value:#}\n"))
}

/// Writes anything as JSON to standard output, indented, without holding it whole.
///
/// # Errors
/// As [`print`].
pub(super) fn print_serialized(value: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(anstream::stdout().lock());
    serde_json::to_writer_pretty(&mut stdout, value)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Returns the width to print tables in: the terminal's, and all there is elsewhere.
pub(super) fn width() -> usize {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => usize::MAX,
    }
}

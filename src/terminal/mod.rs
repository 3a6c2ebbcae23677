//! Text on its way to a terminal, which obeys what it is sent.
//!
//! What is told holds texts of others: names of files, notes and logs of programs, labels of archives and pipeline files. No
//! character of theirs may move the cursor, set a title or turn the direction of writing. So nothing that is shown goes
//! anywhere but through [`shown`], which writes control characters out (`\x1b`). Colours are the program's own: [`Paint`]
//! marks them with a character that is none, and [`shown`] alone turns the marks into what a terminal understands.

mod paint;

use std::borrow::Cow;
use std::fmt::Write;

pub use paint::Paint;

/// Stands for the escape character of the program's own colours: a code point that is no character, and never will be.
const MARK: char = '\u{fdd0}';
const ESCAPE: char = '\u{1b}';

/// Returns a text as it may be shown: control characters written out, but for the ends of lines and tabs; the program's own
/// colours, if they are wanted; none of others'.
pub fn shown(text: &str, colours: bool) -> Cow<'_, str> {
    if text.chars().all(|c| c != MARK && !is_obeyed(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match (c, colour(after)) {
            (MARK, Some(code)) => {
                if colours {
                    safe.push(ESCAPE);
                    safe.push_str(code);
                }
                rest = &after[code.len()..];
                continue;
            }
            // A program's colours are left out rather than written out: they say nothing.
            (ESCAPE, Some(code)) => {
                rest = &after[code.len()..];
                continue;
            }
            (MARK, None) => {}
            ('\r', _) if after.starts_with('\n') => {}
            (c, _) if is_obeyed(c) => write_out(&mut safe, c),
            (c, _) => safe.push(c),
        }
        rest = after;
    }
    Cow::Owned(safe)
}

/// Returns rows as lines whose columns stand below each other: the first to the left, the others to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let texts = rows.iter().filter_map(|row| row.get(column));
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (text, width))| match column {
            0 => format!("{text:<width$}"),
            _ => format!("   {text:>width$}"),
        });
        let line: String = cells.collect();
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// Returns a text that is to stay on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    match text.contains(['\n', '\t']) {
        true => Cow::Owned(shown(&text.replace(['\n', '\t'], " "), false).into_owned()),
        false => shown(text, false),
    }
}

/// Returns messages of a program as they may be shown. What returned to the beginning of a line to write over it begins a line
/// of its own.
pub fn messages(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    shown(&lines, false).into_owned()
}

/// Returns a JSON text in which no character is left that a terminal obeys. It says the same.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !is_obeyed(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_obeyed(c) {
            // Into a string never fails.
            true => drop(write!(safe, "\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Returns a text of the same length in bytes, in which places of the original can be pointed to.
pub(crate) fn in_place(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c != MARK && !is_obeyed(c)) {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().map(|c| match c {
        c if c != MARK && !is_obeyed(c) => c,
        c => match c.len_utf8() {
            1 => '?',
            2 => '¿',
            _ => char::REPLACEMENT_CHARACTER,
        },
    });
    Cow::Owned(plain.collect())
}

/// Returns what miette has drawn of safe texts, with its colours marked as the program's own.
pub(crate) fn drawn(text: &str) -> String {
    text.replace(ESCAPE, MARK.encode_utf8(&mut [0; 4]))
}

/// Whether a terminal, or whatever lays text out, obeys a character instead of showing it: control characters of both sets, and
/// those that turn the direction of what follows.
fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// Returns what follows an escape character if it sets colours: `[31m`.
fn colour(after: &str) -> Option<&str> {
    let codes = after.strip_prefix('[')?;
    let end = codes.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    codes[end..].starts_with('m').then(|| &after[..end + 2])
}

fn write_out(to: &mut String, c: char) {
    // Into a string never fails.
    let _ = match (c, u32::from(c)) {
        ('\r', _) => write!(to, "\\r"),
        (_, code @ 0..=0xff) => write!(to, "\\x{code:02x}"),
        (_, code) => write!(to, "\\u{{{code:x}}}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, safe) in [
            (
                "plain, schön, 日本\n\tindented",
                "plain, schön, 日本\n\tindented",
            ),
            ("a\u{1b}]0;OWNED\u{7}b", "a\\x1b]0;OWNED\\x07b"),
            ("\u{1b}[2J\u{1b}[1A", "\\x1b[2J\\x1b[1A"),
            ("\u{1b}[31;1mred\u{1b}[0m", "red"),
            ("\u{1b}[31", "\\x1b[31"),
            ("\u{9b}2J\u{7f}\u{8}", "\\x9b2J\\x7f\\x08"),
            ("one\r\ntwo\rthree", "one\ntwo\\rthree"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("\u{fdd0}x\u{fdd0}[", "x["),
        ] {
            assert_eq!(shown(text, false), safe);
            assert_eq!(shown(text, true), safe);
        }
        assert_eq!(line("two\nlines\u{7}"), "two lines\\x07");
        assert_eq!(messages("10%\r20%\r\nend\n"), "10%\n20%\nend\n");
    }

    #[test]
    fn colours_of_our_own_are_shown_where_they_are_wanted() {
        let text = format!("{} {}", "error:".red().bold(), "a\u{1b}[2J".cyan());
        assert_eq!(shown(&text, false), "error: a\\x1b[2J");
        assert_eq!(
            shown(&text, true),
            "\u{1b}[1m\u{1b}[31merror:\u{1b}[39m\u{1b}[0m \u{1b}[36ma\\x1b[2J\u{1b}[39m"
        );
        assert_eq!(
            format!("{:>5}|", "ab".red()).len(),
            "   ab|".len() + 2 * 3 + 8
        );
    }

    #[test]
    fn json_says_the_same() {
        let value = serde_json::json!({ "a": "\u{1b}[2J\u{9b}\u{7f}\u{202e}ö" });
        let text = value.to_string();
        let safe = json(&text);
        assert!(safe.chars().all(|c| !is_obeyed(c)), "{safe}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).ok(),
            Some(value)
        );
    }

    #[test]
    fn places_stay_where_they_are() {
        let text = "a\u{1b}b\u{9b}c\u{202e}d";
        assert_eq!(in_place(text), "a?b¿c\u{fffd}d");
        assert_eq!(in_place(text).len(), text.len());
    }
}

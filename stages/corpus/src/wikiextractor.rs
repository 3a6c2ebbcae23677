//! WikiExtractor's two forms: `<doc …>` to `</doc>`, and one JSON object a line.
//!
//! Both forms give titles as they are in the dump, with XML entities, and by default repeat the title as the first line. In
//! versions up to 2, the text has no entities; from version 3 on it is escaped (`html.escape`), whatever the options. A file does
//! not name its version, but an escaped text has no `&` outside an entity, and no `<` or `>`.

use std::borrow::Cow;
use std::path::Path;

use contract::StageError;
use serde::Deserialize;

use crate::lines::Lines;
use crate::parse::Draft;

/// Entities that `html.escape` and XML write, and their characters.
const ENTITIES: [(&str, &str); 7] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#x27;", "'"),
    ("&#39;", "'"),
    ("&#039;", "'"),
];

const REMEDY: &str = "extract the file again with WikiExtractor, or give `format = \"text\"`";

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `<doc id="…" url="…" title="…">` to `</doc>`.
    Tags,
    /// Objects with `text` and `title`.
    Json,
}

/// Reads the documents of a file into `draft`. Returns whether the text was escaped.
pub(crate) fn parse(path: &Path, form: Form, draft: &mut Draft<'_>) -> Result<bool, StageError> {
    let escaped = is_escaped(path, form)?;
    read(path, form, &mut |part| {
        match part {
            Part::Title(title) => draft.title = title,
            Part::Line(line) if escaped => draft.push(&unescape(line))?,
            Part::Line(line) => draft.push(line)?,
            Part::End => draft.finish()?,
        }
        Ok(true)
    })?;
    Ok(escaped)
}

/// Whether the text of a file was escaped: it contains entities, and no character that escaping would have replaced.
fn is_escaped(path: &Path, form: Form) -> Result<bool, StageError> {
    let (mut entities, mut bare) = (false, false);
    read(path, form, &mut |part| {
        if let Part::Line(line) = part {
            // A line that begins with `<` is a tag of `--html`, which version 3 puts around escaped text.
            let is_tag = line.starts_with('<');
            bare |= !is_tag && line.contains(['<', '>']);
            for (place, _) in line.match_indices('&') {
                match &line[place..] {
                    rest if entity(rest).is_some() => entities = true,
                    // Other entities come from the page itself and do not show whether the text was escaped.
                    rest => bare |= !looks_like_entity(rest),
                }
            }
        }
        Ok(!bare)
    })?;
    Ok(entities && !bare)
}

/// A part of a file.
enum Part<'a> {
    /// The beginning of a document with this title.
    Title(Option<String>),
    /// A line of the document's text.
    Line(&'a str),
    /// The end of the document.
    End,
}

/// Passes the parts of a file to `each`, until `each` returns `false`.
fn read(
    path: &Path,
    form: Form,
    each: &mut dyn FnMut(Part<'_>) -> Result<bool, StageError>,
) -> Result<(), StageError> {
    let mut lines = Lines::open(path)?;
    match form {
        Form::Tags => read_tags(&mut lines, each),
        Form::Json => read_json(&mut lines, each),
    }
}

fn read_tags(
    lines: &mut Lines<'_>,
    each: &mut dyn FnMut(Part<'_>) -> Result<bool, StageError>,
) -> Result<(), StageError> {
    // Number of the line on which the current document began.
    let mut opened = None;
    // The title that the next line may repeat, and which is then dropped.
    let mut awaited = None;
    while let Some(line) = lines.next()? {
        let opens = is_header(line);
        let more = match opened {
            None if opens => {
                let title = raw_title(line).map(str::to_owned);
                let given = title.as_deref().map(|title| unescape(title).into_owned());
                awaited = title;
                opened = Some(lines.number());
                each(Part::Title(given))?
            }
            None if line.trim().is_empty() => true,
            None => {
                return Err(StageError::input(
                    lines.place(),
                    "text outside of <doc>",
                    REMEDY,
                ));
            }
            Some(start) if opens => return Err(unclosed(lines, start)),
            Some(_) if line.trim_end() == "</doc>" => {
                opened = None;
                each(Part::End)?
            }
            Some(_) => match awaited.take() {
                Some(title) if repeats(line, &title) => true,
                _ => each(Part::Line(line))?,
            },
        };
        if !more {
            return Ok(());
        }
    }
    match opened {
        Some(start) => Err(unclosed(lines, start)),
        None => Ok(()),
    }
}

fn unclosed(lines: &Lines<'_>, start: u64) -> StageError {
    let reason = format!("this <doc> is not closed by line {}", lines.number());
    StageError::input(lines.place_of(start), reason, REMEDY)
}

/// A line of the JSON form.
#[derive(Deserialize)]
struct JsonDocument {
    title: Option<String>,
    text: String,
}

fn read_json(
    lines: &mut Lines<'_>,
    each: &mut dyn FnMut(Part<'_>) -> Result<bool, StageError>,
) -> Result<(), StageError> {
    while let Some(line) = lines.next()? {
        if line.trim().is_empty() {
            continue;
        }
        let JsonDocument { title, text } = serde_json::from_str(line).map_err(|error| {
            StageError::input(
                lines.place(),
                format!("no JSON object with a `text`: {error}"),
                "write one object with the texts `title` and `text` on each line, as WikiExtractor \
                 --json does",
            )
        })?;
        let title = title.filter(|title| !title.trim().is_empty());
        let given = title.as_deref().map(|title| unescape(title).into_owned());
        let mut more = each(Part::Title(given))?;
        for (number, line) in text.lines().enumerate() {
            // Version 2 repeats the title in this form too.
            let is_title = title.as_deref().is_some_and(|title| repeats(line, title));
            if more && !(number == 0 && is_title) {
                more = each(Part::Line(line))?;
            }
        }
        if !more || !each(Part::End)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a line begins a document: `<doc` with attributes, up to the end of the line. Other lines that begin with `<doc`
/// are text.
pub(crate) fn is_header(line: &str) -> bool {
    line.trim().strip_prefix("<doc ").is_some_and(|rest| {
        let begins = |attribute: &&str| rest.starts_with(attribute);
        rest.ends_with("\">")
            && ["id=\"", "revid=\"", "url=\"", "title=\""]
                .iter()
                .any(begins)
    })
}

/// Returns the title in a `<doc …>` line, as it is written there. The title is the last attribute, and quotation marks in it
/// need not be escaped.
fn raw_title(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" title=\"")?;
    let title = rest[..rest.rfind("\">")?].trim();
    (!title.is_empty()).then_some(title)
}

/// Whether a line repeats the title.
fn repeats(line: &str, title: &str) -> bool {
    let (line, title) = (line.trim(), title.trim());
    line == title || unescape(line) == unescape(title)
}

/// Undoes `html.escape`.
fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('&') else {
        return Cow::Borrowed(text);
    };
    let (mut plain, mut rest) = (text[..first].to_owned(), &text[first..]);
    while !rest.is_empty() {
        let (length, meant) = entity(rest).unwrap_or((1, "&"));
        plain.push_str(meant);
        rest = &rest[length..];
        let next = rest.find('&').unwrap_or(rest.len());
        plain.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    Cow::Owned(plain)
}

/// Returns the length of the entity at the beginning of a text, and the character for which it stands.
fn entity(text: &str) -> Option<(usize, &'static str)> {
    let found = ENTITIES.iter().find(|(entity, _)| text.starts_with(entity));
    found.map(|(entity, meant)| (entity.len(), *meant))
}

/// Whether a text that begins with `&` begins with an entity of any kind.
fn looks_like_entity(text: &str) -> bool {
    let name = text[1..].split_once(';').map_or("", |(name, _)| name);
    let name = name.strip_prefix('#').unwrap_or(name);
    !name.is_empty() && name.len() < 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_html_escape_writes_is_undone_once() {
        for (escaped, plain) in [
            ("AT&amp;T has 3 &lt; 4 &gt; 2", "AT&T has 3 < 4 > 2"),
            ("&amp;lt; is how to write it", "&lt; is how to write it"),
            ("&amp;amp;amp;", "&amp;amp;"),
            ("&quot;a&quot; &#x27;b&#39; &#039;", "\"a\" 'b' '"),
            ("&nbsp; & &", "&nbsp; & &"),
            ("é&amp;", "é&"),
            ("", ""),
        ] {
            assert_eq!(unescape(escaped), plain);
        }
    }

    #[test]
    fn headers_have_attributes() {
        for header in [
            "<doc id=\"1\" url=\"u\" title=\"A \"b\" c\">",
            " <doc id=\"1\" revid=\"2\" url=\"u\" title=\"\">\r",
            "<doc title=\"A\">",
        ] {
            assert!(is_header(header), "{header}");
        }
        for text in [
            "<doc > is a tag",
            "<doc id=\"1\"> begins a document",
            "<doc class=\"a\">",
            "<doc",
            "<document id=\"1\">",
        ] {
            assert!(!is_header(text), "{text}");
        }
    }
}

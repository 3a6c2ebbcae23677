//! Draws diagnostics with miette.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::{Diagnostic, Label, Source};
use crate::terminal::{drawn, in_place, line, shown};

/// Columns to wrap at: fixed, so that a report reads the same wherever it is made.
const WIDTH: usize = 100;

pub(super) fn render(diagnostics: &[Diagnostic], styled: bool) -> String {
    let theme = GraphicalTheme {
        characters: ThemeCharacters::unicode(),
        styles: if styled {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_links(false)
        .with_context_lines(1)
        .without_syntax_highlighting();
    let mut text = String::new();
    for diagnostic in diagnostics {
        let diagnostic = &safe(diagnostic);
        let one = Drawn {
            diagnostic,
            source: diagnostic
                .source
                .as_ref()
                .map(|source| Named(Arc::clone(source))),
        };
        let before = text.len();
        if handler.render_report(&mut text, &one).is_err() {
            text.truncate(before);
            text.push_str(&format!("  × {}\n", diagnostic.message));
        }
        text.push('\n');
    }
    // No text of others' holds an escape character any more: these are miette's colours.
    match styled {
        true => drawn(&text),
        false => text,
    }
}

/// Returns a diagnostic in which nothing is left that a terminal would obey.
fn safe(diagnostic: &Diagnostic) -> Diagnostic {
    let Diagnostic {
        message,
        source,
        labels,
        help,
    } = diagnostic;
    let plain = |text: &str| shown(text, false).into_owned();
    Diagnostic {
        message: plain(message),
        // The source is shared where it is plain, as it nearly always is: it may be long.
        source: source.as_ref().map(
            |source| match (line(&source.name), in_place(&source.text)) {
                (Cow::Borrowed(_), Cow::Borrowed(_)) => Arc::clone(source),
                (name, text) => Arc::new(Source {
                    name: name.into_owned(),
                    text: text.into_owned(),
                }),
            },
        ),
        labels: labels
            .iter()
            .map(|label| Label {
                span: label.span,
                text: plain(&label.text),
            })
            .collect(),
        help: help.as_deref().map(plain),
    }
}

/// A diagnostic as miette wants it.
struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Named>,
}

/// A source that shares its text instead of copying it.
struct Named(Arc<Source>);

/// Asked for context, gives the marked lines whole and nothing around them; else the marked bytes. miette's own reading
/// of strings counts lines so that distant labels end up in one snippet with all that lies between.
impl SourceCode for Named {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.0.text.as_str();
        let (start, end) = (span.offset(), span.offset() + span.len());
        let (Some(ahead), Some(behind)) = (text.get(..start), text.get(end..)) else {
            return Err(MietteError::OutOfBounds);
        };
        let line = ahead.matches('\n').count();
        let line_start = ahead.rfind('\n').map_or(0, |newline| newline + 1);
        let (start, end, column) = if before == 0 {
            (start, end, ahead[line_start..].chars().count())
        } else {
            (
                line_start,
                end + behind.find('\n').unwrap_or(behind.len()),
                0,
            )
        };
        let data = &text[start..end];
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            data.as_bytes(),
            (start, end - start).into(),
            line,
            column,
            1 + data.matches('\n').count(),
        )))
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.diagnostic, f)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.diagnostic.labels.iter().enumerate().map(
            |(place, label)| {
                let (start, end) = label.span;
                let text = (!label.text.is_empty()).then(|| label.text.clone());
                if place == 0 {
                    LabeledSpan::new_primary_with_span(text, (start, end - start))
                } else {
                    LabeledSpan::new_with_span(text, (start, end - start))
                }
            },
        )))
    }
}

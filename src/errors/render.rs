//! Draws diagnostics with miette.

use std::fmt;
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::{Diagnostic, Source};

/// Columns to wrap at: fixed, so that a report reads the same wherever it is made.
const WIDTH: usize = 100;

pub(super) fn render(diagnostics: &[Diagnostic], styled: bool) -> String {
    let theme = GraphicalTheme {
        characters: ThemeCharacters::unicode(),
        styles: if styled { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_links(false)
        .with_context_lines(0)
        .without_syntax_highlighting();
    let mut text = String::new();
    for diagnostic in diagnostics {
        let drawn = Drawn {
            diagnostic,
            source: diagnostic.source.as_ref().map(|source| Named(Arc::clone(source))),
        };
        let before = text.len();
        if handler.render_report(&mut text, &drawn).is_err() {
            text.truncate(before);
            text.push_str(&format!("  × {}\n", diagnostic.message));
        }
        text.push('\n');
    }
    text
}

/// A diagnostic as miette wants it.
struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Named>,
}

/// A source that shares its text instead of copying it.
struct Named(Arc<Source>);

impl SourceCode for Named {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without context miette would show the marked bytes alone: show their lines, whole.
        let text = &self.0.text;
        let (start, end) = (span.offset(), span.offset() + span.len());
        let (Some(ahead), Some(behind)) = (text.get(..start), text.get(end..)) else {
            return Err(MietteError::OutOfBounds);
        };
        let start = ahead.rfind('\n').map_or(0, |newline| newline + 1);
        let end = end + behind.find('\n').unwrap_or(behind.len());
        let inner = text.read_span(&(start, end - start).into(), before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
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
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let mut labels: Vec<_> = self.diagnostic.labels.iter().enumerate().collect();
        // miette splits distant labels into snippets of their own only if they come in order.
        labels.sort_by_key(|(_, label)| label.span);
        Some(Box::new(labels.into_iter().map(|(place, label)| {
            let (start, end) = label.span;
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            if place == 0 {
                LabeledSpan::new_primary_with_span(text, (start, end - start))
            } else {
                LabeledSpan::new_with_span(text, (start, end - start))
            }
        })))
    }
}

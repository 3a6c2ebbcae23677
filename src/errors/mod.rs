//! What is wrong with the user's input, told so that it can be mended: place, caret, reason, remedy.
//!
//! A [`Report`] holds *all* problems found, in the order of their places. Modules collect [`Diagnostic`]s and go on;
//! only at the end do they give up. miette draws them, and is known to this module alone.

mod render;
mod suggest;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub(crate) use suggest::{did_you_mean, nearest};

/// A text that the user wrote: a file, or what stood on the command line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// How to call it: a path, or `command line`.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// Returns `NAME:LINE` of a byte.
    pub fn line(&self, offset: usize) -> String {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("{}:{line}", self.name)
    }
}

/// A marked place in the source of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The bytes marked.
    pub span: (usize, usize),
    /// What there is to say about them; empty draws the caret alone.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub(crate) message: String,
    pub(crate) source: Option<Arc<Source>>,
    pub(crate) labels: Vec<Label>,
    pub(crate) help: Option<String>,
}

impl Diagnostic {
    /// A problem without a place: `message` is a lowercase fragment without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
            labels: Vec::new(),
            help: None,
        }
    }

    /// Places the problem; the first place given is the one where the caret matters.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>, text: impl Into<String>) -> Self {
        let same = self
            .source
            .as_ref()
            .is_none_or(|present| Arc::ptr_eq(present, source));
        if same {
            self.source = Some(Arc::clone(source));
            self.labels.push(Label {
                span: (span.start, span.end),
                text: text.into(),
            });
        }
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.help = Some(match self.help.take() {
            Some(present) => format!("{present}\n{help}"),
            None => help,
        });
        self
    }

    /// Adds what to do about it, if anything is known.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// Tells one problem from another: two with the same words at the same place are one, seen twice.
    fn place(&self) -> (Option<&Source>, Option<(usize, usize)>, &str) {
        let first = self.labels.first().map(|label| label.span);
        (self.source.as_deref(), first, &self.message)
    }

    /// Takes over what `other`, of the same place, has to add.
    fn join(&mut self, other: Self) {
        for label in other.labels {
            if !self.labels.iter().any(|present| present.span == label.span) {
                self.labels.push(label);
            }
        }
        // A line at a time: two uses of one value share the remedy, and each names its own place.
        for line in other.help.iter().flat_map(|help| help.lines()) {
            let told = self
                .help
                .as_ref()
                .is_some_and(|present| present.lines().any(|present| present == line));
            if !told {
                *self = std::mem::replace(self, Self::new("")).help(line);
            }
        }
    }

    /// Returns what is wrong, without place and remedy.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// All problems of one input. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Returns `Err` with a report if there are problems: sorted by place, each once.
    ///
    /// # Errors
    /// When `diagnostics` is not empty.
    pub fn unless_empty(diagnostics: Vec<Diagnostic>) -> Result<(), Self> {
        if diagnostics.is_empty() {
            Ok(())
        } else {
            Err(Self::of(diagnostics))
        }
    }

    /// A report of these problems, of which there is at least one.
    pub(crate) fn of(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by(|a, b| {
            a.place()
                .cmp(&b.place())
                .then_with(|| a.labels.cmp(&b.labels))
        });
        let mut merged: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics {
            match merged.last_mut() {
                Some(last) if last.place() == diagnostic.place() => last.join(diagnostic),
                _ => merged.push(diagnostic),
            }
        }
        Self {
            diagnostics: merged,
        }
    }

    /// Returns the problems, sorted by place.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Draws the report with terminal colours. A writer that strips them (`anstream`) makes it plain again.
    pub fn styled(&self) -> String {
        render::render(&self.diagnostics, true)
    }
}

impl From<Diagnostic> for Report {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::render(&self.diagnostics, false))
    }
}

impl std::error::Error for Report {}

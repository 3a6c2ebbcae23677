//! Progress: lines of JSON that the program writes to the descriptor `PIPE_PROGRESS_FD`.
//!
//! ```json
//! {"done": 10, "total": 100, "unit": "step", "note": "loss 2.31"}
//! {"checkpointed": 10}
//! {"resumed": 10}
//! {"note": "a sentence for the user"}
//! ```
//!
//! `unit` and `note` may be left out. Progress does not change results: a line of another form is reported once and ignored.

use contract::{Context, Event};
use serde::Deserialize;

use crate::log::tell;

/// The longest line that is read, in bytes. Longer lines count as lines of another form.
const LONGEST: usize = 64 * 1024;

/// Receives the program's lines and reports their events to the context.
pub(crate) struct Lines<'c> {
    context: &'c Context,
    /// The beginning of a line whose end has not arrived yet.
    open: Vec<u8>,
    /// Whether the unfinished line is too long and its rest is skipped.
    skips: bool,
    complained: bool,
}

#[derive(Deserialize)]
struct Line {
    done: Option<u64>,
    total: Option<u64>,
    unit: Option<String>,
    note: Option<String>,
    checkpointed: Option<u64>,
    resumed: Option<u64>,
}

impl<'c> Lines<'c> {
    pub(crate) fn new(context: &'c Context) -> Self {
        Self {
            context,
            open: Vec::new(),
            skips: false,
            complained: false,
        }
    }

    /// Receives some bytes, which need not be whole lines.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.extend(&bytes[..end]);
            self.end();
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// Processes a last line without a line end.
    pub(crate) fn finish(&mut self) {
        self.end();
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.skips |= self.open.len() + bytes.len() > LONGEST;
        if self.skips {
            self.open.truncate(LONGEST);
        } else {
            self.open.extend_from_slice(bytes);
        }
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.open);
        let skipped = std::mem::take(&mut self.skips);
        if skipped || !(line.trim_ascii().is_empty() || self.tell(&line)) {
            self.complain(&line);
        }
    }

    /// Reports the event of a line; returns whether the line has one of the known forms.
    fn tell(&self, line: &[u8]) -> bool {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return false;
        };
        let event = match line {
            Line {
                done: Some(done),
                total: Some(total),
                unit,
                note,
                ..
            } => Event::Progress {
                done,
                total,
                unit: unit.unwrap_or_else(|| "step".into()),
                note: note.unwrap_or_default(),
            },
            Line {
                checkpointed: Some(done),
                ..
            } => Event::Checkpointed { done },
            Line {
                resumed: Some(done),
                ..
            } => Event::Resumed { done },
            Line {
                note: Some(message),
                done: None,
                total: None,
                ..
            } => Event::Note { message },
            _ => return false,
        };
        self.context.tell(&event);
        true
    }

    fn complain(&mut self, line: &[u8]) {
        if std::mem::replace(&mut self.complained, true) {
            return;
        }
        let shown: String = String::from_utf8_lossy(line).chars().take(80).collect();
        tell(&format!(
            "note: a line of progress is not understood, and passed over like others of its sort: {shown:?}\n\
             hint: a line is {{\"done\": 10, \"total\": 100, \"unit\": \"step\", \"note\": \"loss 2.31\"}}"
        ));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use contract::Observer;

    use super::*;

    struct Kept(Arc<Mutex<Vec<Event>>>);

    impl Observer for Kept {
        fn observe(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn lines_become_events_and_others_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let events = Arc::default();
        let context = Context::in_folder(folder.path())
            .unwrap()
            .with_observer(Box::new(Kept(Arc::clone(&events))));
        let mut lines = Lines::new(&context);
        lines.take(b"{\"done\": 1, \"total\"");
        lines.take(b": 4, \"note\": \"a\"}\n\nnonsense\n{\"done\": 2}\n{\"checkpointed\": 2}\n");
        lines.take(&vec![b'x'; LONGEST]);
        lines.take(b"xx");
        lines.take(b"\n{\"resumed\": 3, \"more\": []}\n{\"note\": \"b\"}\n");
        lines.take(b"{\"done\": 4, \"total\": 4, \"unit\": \"row\"}");
        lines.finish();
        assert!(lines.complained);
        let progress = |done, unit: &str, note: &str| Event::Progress {
            done,
            total: 4,
            unit: unit.into(),
            note: note.into(),
        };
        assert_eq!(
            *events.lock().unwrap(),
            [
                progress(1, "step", "a"),
                Event::Checkpointed { done: 2 },
                Event::Resumed { done: 3 },
                Event::Note {
                    message: "b".into()
                },
                progress(4, "row", ""),
            ]
        );
    }
}

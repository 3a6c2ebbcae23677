//! What stages note of their results: rows left out, sentences cut, parts that were missing.
//!
//! Notes are part of a result: its record keeps them, and whatever shows the result tells them. They are not keyed.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How many different notes a result keeps.
const MOST: usize = 40;
/// How many characters of a note are kept.
const LONGEST: usize = 500;

/// Something that whoever reads a result should know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// A sentence, as a lowercase fragment.
    pub message: String,
    /// How often the stage said so.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

fn once() -> u64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_once(times: &u64) -> bool {
    *times == 1
}

/// The notes of a result, in the order in which they were made. Nearly all results have none, which takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Note>", into = "Vec<Note>")]
pub struct Notes(Option<Arc<Vec<Note>>>);

impl From<Vec<Note>> for Notes {
    fn from(notes: Vec<Note>) -> Self {
        Self((!notes.is_empty()).then(|| Arc::new(notes)))
    }
}

impl From<Notes> for Vec<Note> {
    fn from(notes: Notes) -> Self {
        notes.to_vec()
    }
}

impl Deref for Notes {
    type Target = [Note];

    fn deref(&self) -> &[Note] {
        self.0.as_ref().map_or(&[], |notes| notes)
    }
}

impl Notes {
    /// Whether there are no notes, so that a record leaves them out.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the messages.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|note| note.message.as_str())
    }
}

/// Gathers the notes of a running stage, each once, and few enough for a record to stay small.
#[derive(Debug, Default)]
pub struct Noting {
    notes: Vec<Note>,
    /// How many notes there were beyond those kept.
    more: u64,
}

impl Noting {
    /// Takes a note.
    pub fn add(&mut self, message: &str) {
        let message = plain(message);
        if let Some(note) = self.notes.iter_mut().find(|note| note.message == message) {
            note.times += 1;
        } else if self.notes.len() < MOST {
            self.notes.push(Note { message, times: 1 });
        } else {
            self.more += 1;
        }
    }

    /// Returns the notes.
    pub fn finish(mut self) -> Notes {
        if self.more > 0 {
            self.notes.push(Note {
                message: format!("{} more notes were made", self.more),
                times: 1,
            });
        }
        self.notes.into()
    }
}

/// Returns a message on one line, without control characters, and cut where it is too long to read.
fn plain(message: &str) -> String {
    let mut letters = message
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| !letter.is_control());
    let mut plain: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_is_noted_once_with_a_count_and_there_is_an_end() {
        let mut noting = Noting::default();
        for message in ["a", "b\u{1b}[31m\n", "a"] {
            noting.add(message);
        }
        let notes = noting.finish();
        let told: Vec<_> = notes
            .iter()
            .map(|note| (&*note.message, note.times))
            .collect();
        assert_eq!(told, [("a", 2), ("b[31m ", 1)]);

        let mut noting = Noting::default();
        for number in 0..1000 {
            noting.add(&format!("{number} {}", "x".repeat(LONGEST)));
        }
        let notes = noting.finish();
        assert_eq!(notes.len(), MOST + 1);
        assert_eq!(notes.last().unwrap().message, "960 more notes were made");
        assert!(notes.messages().all(|it| it.chars().count() <= LONGEST + 1));
    }

    #[test]
    fn notes_are_written_as_a_list_and_read_back() {
        let mut noting = Noting::default();
        noting.add("2 rows left out");
        noting.add("x");
        noting.add("x");
        let notes = noting.finish();
        let text = serde_json::to_string(&notes).unwrap();
        assert_eq!(
            text,
            r#"[{"message":"2 rows left out"},{"message":"x","times":2}]"#
        );
        assert_eq!(serde_json::from_str::<Notes>(&text).unwrap(), notes);
        assert!(serde_json::from_str::<Notes>("[]").unwrap().is_none());
    }
}

//! Files that say how likely each question of SQuAD 2.0 has no answer, in the form that the official script takes (`--na-prob-file`).

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use benchmarks::SpanTask;
use contract::{StageError, read_json};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

const REMEDY: &str =
    "give an object of question ids and numbers, the larger the likelier that there is no answer";

/// An object of ids and numbers, in the order of the file: it decides between equal numbers.
struct InOrder(Vec<(String, f64)>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of question ids and numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// Reads the odds of questions, each with the question's place among those that are scored. Other questions of the file are passed over.
///
/// # Errors
/// When the file is no such object, every question of the task has an answer, or an answer that counts has no odds.
pub(crate) fn read(
    path: &Path,
    task: &SpanTask,
    answers: &[Option<String>],
) -> Result<Vec<(usize, f64)>, StageError> {
    if !task.unanswerable {
        return Err(StageError::input(
            "null_odds",
            format!("every question of `{}` has an answer", task.name),
            "leave null_odds out, or give the questions of SQuAD 2.0",
        ));
    }
    let InOrder(entries) = read_json(path, REMEDY)?;
    let questions = task.validation.iter().enumerate();
    let places: HashMap<&str, usize> = questions
        .map(|(place, question)| (question.id.as_str(), place))
        .collect();
    // As in Python, a name that is there twice stands where it was first and has the last value.
    let mut odds: Vec<(usize, f64)> = Vec::with_capacity(entries.len());
    let mut seen: HashMap<usize, usize> = HashMap::new();
    for (id, value) in entries {
        let Some(&place) = places.get(id.as_str()) else {
            continue;
        };
        match seen.get(&place) {
            Some(&at) => odds[at].1 = value,
            None => {
                seen.insert(place, odds.len());
                odds.push((place, value));
            }
        }
    }
    let mut answered = answers.iter().enumerate();
    if let Some((place, _)) =
        answered.find(|(place, answer)| answer.is_some() && !seen.contains_key(place))
    {
        return Err(StageError::input(
            path.display(),
            format!(
                "question `{}` has an answer and no odds",
                task.validation[place].id
            ),
            REMEDY,
        ));
    }
    Ok(odds)
}

//! Reads SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016 and 2018) from the official JSON files.
//!
//! `answer_start` counts code points. If the text does not have the answer at that place, the nearest place with the answer is
//! taken, and the user is told.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::{StageError, read_json};
use serde::Deserialize;

use crate::catalogue::Reading;
use crate::table::shorten;
use crate::{Benchmark, Question, SpanTask};

/// One release of SQuAD.
pub(crate) struct Release {
    /// Name of the task, as in `task = "…"`.
    pub(crate) task: &'static str,
    pub(crate) train: &'static str,
    pub(crate) validation: &'static str,
    /// Whether questions may have no answer.
    pub(crate) unanswerable: bool,
}

/// Both releases.
pub(crate) const RELEASES: &[Release] = &[
    Release {
        task: "squad",
        train: "train-v1.1.json",
        validation: "dev-v1.1.json",
        unanswerable: false,
    },
    Release {
        task: "squad2",
        train: "train-v2.0.json",
        validation: "dev-v2.0.json",
        unanswerable: true,
    },
];

/// Folders below `source` in which the files may lie.
const FOLDERS: [&str; 2] = ["", "squad"];
const REMEDY: &str = "use the official file of SQuAD";
/// The most bytes of a text: many times the longest of SQuAD, whose windows take seconds.
const LONGEST: usize = 1 << 20;

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    #[serde(default)]
    title: String,
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    question: String,
    answers: Vec<Answer>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    answer_start: usize,
}

/// Reads a release's two files from `source` or `source/squad`.
pub(crate) fn read(source: &Path, release: &Release) -> Result<Reading, StageError> {
    let mut notes = Vec::new();
    let mut split = |name: &str| -> Result<Vec<Question>, StageError> {
        let path = find(source, name)?;
        read_split(&path, release, &mut notes)
    };
    let task = SpanTask {
        name: release.task.to_owned(),
        unanswerable: release.unanswerable,
        train: split(release.train)?,
        validation: split(release.validation)?,
    };
    Ok(Reading {
        benchmark: Benchmark::Spans(task),
        notes,
    })
}

/// Whether the release's development split lies in `folder`.
pub(crate) fn is_in(folder: &Path, release: &Release) -> bool {
    find(folder, release.validation).is_ok()
}

fn find(source: &Path, name: &str) -> Result<PathBuf, StageError> {
    let candidates = FOLDERS.map(|folder| source.join(folder).join(name));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| {
        StageError::input(
            source.display(),
            format!("no `{name}` or `squad/{name}` in it"),
            "give the folder that holds the official JSON files of SQuAD",
        )
    })
}

/// Reads one file of a release.
fn read_split(
    path: &Path,
    release: &Release,
    notes: &mut Vec<String>,
) -> Result<Vec<Question>, StageError> {
    let file: File = read_json(path, REMEDY)?;
    let mut questions = Vec::new();
    let mut ids = BTreeSet::new();
    let mut moved = 0_usize;
    for article in file.data {
        for paragraph in article.paragraphs {
            let context: Arc<str> = paragraph.context.into();
            if context.len() > LONGEST {
                let (title, begins) = (shorten(&article.title), shorten(&context));
                return Err(StageError::input(
                    format!("{}: article `{title}`", path.display()),
                    format!(
                        "a paragraph of {} bytes, more than {} MiB, which begins \"{begins}\"",
                        context.len(),
                        LONGEST >> 20
                    ),
                    "split it into paragraphs, each with its questions",
                ));
            }
            for asked in paragraph.qas {
                let wrong = |reason: String| {
                    let place = format!("{}: question `{}`", path.display(), shorten(&asked.id));
                    StageError::input(place, reason, REMEDY)
                };
                if !ids.insert(asked.id.clone()) {
                    return Err(wrong("it is there twice".to_owned()));
                }
                let none = release.unanswerable && asked.is_impossible;
                if none != asked.answers.is_empty() {
                    return Err(wrong(match none {
                        true => "it is marked as impossible and has an answer".to_owned(),
                        false => "it has no answer".to_owned(),
                    }));
                }
                let mut answers = Vec::with_capacity(asked.answers.len());
                for answer in &asked.answers {
                    let (bytes, is_moved) = locate(&context, answer).ok_or_else(|| {
                        let answer = shorten(&answer.text);
                        wrong(format!("its answer \"{answer}\" is not in the text"))
                    })?;
                    moved += usize::from(is_moved);
                    answers.push(bytes);
                }
                questions.push(Question {
                    id: asked.id,
                    title: article.title.clone(),
                    context: Arc::clone(&context),
                    question: asked.question,
                    answers,
                });
            }
        }
    }
    if questions.is_empty() {
        return Err(StageError::input(
            path.display(),
            "no question in it",
            "use the official file: a split without examples can neither train nor score",
        ));
    }
    if moved > 0 {
        notes.push(format!(
            "{}: {moved} answer{} taken from the nearest place where the text has them",
            path.display(),
            if moved == 1 { "" } else { "s" }
        ));
    }
    Ok(questions)
}

/// Returns the byte range of an answer in its text, and whether that differs from the place that the file gives; `None` if the
/// answer is empty or the text does not contain it.
fn locate(context: &str, answer: &Answer) -> Option<(Range<usize>, bool)> {
    if answer.text.is_empty() {
        return None;
    }
    let mut starts = context.char_indices().map(|(byte, _)| byte);
    let said = starts.nth(answer.answer_start).unwrap_or(context.len());
    let at = |start: usize| start..start + answer.text.len();
    if context[said..].starts_with(&answer.text) {
        return Some((at(said), false));
    }
    let places = context.match_indices(&answer.text).map(|(start, _)| start);
    let nearest = places.min_by_key(|start| start.abs_diff(said))?;
    Some((at(nearest), true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever place the file gives, the place that is kept has the answer's text.
        #[test]
        fn a_place_is_that_of_the_answer(
            context in "[aé– ]{0,12}", text in "[aé– ]{0,3}", answer_start in 0_usize..16,
        ) {
            let answer = Answer { text, answer_start };
            match locate(&context, &answer) {
                Some((bytes, moved)) => {
                    prop_assert_eq!(&context[bytes.clone()], &answer.text);
                    let said = context[..bytes.start].chars().count();
                    prop_assert_eq!(moved, said != answer_start);
                }
                None => prop_assert!(answer.text.is_empty() || !context.contains(&answer.text)),
            }
        }
    }

    #[test]
    fn answers_are_found_where_they_stand() {
        let locate = |text: &str, answer_start| {
            let answer = Answer {
                text: text.to_owned(),
                answer_start,
            };
            locate("Élan – élan, élan", &answer)
        };
        // The file counts code points, and ranges count bytes.
        assert_eq!(locate("élan", 7), Some((10..15, false)));
        assert_eq!(locate("élan", 13), Some((17..22, false)));
        assert_eq!(locate("élan", 12), Some((17..22, true)));
        assert_eq!(locate("élan", 0), Some((10..15, true)));
        assert_eq!(locate("élan", 99), Some((17..22, true)));
        assert_eq!(locate("elan", 7), None);
        assert_eq!(locate("", 7), None);
    }
}

//! The data card: the contents of each task, and the scores that are possible without understanding.
//!
//! Three numbers put a score in perspective: that of the most frequent class, that of a bag of words, and the ceiling.
//! The ceiling is the score of a perfect reader, who answers by the facts that sentences are made from; the annotators,
//! whose labels count, do not always.

use std::fmt::Write as _;
use std::path::Path;

use baseline::{Kind, Metric, Task, bag_of_words_scores, majority_scores};
use contract::StageError;
use serde::Serialize;

use crate::layout;
use crate::lexicon::PLAIN;
use crate::meaning::FAMILIAR;
use crate::tasks::Example;

/// The data card.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    seed: u64,
    pub(crate) documents: usize,
    pub(crate) words: usize,
    tasks: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    task: &'static str,
    metric: &'static str,
    train: usize,
    dev: usize,
    /// Share of the development examples in each class; empty for a task whose labels are numbers.
    classes: Vec<f64>,
    majority: Option<f64>,
    bag_of_words: Option<f64>,
    ceiling: f64,
}

impl Card {
    /// Makes an empty card.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            documents: 0,
            words: 0,
            tasks: Vec::new(),
        }
    }

    /// Adds a task with `classes` classes; with 1, its labels are numbers.
    pub(crate) fn add(
        &mut self,
        task: &'static str,
        classes: usize,
        train: &[Example],
        dev: &[Example],
    ) -> Result<(), StageError> {
        let (kind, metric) = match (classes, task) {
            (1, _) => (Kind::Regression, Metric::Spearman),
            (_, "QQP") => (Kind::Classification, Metric::F1),
            _ => (Kind::Classification, Metric::Accuracy),
        };
        let labels = match kind {
            Kind::Classification => (0..classes).map(|class| class.to_string()).collect(),
            Kind::Regression => Vec::new(),
        };
        let share = |class: usize| {
            let of_class = dev.iter().filter(|example| example.label as usize == class);
            of_class.count() as f64 / dev.len().max(1) as f64
        };
        let shares = (0..labels.len()).map(share).collect();
        let truths: Vec<f64> = dev.iter().map(|example| example.truth).collect();
        let labels_given: Vec<f64> = dev.iter().map(|example| example.label).collect();
        let ceiling = metric.of(&truths, &labels_given);
        let task_data = Task {
            name: task.to_lowercase(),
            kind,
            labels,
            metrics: vec![metric],
            train: train.iter().map(plain).collect(),
            validation: dev.iter().map(plain).collect(),
            validation_mismatched: None,
        };
        self.tasks.push(Entry {
            task,
            metric: metric.name(),
            train: train.len(),
            dev: dev.len(),
            classes: shares,
            majority: defined(majority_scores(&task_data)?[0].value),
            bag_of_words: defined(bag_of_words_scores(&task_data)?[0].value),
            ceiling: ceiling.map_or(100.0, |value| 100.0 * value),
        });
        Ok(())
    }

    /// Writes `card.md` and `card.json` into the folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StageError> {
        let json = serde_json::to_string_pretty(self).map_err(StageError::failed)?;
        layout::save(&folder.join("card.json"), &(json + "\n"))?;
        layout::save(&folder.join("card.md"), &self.markdown())
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# The built-in world\n\nSeed {}: {} documents, {} words of running text. All of it is generated; nothing \
             is about anything.\n\n\
             | task | metric | train | dev | classes | majority | bag of words | ceiling |\n\
             | --- | --- | ---: | ---: | --- | ---: | ---: | ---: |\n",
            self.seed, self.documents, self.words
        );
        for entry in &self.tasks {
            let classes = match entry.classes[..] {
                [] => "scores from 0 to 5".to_owned(),
                ref shares => {
                    let shares: Vec<String> = shares
                        .iter()
                        .map(|share| format!("{:.1} %", 100.0 * share))
                        .collect();
                    shares.join(", ")
                }
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {classes} | {} | {} | {:.1} |",
                entry.task,
                entry.metric,
                entry.train,
                entry.dev,
                shown(entry.majority),
                shown(entry.bag_of_words),
                entry.ceiling
            );
        }
        text.push_str(
            "\nMajority answers with the most frequent class, or the mean score, of the training examples. Bag of words is a \
             logistic (for scores: ridge) regression on the words of either sentence and the words that they share. \
             The ceiling is the score of a perfect reader, who answers by the facts that the sentences are made from: an \
             annotator overlooks a word now and then, and guesses.\n\n",
        );
        let _ = writeln!(
            text,
            "Training examples show one word in {FAMILIAR} of each set, and the {PLAIN} plain words of each pole that \
             hypotheses are put in; development examples show all words, and none of them is an example of training."
        );
        text
    }
}

/// Returns the value of a score, if it is defined: a correlation with a constant is not.
fn defined(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "—".to_owned(), |value| format!("{value:.1}"))
}

fn plain(example: &Example) -> baseline::Example {
    baseline::Example {
        id: String::new(),
        sentence1: example.sentence1.clone(),
        sentence2: example.sentence2.clone(),
        label: example.label,
    }
}

//! The predictions of runs, made ready to be scored anew, and whether they are of the same examples.

use std::collections::HashMap;
use std::rc::Rc;

use metrics::examples::Examples;
use metrics::predictions::{FILE, Name};
use metrics::scores::Score;
use metrics::{Rescorer, Stratum};

use crate::report::ReportError;
use crate::store::{Digest, Found, Store};

/// A run's rescorer; `Ok(None)` where the run left no predictions, and a reason where they cannot be used.
pub(super) type Ready = Result<Option<Rc<Rescorer>>, String>;

/// Reads predictions, once each.
pub(super) struct Predictions<'a> {
    store: &'a Store,
    /// By artifact, and name of the score.
    ready: HashMap<(Digest, String), Ready>,
}

impl<'a> Predictions<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            ready: HashMap::new(),
        }
    }

    /// Returns what scores a run anew.
    ///
    /// # Errors
    /// When the store cannot be read, or the file is damaged.
    pub(super) fn of(&mut self, found: &Found, score: &Score) -> Result<Ready, ReportError> {
        let name = (found.artifact, score.name.clone());
        if let Some(ready) = self.ready.get(&name) {
            return Ok(ready.clone());
        }
        let ready = match self.store.file(&found.manifest, FILE)? {
            None => Ok(None),
            Some(path) => match Examples::read(&path) {
                Ok(examples) => Rescorer::new(score, &examples).map(|it| Some(Rc::new(it))),
                // What a user's program has written need not be a predictions file.
                Err(error) => {
                    let error = error.to_string();
                    let place = path.display().to_string();
                    Err(error.replace(&place, FILE))
                }
            },
        };
        self.ready.insert(name, ready.clone());
        Ok(ready)
    }
}

/// Returns how the examples of two runs differ, if they do.
pub(super) fn difference(one: &[Stratum], other: &[Stratum]) -> Option<String> {
    if one.len() != other.len() {
        return Some(format!("{} data sets, and {}", one.len(), other.len()));
    }
    one.iter()
        .zip(other)
        .find_map(|(one, other)| of_stratum(one, other))
}

fn of_stratum(one: &Stratum, other: &Stratum) -> Option<String> {
    if one == other {
        return None;
    }
    let set = &one.name;
    if *set != other.name {
        return Some(format!("{set}, and {}", other.name));
    }
    let (count, others) = (one.examples.len(), other.examples.len());
    if count != others {
        return Some(format!("{count} examples of {set}, and {others}"));
    }
    let mut places = one.examples.iter().zip(&other.examples);
    if let Some((a, b)) = places.find(|(a, b)| a != b) {
        // Both are sorted, so the smaller of the first two that differ is in one list alone.
        let Name { example, .. } = a.min(b);
        return Some(format!(
            "example `{example}` of {set} is in one of them alone"
        ));
    }
    let mut labels = one.labels.iter().zip(&other.labels);
    let place = labels.position(|(a, b)| a != b);
    Some(match place {
        Some(place) => {
            let Name { example, .. } = &one.examples[place];
            let (a, b) = (one.labels[place], other.labels[place]);
            format!("example `{example}` of {set} has the label {a} in one, and {b} in the other")
        }
        None => format!("one says what is right of the examples of {set}, the other does not"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(name: &str, examples: &[&str], labels: &[f64]) -> Stratum {
        Stratum {
            name: name.to_owned(),
            examples: examples
                .iter()
                .map(|example| Name {
                    example: (*example).to_owned(),
                    ..Name::default()
                })
                .collect(),
            labels: labels.to_vec(),
        }
    }

    #[test]
    fn other_examples_are_named() {
        let all = stratum("mnli", &["a", "b", "c"], &[0.0, 1.0, 2.0]);
        let told = |other: Stratum| difference(std::slice::from_ref(&all), &[other]);
        assert_eq!(told(all.clone()), None);
        let reasons = [
            told(stratum("rte", &["a", "b", "c"], &[0.0, 1.0, 2.0])),
            told(stratum("mnli", &["a", "b"], &[0.0, 1.0])),
            told(stratum("mnli", &["a", "bb", "c"], &[0.0, 1.0, 2.0])),
            told(stratum("mnli", &["a", "b", "c"], &[0.0, 2.0, 2.0])),
            told(stratum("mnli", &["a", "b", "c"], &[])),
            difference(std::slice::from_ref(&all), &[]),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        insta::assert_snapshot!(reasons.join("\n"), @r"
        mnli, and rte
        3 examples of mnli, and 2
        example `b` of mnli is in one of them alone
        example `b` of mnli has the label 1 in one, and 2 in the other
        one says what is right of the examples of mnli, the other does not
        1 data sets, and 0
        ");
    }
}

//! The Multi-Bootstrap of pairs of cells, which is kept in the store.

use std::collections::HashMap;
use std::rc::Rc;

use metrics::Rescorer;
use metrics::scores::Score;
use rayon::prelude::*;
use statistics::{Bootstrap, Interval, Options, Stratum, Unit, resample};

use super::examples::{Predictions, difference};
use crate::bytes::{Reader, Writer};
use crate::report::ReportError;
use crate::store::{Digest, Found, Store};

/// The version of the notes. It is raised when the same runs give other numbers, or the note has another form.
const VERSION: u8 = 1;

/// A run, and its score.
#[derive(Clone, Debug)]
pub(super) struct Run<'a> {
    pub(super) label: String,
    pub(super) found: &'a Found,
    pub(super) score: Score,
}

/// Runs by column, side (the base, then the other) and unit.
#[derive(Debug)]
pub(super) struct Sides<'a>(pub(super) Vec<[Vec<Vec<Run<'a>>>; 2]>);

impl Sides<'_> {
    fn runs(&self) -> impl Iterator<Item = &Run<'_>> {
        self.0.iter().flatten().flatten().flatten()
    }

    /// Whether both sides have the same results in all columns.
    pub(super) fn are_the_same(&self) -> bool {
        let artifacts = |side: &[Vec<Run<'_>>]| -> Vec<Digest> {
            side.iter()
                .flatten()
                .map(|run| run.found.artifact)
                .collect()
        };
        let mut columns = self.0.iter();
        columns.all(|[base, other]| artifacts(base) == artifacts(other))
    }

    /// Returns the units of a side (0: the base): means over runs, then over columns.
    pub(super) fn units(&self, side: usize, of: &dyn Fn(&Run<'_>) -> Unit) -> Vec<Unit> {
        let units = 0..self.0.first().map_or(0, |column| column[side].len());
        let units = units.filter_map(|unit| {
            let columns = self.0.iter().filter_map(|column| {
                let runs: Vec<Unit> = column[side][unit].iter().map(of).collect();
                Unit::average(&runs)
            });
            Unit::average(&columns.collect::<Vec<_>>())
        });
        units.collect()
    }

    /// Returns the label of one of the runs.
    pub(super) fn label(&self) -> &str {
        self.runs().next().map_or("", |run| &run.label)
    }

    /// Returns the name of the note on what the Multi-Bootstrap says of these sides: everything that decides it.
    fn note(&self, paired: bool, options: &Options) -> Digest {
        let mut bytes = Writer::default();
        bytes.text("comparison");
        bytes.bytes(&[VERSION, u8::from(paired)]);
        bytes.bytes(&options.drawing.draws.to_le_bytes());
        bytes.bytes(&options.drawing.seed.to_le_bytes());
        bytes.bytes(&options.level.to_bits().to_le_bytes());
        for side in self.0.iter().flatten() {
            bytes.bytes(&side.len().to_le_bytes());
            for unit in side {
                bytes.bytes(&unit.len().to_le_bytes());
                for run in unit {
                    bytes.bytes(run.found.artifact.as_bytes());
                    bytes.text(&run.score.name);
                }
            }
        }
        Digest::of(&bytes.0)
    }
}

/// What the Multi-Bootstrap says; `Ok(None)` where a run left no predictions, and a reason where they cannot be used.
type Said = Result<Option<Bootstrap>, String>;

/// Resamples the runs of several questions together, as far as the store does not know the outcome.
pub(super) fn bootstrap(
    store: &Store,
    known: &mut HashMap<Digest, Bootstrap>,
    questions: &[(&Sides<'_>, bool)],
    options: &Options,
) -> Result<Vec<Said>, ReportError> {
    let mut predictions = Predictions::new(store);
    let mut gathered = Gathered::default();
    let mut said: Vec<Option<Said>> = Vec::with_capacity(questions.len());
    for (sides, paired) in questions {
        let note = sides.note(*paired, options);
        let noted = || store.note(&note).as_deref().and_then(decode);
        said.push(match known.get(&note).copied().or_else(noted) {
            Some(bootstrap) => {
                known.insert(note, bootstrap);
                Some(Ok(Some(bootstrap)))
            }
            None => match gathered.add(sides, &mut predictions)? {
                Ok(true) => None,
                Ok(false) => Some(Ok(None)),
                Err(reason) => Some(Err(reason)),
            },
        });
    }
    drop(predictions);
    let drawn = gathered.resample(options);
    // What is drawn is worked out for all questions at once; it depends on no other.
    let found: Vec<Said> = questions
        .par_iter()
        .zip(said)
        .map(|((sides, paired), said)| {
            said.unwrap_or_else(|| {
                let [base, other] = [0, 1].map(|side| sides.units(side, &|run| drawn.of(run)));
                Ok(Bootstrap::of(&base, &other, *paired, options))
            })
        })
        .collect();
    for ((sides, paired), said) in questions.iter().zip(&found) {
        // What was known is in the store.
        let note = sides.note(*paired, options);
        if let Ok(Some(bootstrap)) = said
            && known.insert(note, *bootstrap).is_none()
        {
            store.keep_note(&note, &encode(bootstrap));
        }
    }
    Ok(found)
}

/// A run's artifact, and the score that is made anew.
type RunName = (Digest, String);

impl Run<'_> {
    fn name(&self) -> RunName {
        (self.found.artifact, self.score.name.clone())
    }
}

/// Runs to resample, each once. Those that were scored on the same examples are one group.
#[derive(Default)]
struct Gathered {
    groups: Vec<Vec<Rc<Rescorer>>>,
    /// Group and place in it.
    places: HashMap<RunName, (usize, usize)>,
}

impl Gathered {
    /// Adds the runs of a question. Returns whether all have predictions; the reason, where these cannot be used.
    fn add(
        &mut self,
        sides: &Sides<'_>,
        predictions: &mut Predictions<'_>,
    ) -> Result<Result<bool, String>, ReportError> {
        let mut all: Vec<(RunName, Rc<Rescorer>)> = Vec::new();
        for column in &sides.0 {
            let mut first: Option<Rc<Rescorer>> = None;
            for run in column.iter().flatten().flatten() {
                let rescorer = match predictions.of(run.found, &run.score)? {
                    Ok(Some(rescorer)) => rescorer,
                    Ok(None) => return Ok(Ok(false)),
                    Err(reason) => return Ok(Err(format!("{}: {reason}", run.label))),
                };
                let first = first.get_or_insert_with(|| Rc::clone(&rescorer));
                if first.scale() != rescorer.scale() {
                    return Ok(Err(format!(
                        "`{}` is a share in one row, and a percentage in the other",
                        run.score.name
                    )));
                }
                if let Some(difference) = difference(first.strata(), rescorer.strata()) {
                    return Ok(Err(format!(
                        "the rows were scored on other examples: {difference}"
                    )));
                }
                all.push((run.name(), rescorer));
            }
        }
        for (name, rescorer) in all {
            if self.places.contains_key(&name) {
                continue;
            }
            let mut groups = self.groups.iter();
            let group = groups.position(|group| group[0].strata() == rescorer.strata());
            let group = group.unwrap_or_else(|| {
                self.groups.push(Vec::new());
                self.groups.len() - 1
            });
            self.places.insert(name, (group, self.groups[group].len()));
            self.groups[group].push(rescorer);
        }
        Ok(Ok(true))
    }

    fn resample(self, options: &Options) -> Resampled {
        let groups = self.groups.iter().map(|group| {
            let strata = group[0].strata().iter().map(|stratum| Stratum {
                name: &stratum.name,
                examples: stratum.examples.len(),
            });
            // What counts its references cannot be shared by threads, what it refers to can.
            let scores = group.iter().map(|rescorer| {
                let rescorer: &Rescorer = rescorer;
                move |counts: &[Vec<u32>]| rescorer.score(counts)
            });
            let scores: Vec<_> = scores.collect();
            let scores: Vec<statistics::Score<'_>> = scores
                .iter()
                .map(|score| score as statistics::Score<'_>)
                .collect();
            resample(&strata.collect::<Vec<_>>(), &scores, options.drawing)
        });
        Resampled {
            groups: groups.collect(),
            places: self.places,
        }
    }
}

/// The scores of runs on each draw.
struct Resampled {
    groups: Vec<Vec<Vec<f64>>>,
    places: HashMap<RunName, (usize, usize)>,
}

impl Resampled {
    fn of(&self, run: &Run<'_>) -> Unit {
        let place = self.places.get(&run.name());
        Unit {
            score: run.score.value,
            draws: place.map_or_else(Vec::new, |(group, place)| {
                self.groups[*group][*place].clone()
            }),
        }
    }
}

fn encode(bootstrap: &Bootstrap) -> Vec<u8> {
    let Bootstrap {
        interval,
        p,
        seeds,
        examples,
        draws,
        undefined,
    } = bootstrap;
    let numbers = [interval.low, interval.high, *p, *seeds, *examples];
    let mut bytes = Writer::default();
    for number in numbers {
        bytes.bytes(&number.to_bits().to_le_bytes());
    }
    for count in [*draws, *undefined] {
        bytes.bytes(&(count as u64).to_le_bytes());
    }
    bytes.0
}

fn decode(note: &[u8]) -> Option<Bootstrap> {
    let mut bytes = Reader::new(note);
    let mut number = || Some(u64::from_le_bytes(bytes.chunk()?));
    let mut float = || number().map(f64::from_bits);
    let interval = Interval {
        low: float()?,
        high: float()?,
    };
    let (p, seeds, examples) = (float()?, float()?, float()?);
    let (draws, undefined) = (number()?, number()?);
    let is_right = (0.0..=1.0).contains(&p) && seeds >= 0.0 && examples >= 0.0 && draws > 0;
    is_right.then_some(Bootstrap {
        interval,
        p,
        seeds,
        examples,
        draws: usize::try_from(draws).unwrap_or(usize::MAX),
        undefined: usize::try_from(undefined).unwrap_or(usize::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_half_of_it_is_not() {
        let bootstrap = Bootstrap {
            interval: Interval {
                low: -0.5,
                high: 1.25,
            },
            p: 0.25,
            seeds: 0.5,
            examples: 0.125,
            draws: 9_999,
            undefined: 1,
        };
        let note = encode(&bootstrap);
        assert_eq!(decode(&note), Some(bootstrap));
        assert_eq!(decode(&note[..note.len() - 1]), None);
    }
}

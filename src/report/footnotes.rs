//! What stages noted of the results that a table rests on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use tables::Footnote;

use super::{Jobs, Names};
use crate::graph::JobIndex;

/// The places of a job's notes; `None`, as for nearly all jobs, takes no room.
type Places = Option<Rc<BTreeSet<usize>>>;

/// Gathers the notes of results. A note is gathered once, however many jobs made it and however many cells rest on these.
pub(super) struct Footnotes<'a, 'k> {
    jobs: Jobs<'a, 'k>,
    /// Whether any job has notes.
    any: bool,
    /// By stage and message: the jobs that made the note, in the order in which notes are told.
    told: Vec<((&'a str, &'k str), BTreeSet<JobIndex>)>,
    places: HashMap<(&'a str, &'k str), usize>,
    /// By job: the places in `told` of its notes and of the notes of all jobs that it rests on.
    seen: HashMap<JobIndex, Places>,
}

impl<'a, 'k> Footnotes<'a, 'k> {
    pub(super) fn new(jobs: Jobs<'a, 'k>) -> Self {
        let has_notes = |job| (jobs.found)(job).is_some_and(|found| !found.notes.is_none());
        Self {
            any: jobs.graph.jobs().any(|(index, _)| has_notes(index)),
            jobs,
            told: Vec::new(),
            places: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    /// Returns the places of all notes that a job's result rests on.
    pub(super) fn of(&mut self, job: JobIndex) -> Places {
        if !self.any {
            return None;
        }
        // Inputs are looked at before their users, with a stack of our own: a chain of jobs may be longer than the thread's
        // stack allows.
        let mut open = vec![(job, false)];
        while let Some((job, ready)) = open.pop() {
            if self.seen.contains_key(&job) {
                continue;
            }
            if !ready {
                open.push((job, true));
                let inputs = self.jobs.graph.inputs(job);
                open.extend(inputs.map(|input| (input, false)));
                continue;
            }
            let of_job = self.rests_on(job);
            self.seen.insert(job, of_job);
        }
        self.seen.get(&job)?.clone()
    }

    fn rests_on(&mut self, job: JobIndex) -> Places {
        let graph = self.jobs.graph;
        let inputs = graph.inputs(job);
        let inputs: Vec<_> = inputs
            .filter_map(|input| self.seen.get(&input)?.clone())
            .collect();
        let own = (self.jobs.found)(job).map_or(&[][..], |found| &*found.notes);
        if own.is_empty() && inputs.len() <= 1 {
            return inputs.into_iter().next();
        }
        let mut all = BTreeSet::new();
        for notes in &inputs {
            all.extend(notes.iter().copied());
        }
        for note in own {
            let name = (&*graph.job(job).stage, note.message.as_str());
            let place = *self.places.entry(name).or_insert_with(|| {
                self.told.push((name, BTreeSet::new()));
                self.told.len() - 1
            });
            self.told[place].1.insert(job);
            all.insert(place);
        }
        Some(Rc::new(all))
    }

    /// Returns the notes as they stand below a table, sorted by the first job that made each, which comes before all jobs that
    /// rest on it; and the new place of each note.
    pub(super) fn finish(self) -> (Vec<Footnote>, Vec<usize>) {
        let mut order: BTreeMap<(Option<JobIndex>, usize), usize> = BTreeMap::new();
        for (place, (_, jobs)) in self.told.iter().enumerate() {
            order.insert((jobs.first().copied(), place), place);
        }
        let mut places = vec![0; self.told.len()];
        let mut names = Names::new(self.jobs.graph);
        let footnotes = order.into_values().enumerate().map(|(now, before)| {
            places[before] = now;
            let ((stage, message), jobs) = &self.told[before];
            let labels = jobs
                .iter()
                .map(|job| self.jobs.graph.job(*job).label.to_string());
            Footnote {
                who: names.of(jobs.iter().copied()),
                stage: (*stage).to_owned(),
                jobs: labels.collect(),
                message: (*message).to_owned(),
            }
        });
        let footnotes = footnotes.collect();
        (footnotes, places)
    }
}

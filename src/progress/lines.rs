//! Plain lines, for logs.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use contract::Event;

use super::text::{amount, count, duration, percent_of, whose};
use super::{Progress, Verbosity};
use crate::failure::{Failure, FailureKind};
use crate::progress::Results;
use crate::store::{Holder, Record};
use crate::terminal::shown;

/// How often a running job tells at most how far it is.
const EVERY: Duration = Duration::from_secs(10);

/// Writes what happens, a line each.
pub(super) struct Lines<W> {
    to: W,
    verbosity: Verbosity,
    jobs: usize,
    done: usize,
    running: BTreeMap<usize, Job>,
}

struct Job {
    label: String,
    start: Instant,
    told: Instant,
    /// The last note of the job on how it goes.
    note: String,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(to: W, verbosity: Verbosity) -> Self {
        Self {
            to,
            verbosity,
            jobs: 0,
            done: 0,
            running: BTreeMap::new(),
        }
    }

    fn line(&mut self, at_least: Verbosity, text: &str) {
        if self.verbosity >= at_least {
            // If standard error is closed, nobody is left to be told.
            let _ = writeln!(self.to, "{}", shown(text, false));
        }
    }

    fn counter(&self) -> String {
        // Jobs that were counted as known may have to be made again.
        let jobs = self.jobs.max(self.done);
        let width = jobs.to_string().len();
        format!("[{:>width$}/{jobs}]", self.done)
    }
}

impl<W: Write> Progress for Lines<W> {
    fn known(&mut self, results: &Results<'_>) {
        self.done += results.len();
    }

    fn planned(&mut self, jobs: usize, cached: usize) {
        (self.jobs, self.done) = (jobs, cached);
        if cached < jobs {
            let text = format!("{}, {cached} of them cached", count(jobs, "job"));
            self.line(Verbosity::Normal, &text);
        }
    }

    fn started(&mut self, job: usize, label: &str, threads: usize) {
        let now = Instant::now();
        self.running.insert(
            job,
            Job {
                label: label.to_owned(),
                start: now,
                told: now,
                note: String::new(),
            },
        );
        let counter = self.counter();
        self.line(Verbosity::Normal, &format!("{counter} start   {label}"));
        self.line(
            Verbosity::Verbose,
            &format!("        {}", count(threads, "thread")),
        );
    }

    fn waits(&mut self, job: usize, holder: Option<&Holder>) {
        if let Some(Job { label, .. }) = self.running.get(&job) {
            let text = format!(
                "{} waits   {label}: another run works on it{}",
                self.counter(),
                holder.map_or_else(String::new, |holder| format!(": {}", whose(holder)))
            );
            self.line(Verbosity::Normal, &text);
        }
    }

    fn event(&mut self, job: usize, event: &Event) {
        let Some(running) = self.running.get_mut(&job) else {
            return;
        };
        let label = running.label.clone();
        match event {
            Event::Progress {
                done,
                total,
                unit,
                note,
            } => {
                running.note.clone_from(note);
                if running.told.elapsed() < EVERY {
                    return;
                }
                running.told = Instant::now();
                let percent = percent_of(*done, *total);
                let comma = if note.is_empty() { "" } else { ", " };
                let counter = self.counter();
                let text = format!(
                    "{counter} {percent:>6}% {label}: {unit} {done} of {total}{comma}{note}"
                );
                self.line(Verbosity::Normal, &text);
            }
            Event::PassedOver { done } => {
                let text = format!(
                    "{} damaged {label}: its checkpoint after {done} is passed over",
                    self.counter()
                );
                self.line(Verbosity::Normal, &text);
            }
            Event::Resumed { done } => {
                let text = format!("{} resumed {label}: after {done}", self.counter());
                self.line(Verbosity::Normal, &text);
            }
            Event::Note { message } => {
                self.line(Verbosity::Verbose, &format!("        {label}: {message}"));
            }
            Event::Checkpointed { .. } | Event::Worked { .. } => {}
        }
    }

    fn finished(&mut self, job: usize, label: &str, made: Option<&Record>) {
        self.done += usize::from(made.is_some());
        let Some(running) = self.running.remove(&job) else {
            return;
        };
        let (counter, time) = (self.counter(), duration(running.start.elapsed()));
        let word = match made {
            Some(_) => "done    ",
            None => "cached  ",
        };
        // The last note of a training (its loss, say) is shown even if the job was too short for a line on progress.
        let note = match running.note.is_empty() {
            true => String::new(),
            false => format!(": {}", running.note),
        };
        self.line(
            Verbosity::Normal,
            &format!("{counter} {word}{label} ({time}){note}"),
        );
        if let Some(record) = made {
            let cost = &record.cost;
            let worked: Vec<String> = cost
                .worked
                .iter()
                .map(|worked| format!(", {} {}s", amount(worked.amount), worked.unit))
                .collect();
            let share = cost
                .share_of_peak()
                .map(|share| format!(", {:.0}% of peak", 100.0 * share));
            let text = format!(
                "        {:.1} core-seconds, {}B at most{}{}, artifact {}",
                cost.core_seconds,
                amount(cost.peak_memory as f64),
                worked.concat(),
                share.unwrap_or_default(),
                record.artifact.short(),
            );
            self.line(Verbosity::Verbose, &text);
        }
    }

    fn failed(&mut self, job: usize, label: &str, failure: &Failure) {
        self.running.remove(&job);
        let word = match failure.kind {
            FailureKind::Interrupted => "stopped ",
            _ => "failed  ",
        };
        let text = format!("{} {word}{label}: {}", self.counter(), failure.message);
        self.line(Verbosity::Normal, &text);
    }

    fn note(&mut self, message: &str) {
        self.line(Verbosity::Quiet, message);
    }

    fn tick(&mut self) {
        let _ = self.to.flush();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(verbosity: Verbosity) -> String {
        let mut lines = Lines::new(Vec::new(), verbosity);
        lines.planned(12, 3);
        lines.started(4, "pretrain[m=0.4]", 2);
        lines.event(4, &Event::PassedOver { done: 140 });
        lines.event(4, &Event::Resumed { done: 120 });
        lines.event(
            4,
            &Event::Progress {
                done: 130,
                total: 200,
                unit: "step".into(),
                note: "loss 3.2".into(),
            },
        );
        lines.event(
            4,
            &Event::Note {
                message: "the corpus is small".into(),
            },
        );
        lines.running.get_mut(&4).unwrap().told -= EVERY;
        lines.event(
            4,
            &Event::Progress {
                done: 140,
                total: 200,
                unit: "step".into(),
                note: "loss 3.1".into(),
            },
        );
        let failure = Failure {
            kind: FailureKind::Failed,
            message: "the loss is not finite".into(),
            remedy: None,
            log: None,
        };
        lines.failed(4, "pretrain[m=0.4]", &failure);
        String::from_utf8(lines.to).unwrap()
    }

    #[test]
    fn a_log_tells_starts_ends_and_now_and_then_how_far_it_is() {
        insta::assert_snapshot!(told(Verbosity::Normal), @r"
        12 jobs, 3 of them cached
        [ 3/12] start   pretrain[m=0.4]
        [ 3/12] damaged pretrain[m=0.4]: its checkpoint after 140 is passed over
        [ 3/12] resumed pretrain[m=0.4]: after 120
        [ 3/12]     70% pretrain[m=0.4]: step 140 of 200, loss 3.1
        [ 3/12] failed  pretrain[m=0.4]: the loss is not finite
        ");
    }

    #[test]
    fn a_job_that_was_asked_to_stop_has_not_failed() {
        let mut lines = Lines::new(Vec::new(), Verbosity::Normal);
        lines.planned(2, 0);
        lines.started(0, "pretrain", 2);
        let failure = Failure {
            kind: FailureKind::Interrupted,
            message: "as asked".into(),
            remedy: None,
            log: None,
        };
        lines.failed(0, "pretrain", &failure);
        insta::assert_snapshot!(String::from_utf8(lines.to).unwrap(), @r"
        2 jobs, 0 of them cached
        [0/2] start   pretrain
        [0/2] stopped pretrain: as asked
        ");
    }

    #[test]
    fn quiet_tells_nothing_of_it_and_verbose_tells_notes() {
        assert_eq!(told(Verbosity::Quiet), "");
        assert!(told(Verbosity::Verbose).contains("pretrain[m=0.4]: the corpus is small\n"));
    }
}

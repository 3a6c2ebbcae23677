//! Moving lines, for terminals.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use contract::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::text::{amount, duration, whose};
use super::{Progress, Verbosity};
use crate::failure::{Failure, FailureKind};
use crate::progress::Results;
use crate::store::{Holder, Record};
use crate::terminal::{self, Paint, shown};

/// A line per running job, and one for the run.
pub(super) struct Bars {
    verbosity: Verbosity,
    lines: MultiProgress,
    run: ProgressBar,
    running: BTreeMap<usize, ProgressBar>,
}

impl Bars {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        let lines = MultiProgress::new();
        let run = lines.add(ProgressBar::new(0).with_style(style(
            "{prefix:.bold} {bar:24.cyan/dim} {pos}/{len} jobs · {elapsed_precise}",
        )));
        Self {
            verbosity,
            lines,
            run,
            running: BTreeMap::new(),
        }
    }

    fn print(&self, text: &str) {
        let colours = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
        // If standard error is closed, nobody is left to be told.
        let _ = self.lines.println(shown(text, colours));
    }
}

impl Progress for Bars {
    fn known(&mut self, results: &Results<'_>) {
        self.run.inc(results.len() as u64);
    }

    fn planned(&mut self, jobs: usize, cached: usize) {
        self.run.set_prefix("pipe");
        self.run.set_length(jobs as u64);
        self.run.set_position(cached as u64);
        if cached < jobs {
            self.run.enable_steady_tick(Duration::from_millis(500));
        }
    }

    fn started(&mut self, job: usize, label: &str, _: usize) {
        let line =
            ProgressBar::new(0).with_style(style("  {prefix:.cyan} {spinner} {wide_msg:.dim}"));
        let line = self.lines.insert_before(&self.run, line);
        line.set_prefix(terminal::line(label).into_owned());
        line.enable_steady_tick(Duration::from_millis(200));
        // A job that waited for another run starts once more.
        if let Some(waited) = self.running.insert(job, line) {
            waited.finish_and_clear();
            self.lines.remove(&waited);
        }
    }

    fn waits(&mut self, job: usize, holder: Option<&Holder>) {
        if let Some(line) = self.running.get(&job) {
            let whose = holder.map_or_else(String::new, |holder| format!(": {}", whose(holder)));
            let message = format!("another run works on it{whose}");
            line.set_message(terminal::line(&message).into_owned());
        }
    }

    fn event(&mut self, job: usize, event: &Event) {
        let Some(line) = self.running.get(&job) else {
            return;
        };
        match event {
            Event::Progress {
                done,
                total,
                unit,
                note,
            } => {
                if line.length() != Some(*total) {
                    line.set_length(*total);
                    // The steps before a job was resumed say nothing of its rate.
                    line.set_position(*done);
                    line.reset_eta();
                    // A program of the user's may call its units anything, braces included.
                    let unit = terminal::line(unit).replace('{', "{{").replace('}', "}}");
                    line.set_style(style(&format!(
                        "  {{prefix:.cyan}} {{bar:16.cyan/dim}} {{pos}}/{{len}} {unit}s · {{rate}} · {{eta}} left · {{wide_msg:.dim}}"
                    )));
                }
                line.set_position(*done);
                line.set_message(terminal::line(note).into_owned());
            }
            Event::PassedOver { done } if self.verbosity > Verbosity::Quiet => {
                self.print(&format!(
                    "  {} its checkpoint after {done} is damaged, and passed over",
                    line.prefix().cyan()
                ));
            }
            Event::Resumed { done } => {
                line.set_message(format!("goes on after {done}"));
            }
            Event::Note { message } if self.verbosity >= Verbosity::Verbose => {
                self.print(&format!("  {} {message}", line.prefix().cyan()));
            }
            Event::PassedOver { .. }
            | Event::Note { .. }
            | Event::Checkpointed { .. }
            | Event::Worked { .. } => {}
        }
    }

    fn finished(&mut self, job: usize, label: &str, made: Option<&Record>) {
        self.run.inc(u64::from(made.is_some()));
        let Some(line) = self.running.remove(&job) else {
            return;
        };
        line.finish_and_clear();
        self.lines.remove(&line);
        if let Some(record) = made {
            let time = duration(Duration::from_secs_f64(record.cost.wall_seconds));
            let note = match (line.length(), line.message()) {
                (Some(1..), note) if !note.is_empty() => format!(" · {note}"),
                _ => String::new(),
            };
            let told = format!("{time}{note}");
            self.print(&format!("{} {label} {}", "✓".green(), told.dimmed()));
        }
    }

    fn failed(&mut self, job: usize, label: &str, failure: &Failure) {
        if let Some(line) = self.running.remove(&job) {
            line.finish_and_clear();
            self.lines.remove(&line);
        }
        let mark = match failure.kind {
            FailureKind::Interrupted => "■".yellow().to_string(),
            _ => "✗".red().to_string(),
        };
        self.print(&format!("{mark} {label}: {}", failure.message));
    }

    fn note(&mut self, message: &str) {
        self.print(message);
    }

    fn tick(&mut self) {}
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.run.finish_and_clear();
    }
}

/// Makes a style of a template that is known to be right; the plain style stands in if it were not.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
            // A line that cannot be formatted stays empty.
            let _ = write!(to, "{}/s", amount(state.per_sec()));
        })
        .progress_chars("━╸─")
}

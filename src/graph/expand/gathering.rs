//! Inputs that gather: how many results they may take together, and that no two of them are one.

use super::Expander;
use crate::declare::{Gathers, StageId, VariableId};
use crate::errors::Diagnostic;
use crate::graph::JobIndex;
use crate::graph::environment::Reads;
use crate::graph::members::Members;

/// The most results that all inputs may gather together, since results that gather may be gathered in turn.
const MOST_GATHERED: usize = 100_000;

impl<'p> Expander<'p> {
    /// Counts the results that an input gathers, and returns whether all inputs together may gather so many. A problem is
    /// reported once.
    pub(super) fn may_gather(&mut self, stage: StageId, gathers: &Gathers) -> bool {
        let before = self.gathered;
        self.gathered = before.saturating_add(gathers.over.count());
        if self.gathered > MOST_GATHERED && before <= MOST_GATHERED {
            let name = &self.pipeline.stage(stage).name.text;
            let message = format!("with `{name}` inputs gather more than {MOST_GATHERED} results");
            self.problems.push(
                Diagnostic::new(message)
                    .at(&self.pipeline.source, gathers.over_span.clone(), "")
                    .help("gather fewer, or name fewer lines"),
            );
        }
        self.gathered <= MOST_GATHERED
    }

    /// Says why a gathered job would be the same as an earlier member of the input.
    pub(super) fn alike(
        &self,
        members: &mut Members<'p>,
        job: JobIndex,
        reads: &Reads,
    ) -> Option<Diagnostic> {
        let stage = &self.pipeline.stage(members.stage).name.text;
        let name = |variable: VariableId| self.pipeline.variable(variable).name.as_str();
        let mut bound = members.bound.iter();
        let unread = bound.find(|variable| !reads.contains(**variable));
        let (message, help) = match unread {
            Some(variable) => {
                let known: Vec<&str> = reads.iter().map(name).collect();
                let known = match known.is_empty() {
                    true => "no variable".to_owned(),
                    false => known.join(", "),
                };
                (
                    format!(
                        "`over` binds `{}`, which does not reach `{stage}`: its results would be one",
                        name(*variable)
                    ),
                    format!("leave it out, or gather over what reaches `{stage}`: {known}"),
                )
            }
            None if members.seen.insert(job) => return None,
            None => (
                format!("two of these values come to one result of `{stage}`"),
                "leave one of them out".to_owned(),
            ),
        };
        let span = members.gathers.over_span.clone();
        Some(
            Diagnostic::new(message)
                .at(&self.pipeline.source, span, "")
                .help(help),
        )
    }
}

//! The results that an input gathers: `{ stage = "@stage", over = { seed = [0, 1, 2] } }`.
//!
//! Each is an input of its own, `NAME/MEMBER`, with a digest of its own in the key; a job finds them as folders `MEMBER` in
//! one folder `NAME`. A member is called by what `over` binds, `seed=0` or `m=0.4,seed=0`, so that its name says what it is and
//! neither a path nor the order of the values reaches a key. Where a value cannot be part of a file's name, all members go by
//! their places from 1 on.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::environment::{Environment, Reads};
use super::{InputName, JobIndex};
use crate::declare::{Gathers, Pipeline, StageId, VariableId};
use crate::errors::Diagnostic;

/// How long the name of a file may be, in bytes.
const LONGEST: usize = 200;

/// The members of an input that gathers, as far as they are still to be made.
pub(super) struct Members<'p> {
    pub(super) stage: StageId,
    pub(super) subfolder: Option<Arc<str>>,
    pub(super) gathers: &'p Gathers,
    /// The variables that `over` binds.
    pub(super) bound: Rc<[VariableId]>,
    /// The jobs of the members that were made by now.
    pub(super) seen: HashSet<JobIndex>,
    /// The members that are left, in the order of `over`: each with its name and the environment in which it is resolved.
    pub(super) left: VecDeque<(InputName, Rc<Environment<'p>>)>,
}

impl<'p> Members<'p> {
    /// Returns the members of an input. The variables that their names read are added to `reads`.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub(super) fn of(
        pipeline: &'p Pipeline,
        input: &str,
        gathers: &'p Gathers,
        (stage, subfolder): (StageId, Option<Arc<str>>),
        environment: &Environment<'p>,
        reads: &mut Reads,
    ) -> Result<Self, Diagnostic> {
        let bound: Rc<[VariableId]> = gathers.over.axes().map(|axis| axis.variable).collect();
        let points = gathers.over.points();
        let mut environments = Vec::with_capacity(points.len());
        let mut names = Vec::with_capacity(points.len());
        for point in points {
            let mut member = environment.clone();
            for (variable, definition) in &point {
                member.bind_one(*variable, definition);
            }
            let mut of_name = Reads::new();
            let mut pairs = Vec::with_capacity(point.len());
            for (variable, _) in &point {
                let value = member.variable(*variable, &mut of_name)?.value;
                pairs.push((pipeline.variable(*variable).name.as_str(), value));
            }
            reads.extend_without(&of_name, &bound);
            names.push(name(pairs.iter().map(|(name, value)| (*name, &**value))));
            environments.push(Rc::new(member));
        }
        let names = names.into_iter().collect::<Option<Vec<String>>>();
        // Two values may be written alike, a number and a text: then names would not tell them apart.
        let names = names.filter(|names| names.iter().collect::<HashSet<_>>().len() == names.len());
        let width = environments.len().to_string().len();
        let left = environments.into_iter().enumerate();
        let left = left.map(|(place, environment)| {
            let member = match &names {
                Some(names) => names[place].clone(),
                None => format!("{:0width$}", place + 1),
            };
            (format!("{input}/{member}").into(), environment)
        });
        Ok(Self {
            stage,
            subfolder,
            gathers,
            bound,
            seen: HashSet::new(),
            left: left.collect(),
        })
    }
}

/// Returns a member's name by what is bound, if that can be a file's name.
fn name<'v>(pairs: impl Iterator<Item = (&'v str, &'v Value)>) -> Option<String> {
    let pairs = pairs.map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let fits = !text.is_empty() && text.chars().all(is_plain);
        fits.then(|| format!("{name}={text}"))
    });
    let name = pairs.collect::<Option<Vec<String>>>()?.join(",");
    (name.len() <= LONGEST).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::name;

    #[test]
    fn names_say_what_is_bound_where_they_can() {
        let of = |pairs: &[(&str, serde_json::Value)]| {
            name(pairs.iter().map(|(name, value)| (*name, value)))
        };
        assert_eq!(of(&[("seed", json!(0))]).as_deref(), Some("seed=0"));
        let both = [("m", json!(0.4)), ("task", json!("sst2"))];
        assert_eq!(of(&both).as_deref(), Some("m=0.4,task=sst2"));
        for other in ["", "a/b", "a b", "a,b=c", "ü", &"x".repeat(300)] {
            assert_eq!(of(&[("text", json!(other))]), None, "{other}");
        }
    }
}

//! Profiles: which one holds, what it inherits, what it replaces.

use std::collections::BTreeMap;

use super::Builder;
use crate::declare::model::{Asked, Variable};
use crate::declare::raw::{RawAxes, RawOutput, RawProfile};
use crate::errors::{Diagnostic, Source, did_you_mean};

/// What the profile in force is called where a file declares none.
pub(super) const UNNAMED: &str = "default";

impl RawAxes {
    /// Puts what is given here in the place of what `axes` has.
    pub(super) fn replace(self, axes: &mut Self) {
        axes.rows = self.rows.or(axes.rows.take());
        axes.columns = self.columns.or(axes.columns.take());
        axes.over = self.over.or(axes.over.take());
        axes.exclude = self.exclude.or(axes.exclude.take());
        axes.best = self.best.or(axes.best.take());
        axes.select = self.select.or(axes.select.take());
        axes.compare = self.compare.or(axes.compare.take());
    }
}

impl Builder<'_> {
    /// Returns the places of the profile that holds and of those that it extends, the nearest first. Empty where no
    /// profile is declared, or where the choice fails.
    pub(super) fn choose(
        &mut self,
        profiles: &[RawProfile],
        asked: Option<Asked<'_>>,
    ) -> Vec<usize> {
        let known = || profiles.iter().map(|profile| profile.name.text.as_str());
        let place_of = |name: &str| known().position(|known| known == name);
        for profile in profiles {
            if let Err(why) = super::names::check(&profile.name.text) {
                let message = format!("`{}` cannot name a profile", profile.name.text);
                self.problem(message, profile.name.span.clone(), why);
            }
            if let Some(extends) = &profile.extends
                && place_of(&extends.text).is_none()
            {
                let help = did_you_mean(&extends.text, known(), "profiles");
                let message = format!("unknown profile `{}`", extends.text);
                self.problem(message, extends.span.clone(), help);
            }
        }
        let mut defaults = (0..profiles.len()).filter(|&place| profiles[place].default);
        let default = defaults.next();
        if let (Some(first), Some(second)) = (default, defaults.next()) {
            let (first, second) = (&profiles[first].name, &profiles[second].name);
            self.problems.push(
                Diagnostic::new("two profiles are the default")
                    .at(self.source, second.span.clone(), "")
                    .at(self.source, first.span.clone(), "the first")
                    .help("leave `default = true` to one of them"),
            );
        }
        let mut next = match asked {
            // Hints of the program call the values of a file without profiles so.
            Some(asked) if asked.name == UNNAMED && profiles.is_empty() => None,
            Some(asked) => {
                let name = asked.name;
                let place = place_of(name);
                if place.is_none() {
                    let (source, before) = match asked.variable {
                        None => ("command line", "--profile ".to_owned()),
                        Some(variable) => ("environment", format!("{variable}=")),
                    };
                    let text = format!("{before}{name}");
                    let span = before.len()..text.len();
                    let source = Source {
                        name: source.into(),
                        text,
                    }
                    .into();
                    let help = did_you_mean(name, known(), "profiles");
                    self.problems.push(
                        Diagnostic::new(format!("unknown profile `{name}`"))
                            .at(&source, span, "")
                            .help(help),
                    );
                }
                place
            }
            None => {
                if let (None, Some(first)) = (default, profiles.first()) {
                    let span = first.name.span.clone();
                    let help = "mark one profile with `default = true`";
                    self.problem("no profile is the default".into(), span, help);
                }
                default
            }
        };
        let mut chain: Vec<usize> = Vec::new();
        while let Some(place) = next {
            if let Some(from) = chain.iter().position(|&earlier| earlier == place) {
                let mut names: Vec<_> = chain[from..]
                    .iter()
                    .map(|&p| profiles[p].name.text.as_str())
                    .collect();
                names.push(&profiles[place].name.text);
                let message = format!(
                    "profiles extend each other in a cycle: {}",
                    names.join(" → ")
                );
                let span = profiles[place].name.span.clone();
                self.problem(message, span, "remove one `extends`");
                break;
            }
            chain.push(place);
            next = profiles[place]
                .extends
                .as_ref()
                .and_then(|name| place_of(&name.text));
        }
        chain
    }

    /// Checks every profile, and applies those of `chain`: variables at once, the axes of outputs into `replaced`.
    pub(super) fn apply(
        &mut self,
        profiles: &[RawProfile],
        chain: &[usize],
        outputs: &[RawOutput],
        variables: &mut [Variable],
        replaced: &mut BTreeMap<(&'static str, String), RawAxes>,
    ) {
        // The furthest ancestor first, so that the nearest has the last word.
        let mut order: Vec<usize> = (0..profiles.len()).filter(|p| !chain.contains(p)).collect();
        let ancestors = order.len();
        order.extend(chain.iter().rev());
        for (position, place) in order.into_iter().enumerate() {
            let holds = position >= ancestors;
            for (name, node) in &profiles[place].variables {
                let Some(id) = self.variable(name) else {
                    continue;
                };
                let definition = self.binding(node);
                if holds {
                    variables[id.0].profile = definition;
                }
            }
            for changed in &profiles[place].outputs {
                let word = changed.kind.word;
                let alike = outputs.iter().filter(|output| output.kind.word == word);
                let known = alike.map(|output| output.name.text.as_str());
                if !known.clone().any(|name| name == changed.name.text) {
                    let help = did_you_mean(&changed.name.text, known, &format!("{word}s"));
                    let message = format!("unknown {word} `{}`", changed.name.text);
                    self.problem(message, changed.name.span.clone(), help);
                    continue;
                }
                self.check_axes(&changed.axes);
                if holds {
                    let name = (word, changed.name.text.clone());
                    let axes = replaced.entry(name).or_default();
                    changed.axes.clone().replace(axes);
                }
            }
        }
    }
}

//! Finds which job of one run corresponds to which of another, where settings differ: `finetune[lr=1e-3,task=mnli]` of one is
//! `finetune[lr=3e-4,task=mnli]` of the other.
//!
//! A label names the variables that set a job apart. Take the jobs of a stage that only one of the runs has. A variable with
//! one value in the jobs of one run and one other value in those of the other was set: jobs that agree in all other variables
//! are pairs. Where a variable has several such values, no pairing follows from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// A variable that was set otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name.
    pub variable: String,
    /// The old value; `None` for the profile's.
    pub old: Option<String>,
    /// The new value; `None` for the profile's.
    pub new: Option<String>,
}

/// The value of a variable in the old run and in the new one; `None` for the profile's.
type Values<'l> = (Option<&'l str>, Option<&'l str>);

/// Two jobs that differ only in settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair<'l> {
    pub(super) old: &'l str,
    pub(super) new: &'l str,
    /// The label of both without the variables that differ.
    pub(super) common: String,
    pub(super) settings: Vec<Setting>,
}

/// A label in parts. The rest, behind the bindings, tells jobs apart that differ in nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parts<'l> {
    stage: &'l str,
    bindings: BTreeMap<&'l str, &'l str>,
    /// The variables, in the order of the label.
    order: Vec<&'l str>,
    behind: &'l str,
}

impl<'l> Parts<'l> {
    /// Reads a label; `None` if it is not written as labels are.
    fn of(label: &'l str) -> Option<Self> {
        let (stage, mut rest) = match label.find('[') {
            Some(at) => (&label[..at], &label[at + 1..]),
            None => {
                let at = label.find('#').unwrap_or(label.len());
                let (stage, behind) = label.split_at(at);
                return Some(Self {
                    stage,
                    bindings: BTreeMap::new(),
                    order: Vec::new(),
                    behind,
                });
            }
        };
        let mut bindings = BTreeMap::new();
        let mut order = Vec::new();
        loop {
            let (name, after) = rest.split_once('=')?;
            let end = value_end(after)?;
            bindings.insert(name, &after[..end]);
            order.push(name);
            rest = &after[end + 1..];
            if after[end..].starts_with(']') {
                return Some(Self {
                    stage,
                    bindings,
                    order,
                    behind: rest,
                });
            }
        }
    }

    /// Returns the label without these variables.
    fn without(&self, variables: &BTreeSet<&str>) -> String {
        let kept = self.order.iter().filter(|name| !variables.contains(*name));
        let kept = kept.map(|name| format!("{name}={}", self.bindings[name]));
        let kept: Vec<String> = kept.collect();
        let bindings = match kept.is_empty() {
            true => String::new(),
            false => format!("[{}]", kept.join(",")),
        };
        format!("{}{bindings}{}", self.stage, self.behind)
    }
}

/// Returns where a value ends: at the comma or bracket after it, which a text in quotes may hold as well.
fn value_end(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return text.find([',', ']']);
    }
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text[at + 1..].starts_with([',', ']']).then_some(at + 1),
            _ => {}
        }
    }
    None
}

/// Pairs labels that only the old run has with those that only the new one has.
pub(super) fn pairs<'l>(old: &[&'l str], new: &[&'l str]) -> Vec<Pair<'l>> {
    let [old, new] = [old, new].map(|labels| {
        let mut stages: BTreeMap<&str, Vec<(&str, Parts<'_>)>> = BTreeMap::new();
        for label in labels {
            if let Some(parts) = Parts::of(label) {
                stages.entry(parts.stage).or_default().push((label, parts));
            }
        }
        stages
    });
    let both = old
        .iter()
        .filter_map(|(stage, old)| Some((old, new.get(stage)?)));
    both.flat_map(|(old, new)| of_stage(old, new)).collect()
}

fn of_stage<'l>(old: &[(&'l str, Parts<'l>)], new: &[(&'l str, Parts<'l>)]) -> Vec<Pair<'l>> {
    let all = old.iter().chain(new);
    let variables: BTreeSet<&str> = all
        .flat_map(|(_, parts)| parts.bindings.keys().copied())
        .collect();
    let mut settings: BTreeMap<&str, Values<'l>> = BTreeMap::new();
    for variable in variables {
        let values = |jobs: &[(&'l str, Parts<'l>)]| -> BTreeSet<Option<&'l str>> {
            let values = jobs
                .iter()
                .map(|(_, parts)| parts.bindings.get(variable).copied());
            values.collect()
        };
        let (old, new) = (values(old), values(new));
        let [mut gone, mut come] = [old.difference(&new), new.difference(&old)];
        if let (Some(was), Some(is), None, None) =
            (gone.next(), come.next(), gone.next(), come.next())
        {
            settings.insert(variable, (*was, *is));
        }
    }
    // Two labels that agree in this are a pair: which variables have the value that was set, and everything else that they say.
    let key = |parts: &Parts<'l>, side: fn(&Values<'l>) -> Option<&'l str>| {
        let set = settings.iter();
        let set = set
            .filter(|(variable, values)| parts.bindings.get(**variable).copied() == side(values));
        let set: BTreeSet<&str> = set.map(|(variable, _)| *variable).collect();
        let mut rest = parts.bindings.clone();
        rest.retain(|variable, _| !set.contains(variable));
        (set, rest, parts.behind)
    };
    let mut waiting = BTreeMap::new();
    for (label, parts) in old {
        waiting.insert(key(parts, |values| values.0), *label);
    }
    let mut pairs = Vec::new();
    for (label, parts) in new {
        let key = key(parts, |values| values.1);
        let Some(old) = waiting.remove(&key) else {
            continue;
        };
        let (set, ..) = key;
        let told = set.iter().filter_map(|variable| {
            let (old, new) = settings.get(variable)?;
            Some(Setting {
                variable: (*variable).to_owned(),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            })
        });
        pairs.push(Pair {
            old,
            new: label,
            common: parts.without(&set),
            settings: told.collect(),
        });
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &[&str], new: &[&str]) -> Vec<String> {
        let told = pairs(old, new).into_iter().map(|pair| {
            let settings = pair.settings.iter().map(|setting| {
                let [old, new] =
                    [&setting.old, &setting.new].map(|value| value.as_deref().unwrap_or("-"));
                format!("{} {old} → {new}", setting.variable)
            });
            let settings: Vec<String> = settings.collect();
            format!(
                "{} ~ {}: {}: {}",
                pair.old,
                pair.new,
                pair.common,
                settings.join(", ")
            )
        });
        told.collect()
    }

    #[test]
    fn jobs_that_differ_in_what_was_set_are_pairs() {
        assert_eq!(
            told(
                &[
                    "tune[lr=1e-3,task=mnli]",
                    "tune[lr=1e-3,task=rte]",
                    "train[m=0.4]"
                ],
                &["tune[lr=3e-4,task=mnli]", "tune[lr=3e-4,task=rte]", "world"],
            ),
            [
                "tune[lr=1e-3,task=mnli] ~ tune[lr=3e-4,task=mnli]: tune[task=mnli]: lr 1e-3 → 3e-4",
                "tune[lr=1e-3,task=rte] ~ tune[lr=3e-4,task=rte]: tune[task=rte]: lr 1e-3 → 3e-4",
            ]
        );
    }

    #[test]
    fn variables_keep_their_order() {
        assert_eq!(
            told(&["a[x=1,m=2,b=3]"], &["a[m=2,x=7,b=3]"]),
            ["a[x=1,m=2,b=3] ~ a[m=2,x=7,b=3]: a[m=2,b=3]: x 1 → 7"]
        );
        assert_eq!(
            told(&["a[x=1,m=2,b=3]"], &["a[x=7,m=2,b=3]"]),
            ["a[x=1,m=2,b=3] ~ a[x=7,m=2,b=3]: a[m=2,b=3]: x 1 → 7"]
        );
    }

    #[test]
    fn what_the_profile_says_is_a_value_and_several_may_be_set() {
        assert_eq!(
            told(
                &["a", "a[steps=0]"],
                &["a[lr=2,x=\"q,]\"]", "a[lr=2,steps=0,x=\"q,]\"]"]
            ),
            [
                "a ~ a[lr=2,x=\"q,]\"]: a: lr - → 2, x - → \"q,]\"",
                "a[steps=0] ~ a[lr=2,steps=0,x=\"q,]\"]: a[steps=0]: lr - → 2, x - → \"q,]\"",
            ]
        );
    }

    #[test]
    fn a_value_that_the_others_have_as_well_stays() {
        // A row says `steps=0`, and `--set` said 50.
        assert_eq!(
            told(
                &["a[lr=1,steps=0]", "a[lr=1,steps=50]"],
                &["a[lr=2,steps=0]", "a[lr=2]"],
            ),
            [
                "a[lr=1,steps=0] ~ a[lr=2,steps=0]: a[steps=0]: lr 1 → 2",
                "a[lr=1,steps=50] ~ a[lr=2]: a: lr 1 → 2, steps 50 → -",
            ]
        );
    }

    #[test]
    fn several_values_on_a_side_are_nobodys_pairs() {
        assert!(told(&["a[m=1]", "a[m=2]"], &["a[m=3]", "a[m=4]"]).is_empty());
        assert!(told(&["a[m=1]"], &["b[m=2]"]).is_empty());
        assert!(told(&["a[m=", "a]"], &["a[m=\"x]"]).is_empty());
    }

    #[test]
    fn numbered_labels_keep_their_numbers() {
        assert_eq!(
            told(&["a[p=x]#1", "a[p=x]#2"], &["a[p=y]#1", "a[p=y]#2"]),
            [
                "a[p=x]#1 ~ a[p=y]#1: a#1: p x → y",
                "a[p=x]#2 ~ a[p=y]#2: a#2: p x → y"
            ]
        );
    }
}

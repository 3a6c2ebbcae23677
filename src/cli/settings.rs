//! What `--set` changes: which of its values reach a table, how the table tells them, and where such results go.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tables::Bindings;

use super::arguments::Common;
use super::project::Project;
use crate::declare::{Target, parse_value};
use crate::graph::{self, Plan, expand_without_files, fingerprints, placed};
use crate::registry::Registry;
use crate::store::Digest;

/// How long the name of a folder may be, in letters.
const LONGEST: usize = 80;

/// The fingerprint of each table, by name; `None` where the tables cannot be made.
type Fingerprints = Option<BTreeMap<String, Digest>>;

/// Returns for each table of the plan the variables of `--set` without which the table would be another. Paths are told from
/// the project's folder, wherever they were typed.
pub(super) fn reaching(
    common: &Common,
    project: &Project,
    registry: &Registry,
    targets: &[Target],
    plan: &Plan,
) -> Vec<Bindings> {
    // Of two values for one variable the later holds, as everywhere.
    let set: BTreeMap<&str, &str> = pairs(&common.set).collect();
    if set.is_empty() {
        return vec![Bindings::new(); plan.outputs.len()];
    }
    let own = owned(plan);
    let mut known: BTreeMap<BTreeSet<String>, Fingerprints> = BTreeMap::new();
    let mut same = |table: &str, names: &BTreeSet<String>| {
        let found = known.entry(names.clone()).or_insert_with(|| {
            let set: Vec<(String, String)> = set
                .iter()
                .filter(|(name, _)| names.contains(**name))
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let file = Project::file(common).ok()?;
            let profile = Some(project.pipeline.profile().into());
            let pipeline = graph::load(&file, profile, &set, registry).ok()?;
            let plan = expand_without_files(&pipeline, targets).ok()?;
            Some(owned(&plan))
        });
        let found = found.as_ref().and_then(|found| found.get(table));
        found.is_some() && found == own.get(table)
    };
    let tables = plan.outputs.iter().map(|table| {
        let mut names: BTreeSet<String> = set.keys().map(ToString::to_string).collect();
        // The variables are left out one after the other, since each of two may be enough by itself.
        for name in set.keys() {
            let mut fewer = names.clone();
            fewer.remove(*name);
            if same(&table.name, &fewer) {
                names = fewer;
            }
        }
        let names = names.into_iter();
        names
            .filter_map(|name| {
                let typed = set.get(name.as_str())?;
                let value = placed(&project.pipeline, &name);
                Some((name, value.unwrap_or_else(|| parse_value(typed))))
            })
            .collect()
    });
    tables.collect()
}

fn pairs(set: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    set.iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

fn owned(plan: &Plan) -> BTreeMap<String, Digest> {
    let all = fingerprints(plan).into_iter();
    all.map(|(name, digest)| (name.to_owned(), digest))
        .collect()
}

/// Returns the line below a table that names its profile and the values of `--set` that reach it.
pub(super) fn note(project: &Project, settings: &Bindings) -> String {
    let profile = project.pipeline.profile();
    if settings.is_empty() {
        return format!("Profile `{profile}`.");
    }
    let pairs = settings
        .iter()
        .map(|(name, value)| format!("{name}={}", plain(value)));
    let pairs = pairs.collect::<Vec<_>>().join(", ");
    format!("Profile `{profile}` with {pairs}.")
}

/// Returns the name of the folder for results with those values, within that of the profile; `None` where there are no values.
/// The same values always have the same name, and other values another one.
pub(super) fn folder(settings: &Bindings) -> Option<String> {
    if settings.is_empty() {
        return None;
    }
    let written = |(name, value): &(String, Value)| format!("{name}={}", plain(value));
    let text = settings.iter().map(written).collect::<Vec<_>>().join(",");
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "=,._+-".contains(letter);
    let mut name: String = text
        .chars()
        .map(|letter| if safe(letter) { letter } else { '_' })
        .take(LONGEST)
        .collect();
    // A text from which the values cannot be read back is completed by a hash.
    let clear = settings
        .iter()
        .all(|(_, value)| parse_value(&plain(value)) == *value && !plain(value).contains(','));
    if name != text || !clear {
        let exact = serde_json::to_string(settings).unwrap_or_default();
        name = format!("{name}-{}", Digest::of(exact.as_bytes()).short());
    }
    Some(format!("with-{name}"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(pairs: &[(&str, &str)]) -> String {
        let pairs = pairs.iter();
        let bindings = pairs.map(|(name, value)| ((*name).to_owned(), parse_value(value)));
        folder(&bindings.collect()).unwrap()
    }

    #[test]
    fn one_name_for_the_same_values_and_another_for_others() {
        assert_eq!(name(&[("lr", "3e-4")]), "with-lr=0.0003");
        assert_eq!(name(&[("lr", "0.0003")]), "with-lr=0.0003");
        assert_eq!(
            name(&[("lr", "3e-4"), ("size", "tiny")]),
            "with-lr=0.0003,size=tiny"
        );
        assert_eq!(folder(&Bindings::new()), None);
        let long = "x".repeat(300);
        let other = format!("{}y", "x".repeat(299));
        let odd = [
            name(&[("text", "/data/a b")]),
            name(&[("text", "/data/a_b")]),
            name(&[("text", "../..")]),
            name(&[("text", &long)]),
            name(&[("text", &other)]),
            name(&[("text", "a,b=c")]),
            name(&[("text", "a"), ("b", "c")]),
            name(&[("text", "'1'")]),
            name(&[("text", "1")]),
            name(&[("text", "schön")]),
            name(&[("text", "")]),
        ];
        assert_eq!(
            odd.iter().collect::<BTreeSet<_>>().len(),
            odd.len(),
            "{odd:?}"
        );
        for name in odd {
            assert!(name.len() < 120, "{name}");
            assert!(name.starts_with("with-") && !name.contains('/'), "{name}");
        }
    }
}

//! What a stage says that it needs of the machine, under an environment.
//!
//! The variables that are read for this reach neither the job's identity nor its label. Two bindings that lead to one job but
//! to different resources get those of the first.

use serde_json::Value;

use super::environment::{Environment, Reads};
use super::parameters::trace;
use crate::declare::{Item, ItemValue, Pipeline, StageDeclaration};
use crate::errors::{Diagnostic, did_you_mean};
use crate::resources::{Batch, Resources, SIZES, bytes, time};

/// The keys of `resources`.
const KEYS: [&str; 9] = [
    "threads",
    "memory",
    "gpus",
    "time",
    "partition",
    "account",
    "qos",
    "constraint",
    "arguments",
];

/// Evaluates and checks what a stage needs. A value that has a problem is reported and left open.
pub(super) fn resources<'p>(
    pipeline: &'p Pipeline,
    stage: &'p StageDeclaration,
    environment: &Environment<'p>,
    problems: &mut Vec<Diagnostic>,
) -> Resources {
    let Some(item) = &stage.resources else {
        return Resources::default();
    };
    let mut resources = Resources {
        place: Some(pipeline.source.line(item.key.span.start)),
        ..Resources::default()
    };
    let ItemValue::Table(items) = &item.value else {
        problems.push(
            Diagnostic::new("`resources` takes a table")
                .at(&pipeline.source, item.span.clone(), "")
                .help("write resources = { threads = 4, memory = \"8 GB\", gpus = 1 }, each as far as it matters"),
        );
        return resources;
    };
    for item in items {
        let set = set(&mut resources, item, pipeline, stage, environment);
        problems.extend(set.err());
    }
    resources
}

/// Sets the resource of one key.
fn set<'p>(
    resources: &mut Resources,
    item: &'p Item,
    pipeline: &'p Pipeline,
    stage: &'p StageDeclaration,
    environment: &Environment<'p>,
) -> Result<(), Diagnostic> {
    let name = item.key.text.as_str();
    if !KEYS.contains(&name) {
        let problem = Diagnostic::new(format!("unknown key `{name}` in `resources`"));
        let help = did_you_mean(name, KEYS, "keys");
        return Err(problem
            .at(&pipeline.source, item.key.span.clone(), "")
            .help(help));
    }
    let what = format!("`resources.{name}` of stage `{}`", stage.name.text);
    let ItemValue::Value(definition) = &item.value else {
        let problem = Diagnostic::new(format!("`{name}` takes a single value"));
        return Err(problem.at(&pipeline.source, item.span.clone(), what));
    };
    let evaluated = environment.evaluate(definition, &mut Reads::new())?;
    let wrong = |message: String, help: &str| {
        let problem = Diagnostic::new(message).help(help);
        trace(problem, evaluated.origin, &definition.origin, &what)
    };
    match name {
        "memory" => {
            let size = match &*evaluated.value {
                Value::String(text) => bytes(text),
                _ => Err("a size is a text with a unit".to_owned()),
            };
            resources.memory = Some(size.map_err(|why| wrong(format!("`memory`: {why}"), SIZES))?);
        }
        "threads" => {
            let threads = whole(&evaluated.value).filter(|threads| *threads > 0);
            let help = "leave it out to share the threads of the run equally";
            resources.threads = Some(threads.ok_or_else(|| {
                wrong("`threads` takes a whole number of at least 1".into(), help)
            })?);
        }
        "time" => {
            let limit = match &*evaluated.value {
                Value::String(text) => time(text),
                _ => Err("a time is a text with units".to_owned()),
            };
            let help = "write how long the job may take at most: \"2h\", \"1h30m\", \"45m\"";
            let limit = limit.map_err(|why| wrong(format!("`time`: {why}"), help))?;
            resources.batch.time = Some(limit);
        }
        "arguments" => {
            let help = "write them as sbatch takes them: arguments = [\"--exclude=n3\"]";
            resources.batch.arguments = texts(&evaluated.value)
                .ok_or_else(|| wrong("`arguments` takes a list of texts".into(), help))?;
        }
        "partition" | "account" | "qos" | "constraint" => {
            let text = evaluated.value.as_str().filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| {
                wrong(
                    format!("`{name}` takes a text"),
                    "write it as sbatch takes it",
                )
            })?;
            *asked(&mut resources.batch, name) = Some(text.to_owned());
        }
        _ => {
            let help = "0 or nothing for a stage that needs no GPU";
            resources.gpus = whole(&evaluated.value)
                .ok_or_else(|| wrong("`gpus` takes a whole number".into(), help))?;
        }
    }
    Ok(())
}

/// Returns the place of a word for a batch system.
fn asked<'b>(batch: &'b mut Batch, name: &str) -> &'b mut Option<String> {
    match name {
        "partition" => &mut batch.partition,
        "account" => &mut batch.account,
        "qos" => &mut batch.qos,
        _ => &mut batch.constraint,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}

fn whole(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::declare::Target;
    use crate::graph::{Plan, expand};
    use crate::resources::Resources;
    use crate::test_support;

    /// A world with these resources, under a variable `n`.
    fn pipeline(resources: &str) -> String {
        format!(
            "[vars]\nn = 2\nsize = \"2 GB\"\n\n[stage.world]\nuse = \"world\"\nresources = {resources}\n"
        )
    }

    fn plan(text: &str, set: &[(&str, &str)]) -> Plan {
        let pipeline = test_support::load(text, None, set).unwrap();
        let targets = pipeline.targets(&["stage:world".to_owned()]).unwrap();
        assert!(matches!(targets[0], Target::Stage { .. }));
        expand(&pipeline, &targets).unwrap()
    }

    fn report(resources: &str) -> String {
        let report = test_support::load(&pipeline(resources), None, &[])
            .err()
            .unwrap();
        // The folder's name is another in each run.
        let text = report.to_string();
        let lines = text.lines().map(|line| match line.find("/pipeline.toml") {
            Some(at) => format!("FILE{}", &line[at + "/pipeline.toml".len()..]),
            None => line.trim_end().to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_may_be_variables_and_reach_no_label() {
        let text = pipeline(r#"{ threads = "${n}", memory = "${size}", gpus = 1 }"#);
        let plan = plan(&text, &[("n", "3")]);
        let (_, job) = plan.jobs.jobs().next().unwrap();
        let Resources {
            threads,
            memory,
            gpus,
            place,
            ..
        } = &*job.resources;
        assert_eq!(
            (*threads, *memory, *gpus),
            (Some(3), Some(2_000_000_000), 1)
        );
        assert!(place.as_ref().unwrap().ends_with("pipeline.toml:7"));
        assert_eq!(&*job.label, "world");
        assert!(!job.params.params().0.contains_key("resources"));
    }

    #[test]
    fn mistakes_have_carets_all_at_once() {
        insta::assert_snapshot!(report(r#"{ thread = 1, memory = "2 Gb", gpus = -1 }"#), @r#"
          × unknown key `thread` in `resources`
        FILE:7:15]
         7 │ resources = { thread = 1, memory = "2 Gb", gpus = -1 }
           ·               ──────
           ╰────
          help: did you mean `threads`?

          × `memory`: unknown unit `Gb`
        FILE:7:36]
         7 │ resources = { thread = 1, memory = "2 Gb", gpus = -1 }
           ·                                    ───┬──
           ·                                       ╰── `resources.memory` of stage `world`
           ╰────
          help: write a number and a unit: "8 GB", "512 MB", "1.5 GiB"

          × `gpus` takes a whole number
        FILE:7:51]
         7 │ resources = { thread = 1, memory = "2 Gb", gpus = -1 }
           ·                                                   ─┬
           ·                                                    ╰── `resources.gpus` of stage `world`
           ╰────
          help: 0 or nothing for a stage that needs no GPU
        "#);
        insta::assert_snapshot!(report("4"), @r#"
          × `resources` takes a table
        FILE:7:13]
         7 │ resources = 4
           ·             ─
           ╰────
          help: write resources = { threads = 4, memory = "8 GB", gpus = 1 }, each as far as it matters
        "#);
        insta::assert_snapshot!(report(r#"{ threads = 0, memory = "0 GB" }"#), @r#"
          × `threads` takes a whole number of at least 1
        FILE:7:25]
         7 │ resources = { threads = 0, memory = "0 GB" }
           ·                         ┬
           ·                         ╰── `resources.threads` of stage `world`
           ╰────
          help: leave it out to share the threads of the run equally

          × `memory`: it must be more than nothing
        FILE:7:37]
         7 │ resources = { threads = 0, memory = "0 GB" }
           ·                                     ───┬──
           ·                                        ╰── `resources.memory` of stage `world`
           ╰────
          help: write a number and a unit: "8 GB", "512 MB", "1.5 GiB"
        "#);
    }

    #[test]
    fn a_value_from_elsewhere_is_marked_where_it_was_written() {
        insta::assert_snapshot!(report(r#"{ memory = "${n}" }"#), @r#"
          × `memory`: a size is a text with a unit
        FILE:2:5]
         2 │ n = 2
           ·     ┬
           ·     ╰── this value
           ╰────
        FILE:7:24]
         7 │ resources = { memory = "${n}" }
           ·                        ───┬──
           ·                           ╰── reaches `resources.memory` of stage `world`
           ╰────
          help: write a number and a unit: "8 GB", "512 MB", "1.5 GiB"
        "#);
    }
}

//! What expansion promises: sharing, laziness, labels, determinism.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{InputSource, JobIndex, Plan, expand};
use crate::declare::{Pipeline, Target};
use crate::test_support::{PIPELINE, load, load_in, messages};

fn plan(pipeline: &Pipeline, targets: &[&str]) -> Plan {
    expand(pipeline, &pipeline.targets(targets).unwrap()).unwrap()
}

fn labels(plan: &Plan) -> Vec<&str> {
    plan.jobs.jobs().map(|(_, job)| &*job.label).collect()
}

#[test]
fn a_target_pulls_in_what_it_needs_and_nothing_else() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    assert_eq!(
        labels(&plan(&pipeline, &["stage:train"])),
        ["world", "corpus", "train"]
    );
    assert_eq!(
        labels(&plan(&pipeline, &["stage:majority[task=mnli]"])),
        ["majority[task=mnli]"]
    );
    assert!(labels(&plan(&pipeline, &[])).is_empty());
}

#[test]
fn cells_share_every_job_that_their_variables_do_not_reach() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let plan = plan(&pipeline, &["table:rates"]);
    let labels = labels(&plan);
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("corpus"))
            .count(),
        1
    );
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("train"))
            .count(),
        2
    );
    // There are two rates, two tasks and three seeds.
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("tune"))
            .count(),
        12
    );
    let cells = &plan.outputs[0].cells;
    assert_eq!(cells[0][0].as_ref().unwrap().jobs.len(), 3);
    let perplexity = cells[0][2].as_ref().unwrap();
    assert_eq!(perplexity.metric.as_deref(), Some("perplexity"));
    assert_eq!(
        perplexity.jobs.len(),
        1,
        "seeds of fine-tuning do not reach pre-training"
    );
    assert_eq!(
        cells[2][1].as_ref().unwrap().jobs.len(),
        1,
        "the majority class has no seed"
    );
    assert_eq!(cells[2][2], None, "row and column name different stages");
}

#[test]
fn tables_share_jobs() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let both = plan(&pipeline, &["all"]);
    let same = both.outputs[0].cells[1][0].as_ref().unwrap().jobs[0];
    assert_eq!(both.outputs[1].cells[1][0].as_ref().unwrap().jobs, [same]);
}

#[test]
fn a_variable_that_is_overridden_reaches_nothing_behind_it() {
    let pipeline = load(PIPELINE, None, &[("m", "0.9")]).unwrap();
    let plan = plan(&pipeline, &["stage:train[m_corr=0.4,m_pred=0.4]"]);
    assert_eq!(
        labels(&plan),
        ["world", "corpus", "train[m_corr=0.4,m_pred=0.4]"]
    );
    let train = plan.jobs.job(plan.stages[0]);
    assert_eq!(train.params.params().0["masking"]["corrupt"], 0.4);
}

#[test]
fn labels_name_what_differs_from_the_profile() {
    let pipeline = load(PIPELINE, None, &[("m", "0.15")]).unwrap();
    assert_eq!(
        labels(&plan(&pipeline, &["stage:train"]))[2],
        "train[m=0.15]"
    );
    let same = load(PIPELINE, None, &[("m", "0.40")]).unwrap();
    assert_eq!(labels(&plan(&same, &["stage:train"]))[2], "train");
    let large = load(PIPELINE, Some("large"), &[]).unwrap();
    let planned = plan(&large, &["stage:train"]);
    assert_eq!(labels(&planned)[2], "train");
    assert_eq!(
        planned.jobs.job(planned.stages[0]).params.text("size"),
        Some("base")
    );
}

#[test]
fn no_two_jobs_have_one_label_and_a_label_is_a_target() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let texts = [
        "all",
        "stage:train[m=0.2]",
        "stage:train[m=0.2,m_corr=0.4]",
        "stage:train[m_corr=0.4,m_pred=0.4]",
        "stage:train[m_corr=0.4,m_pred=0.2]",
        "stage:train[m=0.2,m_corr=0.2]",
    ];
    let everything = plan(&pipeline, &texts);
    let all = labels(&everything);
    assert_eq!(
        all.iter().collect::<BTreeSet<_>>().len(),
        all.len(),
        "{all:?}"
    );
    for (index, job) in everything.jobs.jobs() {
        let again = plan(&pipeline, &[&format!("stage:{}", job.label)]);
        let found = again.jobs.job(again.stages[0]);
        assert_eq!(
            (&found.stage, &found.params),
            (&job.stage, &job.params),
            "{}",
            job.label
        );
        assert!(
            everything.jobs.inputs(index).all(|input| input < index),
            "inputs come first"
        );
    }
}

#[test]
fn rows_win_over_set_and_set_over_the_profile() {
    let pipeline = load(
        PIPELINE,
        Some("large"),
        &[("size", "tiny"), ("task", "qnli")],
    )
    .unwrap();
    let plan = plan(&pipeline, &["table:rates"]);
    let job = plan
        .jobs
        .job(plan.outputs[0].cells[0][0].as_ref().unwrap().jobs[0]);
    assert_eq!(job.params.text("task"), Some("mnli"));
    let train = plan
        .jobs
        .jobs()
        .find(|(_, job)| &*job.stage == "train")
        .unwrap()
        .1;
    assert_eq!(train.params.text("size"), Some("tiny"));
    assert_eq!(
        plan.outputs[0].cells[0][0].as_ref().unwrap().jobs.len(),
        1,
        "the profile's seeds"
    );
}

#[test]
fn paths_stand_in_for_stages_and_must_exist_when_needed() {
    let folder = tempfile::tempdir().unwrap();
    let text = PIPELINE.replace("\"@world/text\"", "\"books\"");
    let pipeline = load_in(folder.path(), &text, None, &[]).unwrap();
    let targets = [Target::Stage {
        name: "corpus".into(),
        bindings: Vec::new(),
    }];
    let report = expand(&pipeline, &targets).unwrap_err();
    assert_eq!(messages(&report), ["no such file or folder: books"]);
    std::fs::create_dir(folder.path().join("books")).unwrap();
    let found = plan(&pipeline, &["stage:corpus"]);
    let input = found.jobs.job(found.stages[0]).input("source").unwrap();
    assert_eq!(
        *input,
        InputSource::Path(folder.path().join("books").into())
    );
    assert_eq!(labels(&found), ["corpus"], "the world is not needed");
}

#[test]
fn a_binding_that_is_out_of_range_is_shown_where_it_stands() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let targets = pipeline.targets(&["stage:train[m=1.5,size=nano]"]).unwrap();
    let report = expand(&pipeline, &targets).unwrap_err();
    assert_eq!(
        messages(&report),
        ["expected a number from 0 to 1, found 1.5"]
    );
    let place = &report.diagnostics()[0];
    let (start, end) = place.labels[0].span;
    assert_eq!(&place.source.as_ref().unwrap().text[start..end], "1.5");
}

#[test]
fn a_chain_of_many_stages_does_not_exhaust_the_stack() {
    let mut text =
        String::from("[stage.s0]\nuse = \"corpus\"\nsource = \"@w\"\n[stage.w]\nuse = \"world\"\n");
    for number in 1..20_000 {
        text.push_str(&format!(
            "[stage.s{number}]\nuse = \"loop\"\nfrom = \"@s{}\"\n",
            number - 1
        ));
    }
    let pipeline = load(&text, None, &[]).unwrap();
    assert_eq!(plan(&pipeline, &["stage:s19999"]).jobs.len(), 20_001);
}

#[test]
fn expansion_is_a_function_of_the_file() {
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let again = load(PIPELINE, None, &[]).unwrap();
    assert_eq!(
        labels(&plan(&pipeline, &["all"])),
        labels(&plan(&again, &["all"]))
    );
}

/// The small pipeline with one more table.
fn with_table(table: &str) -> String {
    format!("{PIPELINE}\n[table.own]\ncell = \"@tune\"\n{table}\n")
}

fn own(table: &str) -> Plan {
    let pipeline = load(&with_table(table), None, &[]).unwrap_or_else(|report| panic!("{report}"));
    plan(&pipeline, &["table:own"])
}

/// Row labels, and for each cell the labels of its jobs.
fn outline(plan: &Plan) -> Vec<(String, Vec<Option<Vec<String>>>)> {
    let table = &plan.outputs[0];
    let label = |job: &JobIndex| plan.jobs.job(*job).label.to_string();
    let rows = table.rows.iter().zip(&table.cells).map(|(row, cells)| {
        let cells = cells
            .iter()
            .map(|cell| Some(cell.as_ref()?.jobs.iter().map(label).collect()));
        (row.label.clone(), cells.collect())
    });
    rows.collect()
}

/// Values of a variable, as they are written.
fn values(variable: &'static str) -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    let all = match variable {
        "m" => vec!["0.1", "0.20", "3e-1", "0.4"],
        "size" => vec!["\"nano\"", "\"tiny\"", "\"base\""],
        _ => vec!["0", "1", "2"],
    };
    let most = all.len();
    proptest::sample::subsequence(all, 1..=most).prop_map(move |values| (variable, values))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn axes_are_the_lines_written_out(
        axes in (values("m"), values("size"), values("seed"))
            .prop_flat_map(|(m, size, seed)| {
                proptest::sample::subsequence(vec![m, size, seed], 1..=3).prop_shuffle()
            }),
        is_row in any::<bool>(),
        is_in_a_list in any::<bool>(),
    ) {
        let lists: Vec<String> = axes
            .iter()
            .map(|(name, values)| format!("{name} = [{}]", values.join(", ")))
            .collect();
        let axis = format!("{{ {} }}", lists.join(", "));
        // The first variable turns slowest.
        let mut lines = vec![Vec::new()];
        for (name, values) in &axes {
            let longer = lines.iter().flat_map(|line: &Vec<String>| {
                values.iter().map(move |value| {
                    let binding = format!("{name} = {value}");
                    line.iter().cloned().chain([binding]).collect()
                })
            });
            lines = longer.collect();
        }
        let lines: Vec<String> = lines.iter().map(|line| format!("{{ {} }}", line.join(", "))).collect();
        let table = |spanned: &str| {
            let (rows, columns) = match is_row {
                true => (spanned, "[{ task = \"mnli\" }, { task = \"qnli\" }]"),
                false => ("{ task = [\"mnli\", \"qnli\"] }", spanned),
            };
            own(&format!("rows = {rows}\ncolumns = {columns}"))
        };
        let axis = if is_in_a_list { format!("[{axis}]") } else { axis };
        let (short, long) = (table(&axis), table(&format!("[{}]", lines.join(", "))));
        prop_assert_eq!(outline(&short), outline(&long));
        prop_assert_eq!(&short.outputs[0].columns, &long.outputs[0].columns);
        prop_assert_eq!(labels(&short), labels(&long));
    }

    #[test]
    fn what_is_excluded_is_left_out_and_nothing_else(
        excluded in proptest::sample::subsequence(
            (0..12).map(|place| (place / 6, place / 2 % 3, place % 2)).collect::<Vec<_>>(),
            0..=12,
        ),
    ) {
        let (ms, tasks) = (["0.1", "0.2"], ["mnli", "qnli", "sst2"]);
        let written: Vec<String> = excluded
            .iter()
            .map(|(m, task, seed)| format!("{{ m = {}, task = \"{}\", seed = {seed} }}", ms[*m], tasks[*task]))
            .collect();
        let table = "over = { seed = [0, 1] }\nrows = { m = [0.10, 0.20] }\ncolumns = { task = [\"mnli\", \"qnli\", \"sst2\"] }";
        let all = own(table);
        let some = own(&format!("{table}\nexclude = [{}]", written.join(", ")));
        for m in 0..2 {
            for task in 0..3 {
                let expected: Vec<String> = (0..2)
                    .filter(|seed| !excluded.contains(&(m, task, *seed)))
                    .map(|seed| outline(&all)[m].1[task].as_ref().unwrap()[seed].clone())
                    .collect();
                let found = outline(&some)[m].1[task].clone();
                prop_assert_eq!(found, (!expected.is_empty()).then_some(expected));
            }
        }
        let tuned = |plan: &Plan| labels(plan).iter().filter(|label| label.starts_with("tune")).count();
        prop_assert_eq!(tuned(&some), 12 - excluded.len());
    }
}

#[test]
fn a_list_mixes_lines_and_axes() {
    let plan = own(r#"
        rows = [
            { label = "start", m = 0.4 },
            { size = ["nano", "tiny"], m = [0.15, 0.025], label = "${size}, ${m:%} ($${m} = ${m})" },
            { label = "majority", cell = "@majority" },
        ]
        columns = { task = ["mnli"] }"#);
    let labels: Vec<_> = plan.outputs[0]
        .rows
        .iter()
        .map(|row| row.label.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "start",
            "nano, 15 % (${m} = 0.15)",
            "nano, 2.5 % (${m} = 0.025)",
            "tiny, 15 % (${m} = 0.15)",
            "tiny, 2.5 % (${m} = 0.025)",
            "majority",
        ]
    );
}

#[test]
fn a_grid_is_searched_where_it_reaches() {
    let plan = own(r#"
        over = { seed = [0, 1] }
        best = { size = ["nano", "tiny"], m = [0.1, 0.2, 0.3] }
        exclude = { size = "tiny", m = 0.3 }
        rows = [
            { label = "searched" },
            { label = "narrowed", size = "base" },
            { label = "its own", best = { m = [0.5, 0.6] }, select = "lowest loss@dev" },
            { label = "none", best = {} },
            { label = "majority", cell = "@majority" },
        ]
        columns = { task = ["mnli"] }"#);
    let cell = |row: usize| plan.outputs[0].cells[row][0].as_ref().unwrap();
    let points = |row: usize| -> Vec<String> {
        let points = cell(row).choice.iter().flat_map(|choice| &choice.points);
        let names = points.map(|point| {
            let pairs = point
                .bindings
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            format!(
                "{} x{}",
                pairs.collect::<Vec<_>>().join(","),
                point.jobs.len()
            )
        });
        names.collect()
    };
    assert_eq!(
        points(0),
        [
            "size=\"nano\",m=0.1 x2",
            "size=\"nano\",m=0.2 x2",
            "size=\"nano\",m=0.3 x2",
            "size=\"tiny\",m=0.1 x2",
            "size=\"tiny\",m=0.2 x2",
        ]
    );
    assert_eq!(cell(0).jobs.len(), 10, "all of them are run");
    assert_eq!(points(1), ["m=0.1 x2", "m=0.2 x2", "m=0.3 x2"]);
    assert_eq!(points(2), ["m=0.5 x2", "m=0.6 x2"]);
    let select = &cell(2).choice.as_ref().unwrap().select;
    assert_eq!(
        (select.metric.as_deref(), select.split.as_deref()),
        (Some("loss"), Some("dev"))
    );
    assert_eq!(cell(3).choice, None);
    assert_eq!(
        cell(4).choice,
        None,
        "the majority class has nothing to choose"
    );
}

#[test]
fn what_is_excluded_may_be_illegal() {
    let table =
        "rows = { m_corr = [0.05, 0.4], m_pred = [0.1, 0.4] }\ncolumns = { task = [\"mnli\"] }";
    let report = load(&with_table(table), None, &[]).err().unwrap();
    assert_eq!(messages(&report), ["predicts too much"]);
    let plan = own(&format!(
        "{table}\nexclude = {{ m_corr = 0.05, m_pred = 0.4 }}"
    ));
    let cells: Vec<bool> = plan.outputs[0]
        .cells
        .iter()
        .map(|row| row[0].is_some())
        .collect();
    assert_eq!(cells, [true, false, true, true]);
}

#[test]
fn a_group_is_its_tables() {
    let text = with_table("rows = { m = [0.1] }\ncolumns = { label = \"all\" }");
    let text = format!("{text}\n[group.some]\ntables = [\"own\", \"rates\"]\n");
    let pipeline = load(&text, None, &[]).unwrap();
    let plan = plan(&pipeline, &["group:some", "table:own"]);
    let names: Vec<_> = plan
        .outputs
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["rates", "own"],
        "in order of declaration, each once"
    );
}

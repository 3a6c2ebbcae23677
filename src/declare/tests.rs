//! What reading promises: everything that is wrong is told at once, and spelling does not matter.

#![allow(clippy::unwrap_used)]

mod comparison;
mod limits;

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::graph::{self, InputSource};
use crate::keys::KeyParts;
use crate::test_support::{PIPELINE, load, messages};

/// Returns label → key of every job of every table; a job's key stands for the digest of what it makes.
fn keys(text: &str) -> BTreeMap<String, String> {
    let pipeline = load(text, None, &[]).unwrap_or_else(|report| panic!("{report}"));
    let plan = graph::expand(&pipeline, &pipeline.targets(&["all"]).unwrap()).unwrap();
    let mut keys: Vec<String> = Vec::new();
    let mut by_label = BTreeMap::new();
    for (_, job) in plan.jobs.jobs() {
        let digest = |source: &InputSource| match source {
            InputSource::Job { job, subfolder } => format!("{}{subfolder:?}", keys[job.index()]),
            InputSource::Path(path) => path.display().to_string(),
        };
        let parts = KeyParts {
            kind: job.kind.to_owned(),
            version: job.version,
            numerics: job.numerics.map(str::to_owned),
            params: job.params.params(),
            inputs: job
                .inputs
                .iter()
                .map(|(name, source)| (name.to_string(), digest(source)))
                .collect(),
        };
        keys.push(parts.key().to_hex());
        by_label.insert(job.label.to_string(), parts.key().to_hex());
    }
    by_label
}

/// The stage `train` in many spellings: order of keys, comments, blanks, numbers, inline tables or headers.
fn spelled(order: &[usize], comment: &str, blanks: usize, number: usize, header: bool) -> String {
    let corrupt = ["0.40", "4e-1", "0.4", "\"${m_corr}\""][number];
    let masking = match header {
        true => String::new(),
        false => format!("masking = {{ predict = \"${{m_pred}}\", corrupt = {corrupt} }}"),
    };
    let lines = [
        "use = \"train\"".to_owned(),
        "corpus = '@corpus'".to_owned(),
        "steps = 1_0".to_owned(),
        "\"size\"   =   \"${size}\"".to_owned(),
        masking,
    ];
    let mut stage = String::from("[stage.train]\n");
    for &place in order {
        stage.push_str(&format!(
            "{}{} # {comment}\n",
            "\n".repeat(blanks),
            lines[place]
        ));
    }
    if header {
        stage.push_str(&format!(
            "[stage.train.masking] # {comment}\ncorrupt = {corrupt}\n"
        ));
        stage.push_str("predict = \"${m_pred}\"\n");
    }
    let from = PIPELINE.find("[stage.train]").unwrap();
    let to = PIPELINE.find("[stage.tune]").unwrap();
    // The rows that bind `m_corr` would differ from a plain number.
    let text = format!("{}{stage}{}", &PIPELINE[..from], &PIPELINE[to..]);
    let rows = "rows = [{ m_corr = 0.4, m_pred = 0.2 }, { m_corr = 0.4, m_pred = 0.4 }]";
    let text = text.replace(rows, "rows = [{ m_pred = 0.2 }]");
    text.replace("{ label = \"15 %\", m = 0.15 },", "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spelling_does_not_reach_the_keys(
        order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(),
        comment in "[ -~]{0,12}",
        blanks in 0..3usize,
        number in 0..4usize,
        header in any::<bool>(),
    ) {
        let plain = spelled(&[0, 1, 2, 3, 4], "", 0, 0, false);
        let keys_of = |text: &str| {
            keys(text).into_values().collect::<std::collections::BTreeSet<_>>()
        };
        prop_assert_eq!(keys_of(&plain), keys_of(&spelled(&order, &comment, blanks, number, header)));
    }

    #[test]
    fn a_value_reaches_the_keys_of_what_uses_it_and_of_nothing_else(
        steps in 11..1_000_000i64,
        seed in 1..1_000_000i64,
    ) {
        let base = keys(PIPELINE);
        let more = keys(&PIPELINE.replace("steps = 10", &format!("steps = {steps}")));
        let world = format!("[stage.world]\nuse = \"world\"\nseed = {seed}");
        let other = keys(&PIPELINE.replace("[stage.world]\nuse = \"world\"", &world));
        for (label, key) in &base {
            let trained = label.starts_with("train") || label.starts_with("tune");
            prop_assert_eq!(*key != more[label], trained, "{}", label);
            prop_assert_eq!(*key != other[label], !label.starts_with("majority"), "{}", label);
        }
    }
}

fn problems(text: &str) -> Vec<String> {
    let report = load(text, None, &[]).err().expect("the file is wrong");
    messages(&report).into_iter().map(str::to_owned).collect()
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = PIPELINE
        .replace("m_pred = \"${m}\"", "m_pred = \"${mm}\"")
        .replace("steps = 10", "stepz = 10")
        .replace("use = \"majority\"", "use = \"majorty\"")
        .replace("source = \"${text}\"", "source = \"@train\"")
        .replace("m = 0.15", "m = 1.5")
        .replace("cell = \"@train\", metric", "cell = \"@trian\", metric")
        .replace("extends = \"small\"", "extends = \"smal\"");
    assert_eq!(
        problems(&text),
        [
            "unknown variable `mm`",
            "stages need each other in a cycle: corpus → train → corpus",
            "`source` of stage `corpus` takes a folder, but `@train` makes an encoder",
            "`steps` is missing",
            "unknown key `stepz`",
            "unknown stage kind `majorty`",
            "expected a number from 0 to 1, found 1.5",
            "unknown stage `@trian`",
            "unknown profile `smal`",
        ]
    );
}

#[test]
fn cycles_are_shown_whole() {
    let stages = "
        [stage.a]\nuse = \"loop\"\nfrom = \"@b\"
        [stage.b]\nuse = \"loop\"\nfrom = \"@c\"
        [stage.c]\nuse = \"loop\"\nfrom = \"@a\"
        [stage.d]\nuse = \"loop\"\nfrom = \"@c\"";
    assert_eq!(
        problems(stages),
        ["stages need each other in a cycle: a → b → c → a"]
    );
    let itself = "[stage.a]\nuse = \"loop\"\nfrom = \"@a\"";
    assert_eq!(
        problems(itself),
        ["stages need each other in a cycle: a → a"]
    );
    let variables = "[vars]\nx = \"${y}\"\ny = \"-${z}\"\nz = \"${x}\"\n";
    assert_eq!(
        problems(variables),
        ["variables refer to each other in a cycle: x → y → z → x"]
    );
}

#[test]
fn a_line_may_close_a_cycle_that_the_file_leaves_open() {
    let text = PIPELINE.replace("m = 0.15", "m = \"${m_corr}\"");
    assert_eq!(
        problems(&text),
        ["variables refer to each other in a cycle: m → m_corr → m"]
    );
    let text = PIPELINE.replace("{ label = \"15 %\", m = 0.15 }", "{ text = \"@tune\" }");
    assert_eq!(
        problems(&text),
        [
            "stages need each other in a cycle: corpus → tune → train → corpus",
            "`source` of stage `corpus` takes a folder, but `@tune` makes scores",
        ]
    );
}

#[test]
fn names_of_the_command_line_are_checked_too() {
    let report = load(PIPELINE, Some("lage"), &[("m_cor", "0.2"), ("m_pred", "2")])
        .err()
        .unwrap();
    assert_eq!(
        messages(&report),
        [
            "unknown profile `lage`",
            "unknown variable `m_cor`",
            "expected a number from 0 to 1, found 2",
        ]
    );
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let report = pipeline
        .targets(&["rates", "table:rate", "stage:trian[m_cor=1]", "all"])
        .unwrap_err();
    assert_eq!(
        messages(&report),
        [
            "unknown target `rates`",
            "unknown stage `trian`",
            "unknown variable `m_cor`",
            "unknown table `rate`",
        ]
    );
}

#[test]
fn a_row_and_a_column_cannot_both_bind_a_variable() {
    let text = PIPELINE.replace("{ label = \"MNLI\", task = \"mnli\" }", "{ m = 0.3 }");
    let told = problems(&text);
    assert_eq!(told, ["row and column both bind `m`"; 2]);
}

#[test]
fn references_are_checked_before_anything_runs() {
    let published = r#"
        schema = 1
        [[table]]
        id = "rates"
        paper = "Nobody, 2020"
        number = "1"
        title = "rates"
        source = "nowhere"
        confidence = "published"
        columns = [
            { key = "m", label = "m", kind = "key", unit = "%" },
            { key = "mnli", label = "MNLI", kind = "metric", unit = "accuracy, %" },
        ]
        rows = [{ m = 15, mnli = 84.2 }, { m = 40, mnli = 84.5 }]
    "#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("paper.toml"), published).unwrap();
    let with = |reference: &str, row: &str, column: &str| {
        let text = PIPELINE
            .replace(
                "title = \"Masking rate\"",
                &format!("reference = \"{reference}\""),
            )
            .replace("m = 0.15 }", &format!("m = 0.15, reference = {row} }}"))
            .replace(
                "task = \"mnli\" },\n",
                &format!("task = \"mnli\", reference = {column} }},\n"),
            );
        let loaded = crate::test_support::load_in(folder.path(), &text, None, &[]);
        loaded.err().map(|report| report.diagnostics().len())
    };
    assert_eq!(with("paper.toml#rates", "{ m = 15 }", "\"mnli\""), None);
    assert_eq!(
        with("paper.toml#rates", "{ m = 0.15 }", "\"mnli\""),
        None,
        "a share is a percentage"
    );
    assert_eq!(with("paper.toml#rates", "{ m = 17 }", "\"mnil\""), Some(2));
    assert_eq!(with("paper.toml#rate", "{ m = 15 }", "\"mnli\""), Some(1));
    assert_eq!(with("papers.toml#rates", "{ m = 15 }", "\"mnli\""), Some(1));
    assert_eq!(
        with("paper.toml", "{ m = 15 }", "\"mnli\""),
        Some(1),
        "what is no reference counts once"
    );
    assert_eq!(with("paper.toml#rates", "15", "{ m = 1 }"), Some(2));
}

#[test]
fn axes_exclusions_and_grids_are_checked_before_anything_runs() {
    let table = |rest: &str| {
        let table = "[table.own]\ncell = \"@tune\"\ncolumns = { task = [\"mnli\", \"qnli\"] }";
        let text = format!("{PIPELINE}\n{table}\n{rest}\n");
        load(&text, None, &[]).err().map_or(Vec::new(), |report| {
            messages(&report)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
    };
    let many = (0..400)
        .map(|m| format!("{}", f64::from(m) / 400.0))
        .collect::<Vec<_>>()
        .join(", ");
    for (rest, told) in [
        ("rows = { m = [0.1, 0.2] }", &[][..]),
        (
            "rows = { m = [0.1, 2] }",
            &["expected a number from 0 to 1, found 2"],
        ),
        (
            "rows = { m = [] }",
            &["`m` takes a list of values: [0, 1, 2]"],
        ),
        (
            "rows = { m = [[0.1]] }",
            &["a variable holds a single value"],
        ),
        (
            "rows = { m = [0.1], label = \"${size}\" }",
            &["this line does not bind `size`"],
        ),
        (
            "rows = { size = [\"nano\"], label = \"${size:%}\" }",
            &["`nano` is no number to be shown as a percentage"],
        ),
        (
            "rows = { m = [0.1], label = \"${m:.2}\" }",
            &["unknown format `.2`"],
        ),
        ("rows = { m = [0.1] }\nexclude = { m = 0.1 }", &[]),
        (
            "rows = { m = [0.1] }\nexclude = { m = 1e-1, task = [\"mnli\", \"qnli\"] }",
            &[],
        ),
        (
            "rows = { m = [0.1] }\nexclude = { m = 0.2 }",
            &["this leaves out what does not occur"],
        ),
        (
            "rows = [{ m = 0.1 }, { size = \"tiny\" }]\nexclude = { m = 0.1, size = \"tiny\" }",
            &["this leaves out what does not occur"],
        ),
        (
            "rows = { m = [0.1] }\nexclude = { seed = 1 }",
            &["nothing in this table binds `seed`"],
        ),
        (
            "over = { seed = [0] }\nrows = { m = [0.1] }\nexclude = { seed = 0, m = 0.1 }",
            &[],
        ),
        (
            "rows = { m = [0.1] }\nbest = { size = [\"nano\", \"huge\"] }",
            &["expected one of nano, tiny, base, found \"huge\""],
        ),
        (
            "rows = { m = [0.1], best = { size = [\"nano\", \"huge\"] } }",
            &["expected one of nano, tiny, base, found \"huge\""],
        ),
        (
            "over = { seed = [0] }\nrows = { m = [0.1] }\nbest = { seed = [1] }",
            &["`seed` is gathered over and cannot be chosen as well"],
        ),
        (
            "rows = { m = [0.1] }\nbest = { m = [0.2, 0.3] }",
            &["every row sets `m`, so that the values of `best` are never used"],
        ),
        (
            "over = { seed = [0, 1] }\nrows = { seed = [3, 4] }",
            &["every row sets `seed`, so that the values of `over` are never used"],
        ),
        (
            "over = { seed = [0, 1] }\nrows = [{ m = 0.1 }, { seed = 3 }]",
            &[],
        ),
        (
            "rows = [{ m = 0.1, best = { m = [0.2, 0.3] } }, { m = 0.4 }]",
            &["the same line sets `m`, so that the values of `best` are never used"],
        ),
        (
            "rows = { m = [0.1] }\nselect = \"accuracy\"",
            &["there is a `select` and no `best` to select from"],
        ),
        (
            "rows = { m = [0.1] }\nbest = { seed = [1, 2] }\nselect = \"by accuracy\"",
            &["`by accuracy` names no score"],
        ),
    ] {
        assert_eq!(table(rest), told, "{rest}");
    }
    let told = ["these values make more than 100000 combinations"];
    let seeds = (0..400)
        .map(|seed| seed.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    assert_eq!(
        table(&format!("rows = {{ m = [{many}], seed = [{seeds}] }}")),
        told
    );
    assert_eq!(
        table(&format!(
            "rows = {{ m = 0.1 }}\nover = {{ m_corr = [{many}], seed = [{seeds}] }}"
        )),
        told
    );
}

#[test]
fn a_profile_replaces_exclusions_and_grids() {
    let text = format!(
        "{PIPELINE}\n[table.own]\ncell = \"@tune\"\nrows = {{ m = [0.1, 0.2] }}\ncolumns = {{ task = [\"mnli\"] }}\n\
         exclude = {{ m = 0.2 }}\nbest = {{ seed = [0, 1] }}\n\
         [profile.small.table.own]\nrows = {{ m = [0.3] }}\nexclude = []\nbest = {{}}\n"
    );
    let own = |profile| {
        let pipeline = load(&text, Some(profile), &[]).unwrap_or_else(|report| panic!("{report}"));
        let plan = graph::expand(&pipeline, &pipeline.targets(&["table:own"]).unwrap()).unwrap();
        let cells: Vec<_> = plan.outputs[0]
            .cells
            .iter()
            .map(|row| {
                row[0]
                    .as_ref()
                    .map(|cell| cell.choice.as_ref().map_or(1, |choice| choice.points.len()))
            })
            .collect();
        cells
    };
    assert_eq!(own("small"), [Some(1)]);
    assert_eq!(own("large"), [Some(1)], "`large` extends `small`");
    let report = load(&text.replace("exclude = []\n", ""), None, &[])
        .err()
        .unwrap();
    assert_eq!(messages(&report), ["this leaves out what does not occur"]);
}

#[test]
fn a_parameter_is_no_variable_and_the_remedy_tells_how_it_is_set() {
    let help = |name: &str| {
        let report = load(PIPELINE, None, &[(name, "1")]).err().unwrap();
        report.diagnostics()[0].help.clone().unwrap()
    };
    assert_eq!(
        help("steps"),
        "`steps` is a parameter of train: bind it to a variable: `steps = 10` in [vars], `steps = \"${steps}\"` in the stage"
    );
    assert_eq!(
        help("corrupt"),
        "`corrupt` is a parameter; set its variable: `m_corr` (for train)"
    );
    // An input is no parameter, and neither is a table.
    assert!(!help("corpus").contains("parameter"), "{}", help("corpus"));
    assert!(
        !help("masking").contains("parameter"),
        "{}",
        help("masking")
    );
    assert_eq!(help("m_cor"), "did you mean `m_corr`?");
    let pipeline = load(PIPELINE, None, &[]).unwrap();
    let report = pipeline.targets(&["stage:train[steps=2]"]).unwrap_err();
    let help = report.diagnostics()[0].help.clone().unwrap();
    assert!(
        help.starts_with("`steps` is a parameter of train: "),
        "{help}"
    );
}

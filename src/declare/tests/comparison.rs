//! `compare` and `claims`: the row that the others are compared with is found, or the reason is told.

use crate::graph::{self, ComparePlan, OutputPlan};
use crate::test_support::{PIPELINE, load, load_in, messages};

/// The small pipeline with more lines in its table `rates`.
fn with(more: &str) -> String {
    let heading = "title = \"Masking rate\"\n";
    assert!(PIPELINE.contains(heading));
    PIPELINE.replace(heading, &format!("{heading}{more}\n"))
}

fn rates(text: &str, profile: Option<&str>) -> OutputPlan {
    let pipeline = load(text, profile, &[]).unwrap_or_else(|report| panic!("{report}"));
    let targets = pipeline.targets(&["table:rates"]).unwrap();
    let plan = graph::expand(&pipeline, &targets).unwrap();
    plan.outputs.into_iter().next().unwrap()
}

fn to(text: &str, profile: Option<&str>) -> Option<usize> {
    Some(rates(text, profile).compare?.to)
}

/// What is wrong with `compare`, and the remedies.
fn told(text: &str, profile: Option<&str>) -> Vec<(String, String)> {
    let report = load(text, profile, &[]).err().expect("refused");
    let told = report.diagnostics().iter();
    told.map(|told| {
        let help = told.help.clone().unwrap_or_default();
        (told.message().to_owned(), help)
    })
    .collect()
}

fn refused(compare: &str) -> Vec<(String, String)> {
    told(&with(&format!("compare = {compare}")), None)
}

#[test]
fn a_row_is_named_by_what_it_binds_or_by_its_label() {
    for (named, place) in [
        ("{ m = 0.15 }", 0),
        ("{ m = 0.4 }", 1),
        ("{ m = 4e-1 }", 1),
        ("\"15 %\"", 0),
        ("\"majority\"", 2),
    ] {
        let text = with(&format!("compare = {{ to = {named} }}"));
        assert_eq!(to(&text, None), Some(place), "{named}");
    }
    // Labels are compared as they are filled, values as they are multiplied out.
    let rows = "rows = { label = \"${m:%}, ${seed}\", m = [0.15, 0.4], seed = [0, 1] }";
    for (named, place) in [
        ("{ seed = 1, m = 0.15 }", 1),
        ("\"40 %, 0\"", 2),
        ("{ m = 0.4, seed = 1.0 }", 3),
    ] {
        let table =
            format!("[table.more]\ncell = \"@tune\"\ncolumns = {{ task = \"mnli\" }}\n{rows}");
        let text = format!("{PIPELINE}\n{table}\ncompare = {{ to = {named} }}\n");
        let pipeline = load(&text, None, &[]).unwrap_or_else(|report| panic!("{report}"));
        let plan = graph::expand(&pipeline, &pipeline.targets(&["table:more"]).unwrap()).unwrap();
        assert_eq!(plan.outputs[0].compare.unwrap().to, place, "{named}");
    }
}

#[test]
fn a_comparison_has_draws_a_seed_and_a_level() {
    let plan = |compare: &str| rates(&with(&format!("compare = {compare}")), None).compare;
    let plain = ComparePlan {
        to: 0,
        draws: 5_000,
        seed: 0,
        level: 0.95,
    };
    assert_eq!(plan("{ to = { m = 0.15 } }"), Some(plain));
    let other = ComparePlan {
        draws: 1_000_000,
        seed: 7,
        level: 0.9,
        ..plain
    };
    let written = "{ to = { m = 0.15 }, draws = 1_000_000, seed = 7, level = 0.9 }";
    assert_eq!(plan(written), Some(other));
    assert_eq!(plan("false"), None);
    assert_eq!(rates(PIPELINE, None).compare, None);
}

#[test]
fn a_line_may_stay_out_of_the_comparison() {
    let text = with("compare = { to = \"15 %\" }")
        .replace(
            "cell = \"@majority\"",
            "cell = \"@majority\", compare = false",
        )
        .replace(
            "metric = \"perplexity\"",
            "metric = \"perplexity\", compare = false",
        );
    let table = rates(&text, None);
    let rows: Vec<bool> = table.rows.iter().map(|row| row.compared).collect();
    let columns: Vec<bool> = table.columns.iter().map(|column| column.compared).collect();
    assert_eq!(rows, [true, true, false]);
    assert_eq!(columns, [true, true, false]);
    let wrong = text.replace(
        "\"@majority\", compare = false",
        "\"@majority\", compare = 0.15",
    );
    assert_eq!(told(&wrong, None)[0].0, "`compare` takes true or false");
}

#[test]
fn a_row_that_is_not_there_is_told_with_those_that_are() {
    let rows = "the rows are `15 %` { m = 0.15 }, `40 %` { m = 0.40 }, `majority`";
    for (named, message, guess) in [
        ("{ m = 0.3 }", "no row has these values", ""),
        ("{ m = 15 }", "no row has these values", "{ m = 0.15 }"),
        ("{ m = \"40%\" }", "no row has these values", "{ m = 0.40 }"),
        ("{ m = \"0.4\" }", "no row has these values", "{ m = 0.40 }"),
        ("{ m_corr = 0.4 }", "no row binds `m_corr`", "{ m = 0.40 }"),
        ("{ m = 0.15, seed = 1 }", "no row binds `seed`", ""),
        ("\"15%\"", "no row is called `15%`", "`15 %`"),
        ("\"mayority\"", "no row is called `mayority`", "`majority`"),
        ("\"m=0.4\"", "no row is called `m=0.4`", "{ m = 0.40 }"),
        ("\"\"", "no row is called ``", ""),
    ] {
        let guess = match guess {
            "" => String::new(),
            guess => format!("did you mean {guess}? "),
        };
        assert_eq!(
            refused(&format!("{{ to = {named} }}")),
            [(message.to_owned(), format!("{guess}{rows}"))],
            "{named}"
        );
    }
}

#[test]
fn a_row_must_be_the_only_one() {
    let text = PIPELINE.replace(
        "rows = [{ m_corr",
        "compare = { to = { m_corr = 0.4 } }\nrows = [{ m_corr",
    );
    let both = "`m_corr=0.4, m_pred=0.2` { m_corr = 0.4, m_pred = 0.2 }, \
                `m_corr=0.4, m_pred=0.4` { m_corr = 0.4, m_pred = 0.4 }";
    assert_eq!(
        told(&text, None),
        [(
            "2 rows have these values".to_owned(),
            format!("name one of them by more of its values, or by its label: {both}")
        )]
    );
    let text = with("compare = { to = \"15 %\" }").replace("\"40 %\"", "\"15 %\"");
    assert_eq!(told(&text, None)[0].0, "2 rows are called `15 %`");
}

#[test]
fn all_that_is_wrong_with_a_comparison_is_told_at_once() {
    let messages = |compare: &str| -> Vec<String> {
        let told = refused(compare).into_iter();
        told.map(|(message, help)| format!("{message}; {help}"))
            .collect()
    };
    assert_eq!(
        messages("{ too = 1, to = { mm = 0.15, m = [0.15] }, draws = 1e4, seed = -1, level = 95 }"),
        [
            "unknown key `too`; did you mean `to`?",
            "unknown variable `mm`; did you mean `m`?",
            "a variable holds a single value; a text, a number, true or false",
            "`draws` takes a whole number from 100 to 1000000; did you mean 10000?",
            "`seed` takes a whole number of at least 0; ",
            "`level` takes a number above 0.5 and below 1; did you mean 0.95?",
        ]
    );
    for (compare, message) in [
        ("true", "`compare` takes a table, or false"),
        ("\"15 %\"", "`compare` takes a table, or false"),
        ("[{ to = \"15 %\" }]", "`compare` takes a table, or false"),
        ("{}", "`compare` has no `to`"),
        ("{ draws = 500 }", "`compare` has no `to`"),
        ("{ to = {} }", "`to` names no value"),
        (
            "{ to = 0.15 }",
            "`to` takes values that a row binds, or its label",
        ),
        (
            "{ to = [\"15 %\"] }",
            "`to` takes values that a row binds, or its label",
        ),
        (
            "{ to = \"15 %\", draws = 99 }",
            "`draws` takes a whole number from 100 to 1000000",
        ),
        (
            "{ to = \"15 %\", draws = [100] }",
            "`draws` takes a whole number from 100 to 1000000",
        ),
        (
            "{ to = \"15 %\", level = 0.5 }",
            "`level` takes a number above 0.5 and below 1",
        ),
        (
            "{ to = \"15 %\", level = 1 }",
            "`level` takes a number above 0.5 and below 1",
        ),
    ] {
        let told = refused(compare);
        assert_eq!(told.len(), 1, "{compare}: {told:?}");
        assert_eq!(told[0].0, message, "{compare}");
    }
    // Of a profile that is not in force, too.
    let more = "[profile.tiny.table.rates]\ncompare = { to = \"x\", draws = 1 }\n";
    assert_eq!(
        told(&format!("{PIPELINE}\n{more}"), None)[0].0,
        "`draws` takes a whole number from 100 to 1000000"
    );
}

#[test]
fn a_profile_may_replace_the_comparison_and_must_where_its_rows_lack_the_row() {
    let text = with("compare = { to = { m = 0.15 } }");
    let replaced =
        |more: &str| format!("{text}\n[profile.tiny]\n[profile.tiny.table.rates]\n{more}\n");
    let tiny = Some("tiny");
    assert_eq!(to(&replaced("compare = { to = \"40 %\" }"), tiny), Some(1));
    assert_eq!(to(&replaced("compare = { to = \"40 %\" }"), None), Some(0));
    assert_eq!(to(&replaced("compare = false"), tiny), None);
    let rows = "rows = [{ m = 0.3 }, { m = 0.15 }]";
    assert_eq!(to(&replaced(rows), tiny), Some(1));
    let rows = "rows = [{ m = 0.3 }, { m = 0.5 }]";
    assert_eq!(to(&replaced(rows), None), Some(0));
    assert_eq!(
        told(&replaced(rows), tiny),
        [(
            "no row has these values under profile `tiny`".to_owned(),
            "a profile that replaces `rows` may replace `compare` too; \
             the rows are `0.3` { m = 0.3 }, `0.5` { m = 0.5 }"
                .to_owned()
        )]
    );
    let both = format!("{rows}\ncompare = {{ to = {{ m = 0.5 }} }}");
    assert_eq!(to(&replaced(&both), tiny), Some(1));
}

#[test]
fn files_of_claims_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "schema = 1\n").unwrap();
    std::fs::write(folder.path().join("c.toml"), "schema = 1\nclaims = []\n").unwrap();
    let load = |claims: &str| {
        load_in(
            folder.path(),
            &with(&format!("claims = {claims}")),
            None,
            &[],
        )
    };
    let pipeline = load("\"a.toml\"").unwrap();
    let plan = graph::expand(&pipeline, &pipeline.targets(&["table:rates"]).unwrap()).unwrap();
    let file = folder.path().join("a.toml");
    assert_eq!(plan.outputs[0].claims, std::slice::from_ref(&file));
    assert!(pipeline.reference_files().contains(file.as_path()));
    for (claims, message) in [
        (
            "[\"a.toml\", \"b.toml\"]",
            "cannot read b.toml: No such file or directory (os error 2)",
        ),
        (
            "\"c.toml\"",
            "c.toml:2: unknown field `claims`, expected `schema` or `claim`",
        ),
        ("\".\"", "cannot read .: Is a directory (os error 21)"),
        ("[\"a.toml\", \"a.toml\"]", "`a.toml` is named twice"),
        ("\"\"", "`claims` names a file"),
        ("3", "`claims` takes a text"),
    ] {
        let report = load(claims).err().expect(claims);
        assert_eq!(messages(&report), [message], "{claims}");
    }
}

#[test]
fn comparisons_and_claims_reach_the_fingerprint_of_a_table_and_no_key() {
    let of = |text: &str| {
        let pipeline = load(text, None, &[]).unwrap();
        let plan = graph::expand(&pipeline, &pipeline.targets(&["table:rates"]).unwrap()).unwrap();
        let fingerprint = graph::fingerprints(&plan)["rates"];
        (fingerprint, super::keys(text))
    };
    let (plain, keys) = of(PIPELINE);
    let mut seen = vec![plain];
    for more in [
        "compare = { to = \"15 %\" }",
        "compare = { to = \"40 %\" }",
        "compare = { to = \"40 %\", seed = 1 }",
        "compare = { to = \"40 %\", draws = 500 }",
        "compare = { to = \"40 %\", level = 0.9 }",
    ] {
        let (fingerprint, same) = of(&with(more));
        assert_eq!(same, keys, "{more}");
        assert!(!seen.contains(&fingerprint), "{more}");
        seen.push(fingerprint);
    }
    let (fingerprint, same) = of(&PIPELINE.replace("m = 0.15 }", "m = 0.15, compare = false }"));
    assert_eq!(same, keys);
    assert!(!seen.contains(&fingerprint));
}

//! Names and values as people write them: what was probably meant, and everything of one name.

mod support;

use support::Project;

const TRAINING: &str = "
[vars]
m = 0.40                                      # masking rate
m_corr = \"${m}\"                               # share of tokens replaced
idle = 1

[stage.pretrain]
use = \"pretrain\"
tokens = \"@tokens\"
size = \"nano\"
steps = 5
batch = 8
masking = { corrupt = \"${m_corr}\", predict = \"${m}\" }

[table.rates]
title = \"Rates\"
cell = \"@pretrain\"
rows = { m = [0.15, 0.40] }
columns = [{ label = \"perplexity\" }]

[profile.plain]
default = true

[profile.high.vars]
m = 0.80
";

#[test]
fn a_variable_tells_its_value_its_meaning_and_its_reach() {
    let project = Project::beyond_tokens(TRAINING);
    let list = |arguments: &[&str]| {
        project
            .pipe(&[&["list"], arguments].concat())
            .code(0)
            .stdout
    };
    assert_eq!(
        list(&["m"]),
        "variable m: masking rate\n\
         \x20 value: 0.4 (pipeline.toml:23 [vars], profile plain)\n\
         \x20 read by:\n\
         \x20   pretrain.masking.corrupt  Share of a sequence's tokens that is corrupted\n\
         \x20   pretrain.masking.predict  Share of a sequence's tokens that is predicted; by default all that is corrupted\n\
         \x20 another value runs anew: pretrain\n\
         \x20 set otherwise by tables: rates (rows)\n"
    );
    let told = list(&["m_corr", "--profile", "high"]);
    assert!(
        told.contains(
            "value: 0.8, as \"${m}\" (pipeline.toml:24 [vars], profile high)\n  made of: m\n"
        ),
        "{told}"
    );
    let told = list(&["m", "--profile", "high"]);
    assert!(
        told.starts_with(
            "variable m: masking rate\n  value: 0.8 (pipeline.toml:45 [profile.high.vars]"
        ),
        "{told}"
    );
    assert!(list(&["m", "--set", "m=0.3"]).contains("value: 0.3 (--set, profile plain)\n"));
    assert!(list(&["idle"]).contains("read by no stage\n"));
    // Everything of that name is listed, the kind of stage last.
    let told = list(&["pretrain"]);
    assert!(
        told.starts_with("stage pretrain: of kind pretrain, makes encoder\n"),
        "{told}"
    );
    assert!(told.contains("\npretrain: Trains an encoder"), "{told}");
    assert!(list(&["rates"]).contains("make it: pipe run table:rates\n"));
    assert!(list(&["high"]).contains("choose it with --profile high or PIPE_PROFILE=high"));
    let told = list(&["rates"]);
    assert!(
        told.contains("  rows: ") && told.contains("  columns: "),
        "{told}"
    );
    assert!(!told.contains("compared with") && !told.contains("claims"));
    project.write("claims/a.toml", "schema = 1\n");
    project.edit(
        "rows = { m = [0.15, 0.40] }",
        "rows = { m = [0.15, 0.40] }\ncompare = { to = { m = 0.15 } }\nclaims = [\"claims/a.toml\"]",
    );
    let told = list(&["rates"]);
    assert!(
        told.contains("  compared with: 0.15\n  claims: claims/a.toml\n"),
        "{told}"
    );
    let json = project.pipe(&["list", "rates", "--json"]).code(0).json();
    assert_eq!(json["table"]["outline"]["compared_with"], "0.15");
    assert_eq!(json["table"]["outline"]["claims"][0], "claims/a.toml");
    assert!(list(&["high"]).contains("  sets: m = 0.8"));
    let told = list(&["pretrain"]);
    assert!(
        told.contains("\nscores\n  on the split validation: perplexity, "),
        "{told}"
    );
    let json = project.pipe(&["list", "m", "--json"]).code(0).json();
    assert_eq!(json["variable"]["stages"][0], "pretrain");
    assert_eq!(json["variable"]["value"], 0.4);
    project
        .pipe(&["list", "m_cor"])
        .code(2)
        .says("no table, group, stage, variable or profile of that name")
        .says("did you mean `m_corr`?");
}

#[test]
fn values_and_targets_as_people_write_them_are_guessed() {
    let project = Project::beyond_tokens(TRAINING);
    for (arguments, says) in [
        (&["plan", "stage:pretrain[m=40%]"][..], "did you mean 0.40?"),
        (
            &["plan", "stage:pretrain", "--set", "m=12.5%"],
            "did you mean 0.125?",
        ),
        (
            &["plan", "stage:pretrain", "--set", "m=0,4"],
            "did you mean 0.4?",
        ),
        (
            &["plan", "pretrain[m=0.3]"],
            "did you mean `stage:pretrain[m=0.3]`?",
        ),
        (&["why", "stage:pretran"], "did you mean `pretrain`?"),
        (
            &["log", "pretrain"],
            "did you mean `pipe log stage:pretrain`?",
        ),
        (
            &["log", "pretran[m=0.3]"],
            "did you mean `pipe log 'stage:pretrain[m=0.3]'`?",
        ),
        (&["show", "--cell", "m=40%"], "did you mean `m=0.4`?"),
        (&["show", "stage:rates"], "did you mean `table:rates`?"),
        (&["run", "tables:rates"], "did you mean `table:rates`?"),
    ] {
        project.pipe(arguments).code(2).says(says);
    }
    project.edit("m = 0.40  ", "m = 40%  ");
    project
        .pipe(&["plan"])
        .code(2)
        .says("this is not TOML")
        .says("did you mean 0.40?");
    project.edit("m = 40%  ", "m = \"40 %\"  ");
    project.pipe(&["plan"]).code(2).says("did you mean 0.40?");
}

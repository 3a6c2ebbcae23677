//! Small files that would come to more than any machine has are refused, with the limit named, and in no time.

use crate::graph::load as load_file;
use crate::registry::Registry;
use crate::test_support::{load, messages};

/// A table over the fake `majority` with these rows, columns and what else it has; `x`, `y` and `z` are variables.
fn table(axes: &str) -> String {
    format!(
        "[vars]\ntask = \"mnli\"\nx = 0\ny = 0\nz = 0\n\n[stage.s]\nuse = \"majority\"\ntask = \"${{task}}\"\n\n\
         [table.t]\ncell = \"@s\"\n{axes}\n"
    )
}

fn refused(text: &str) -> Vec<String> {
    let report = load(text, None, &[]).err().expect("refused");
    // The report can be drawn as well.
    assert!(report.to_string().contains('×'));
    messages(&report).into_iter().map(str::to_owned).collect()
}

/// `[0, 1, …]`.
fn values(count: usize) -> String {
    let all: Vec<_> = (0..count).map(|value| value.to_string()).collect();
    format!("[{}]", all.join(","))
}

#[test]
fn an_axis_without_values_hides_no_others() {
    let many = values(1000);
    for key in ["rows", "exclude"] {
        let other = if key == "rows" {
            ""
        } else {
            "rows = { x = 1 }"
        };
        let axes =
            format!("{key} = {{ x = {many}, y = {many}, z = [] }}\n{other}\ncolumns = {{ x = 2 }}");
        let told = refused(&table(&axes));
        let limit = "these values make more than 100000 combinations";
        assert!(told.iter().any(|told| told == limit), "{told:?}");
    }
}

#[test]
fn tables_have_a_million_places_at_most() {
    let (many, few) = (values(1000), values(100));
    let limit = "with `t` tables come to more than 1000000 places: rows × columns × over × best";
    for more in [
        format!("columns = {{ y = {many} }}\nover = {{ z = [0, 1] }}"),
        format!("columns = {{ y = {few} }}\nover = {{ z = {few} }}"),
        format!("columns = {{ y = {few} }}\nbest = {{ z = {few} }}"),
        format!("columns = {{ label = \"c\", best = {{ y = {few}, z = {few} }} }}"),
        format!("columns = [{{ label = \"c\", best = {{ y = {many} }} }}, {{ label = \"d\" }}]"),
    ] {
        let told = refused(&table(&format!("rows = {{ x = {many} }}\n{more}")));
        assert_eq!(told, [limit], "{more}");
    }
    let just = format!("rows = {{ x = {few} }}\ncolumns = {{ y = {few} }}\nover = {{ z = {few} }}");
    let pipeline = load(&table(&just), None, &[]).expect("a million");
    assert_eq!(pipeline.places(), 1_000_000);
    let two =
        table(&just) + "[table.u]\ncell = \"@s\"\nrows = { x = [0, 1] }\ncolumns = { y = 1 }\n";
    assert_eq!(refused(&two), [limit.replace("`t`", "`u`")]);
}

#[test]
fn what_is_left_out_is_compared_with_so_many_places_at_most() {
    let (many, few) = (values(1000), values(10));
    let axes = format!(
        "rows = {{ x = {many} }}\ncolumns = {{ y = {few} }}\nexclude = {{ x = {many}, y = {few}, z = {few} }}"
    );
    assert_eq!(
        refused(&table(&axes)),
        ["`exclude` holds 100000 combinations, too many to compare with each of 10000 places"]
    );
}

#[test]
fn lines_that_are_long_have_room_for_fewer() {
    let long = "x".repeat(8000);
    let axes = |count: usize| {
        let some = values(count);
        format!(
            "rows = {{ x = {some}, y = {some}, z = \"{long}\" }}\ncolumns = {{ label = \"c\" }}"
        )
    };
    assert!(load(&table(&axes(10)), None, &[]).is_ok());
    assert_eq!(
        refused(&table(&axes(300))),
        ["the lines of all tables come to more than 512 MiB here"]
    );
}

#[test]
fn one_mistake_in_many_lines_is_told_some_times_and_no_more() {
    let axes = format!(
        "rows = {{ x = {}, y = {}, nothing = 1 }}\ncolumns = {{ label = \"c\" }}",
        values(300),
        values(300)
    );
    assert_eq!(refused(&table(&axes)), ["unknown variable `nothing`"]);
}

/// Variables of which each reads the next one twice, and the last is `end`.
fn doubled(depth: usize, end: &str) -> String {
    let pairs = (0..depth).map(|at| format!("v{at} = \"${{v{0}}}${{v{0}}}\"\n", at + 1));
    format!(
        "[vars]\n{}v{depth} = \"{end}\"\n",
        pairs.collect::<String>()
    )
}

#[test]
fn variables_that_double_are_refused() {
    let stage = "[stage.s]\nuse = \"world\"\nseed = \"${v0}\"\n";
    for end in ["", "x"] {
        let told = refused(&(doubled(60, end) + stage));
        let limit = "this value comes to read variables more than 1000 times";
        assert!(told.iter().any(|told| told == limit), "{told:?}");
    }
    let told = refused(&(doubled(7, &"x".repeat(1000)) + stage));
    assert!(
        told.contains(&"this text comes to more than 65536 bytes".to_owned()),
        "{told:?}"
    );
}

#[test]
fn the_texts_of_one_job_are_bounded() {
    let text = |count: usize| {
        let env: String = (0..count)
            .map(|at| format!("V{at} = \"${{long}}\"\n"))
            .collect();
        let long = "x".repeat(1 << 16);
        format!(
            "[vars]\nlong = \"{long}\"\n\n[stage.s]\nuse = \"command\"\nshell = \"true\"\n[stage.s.env]\n{env}"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pipeline.toml");
    let load = |count| {
        std::fs::write(&file, text(count)).expect("written");
        load_file(&file, None, &[], &Registry::shipped())
    };
    assert!(load(255).is_ok());
    let report = load(256).err().expect("refused");
    assert_eq!(
        messages(&report),
        ["the texts of this stage come to more than 16 MiB"]
    );
}

#[test]
fn what_never_ends_is_no_published_table() {
    let axes = "reference = \"/dev/zero#t\"\nrows = { x = 1 }\ncolumns = { y = 1 }";
    assert_eq!(refused(&table(axes)), ["cannot read /dev/zero: not a file"]);
}

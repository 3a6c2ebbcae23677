//! Modules of `src/` look one way: each uses those above it in this list, and none below.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules, from the one that uses none of the others to the one that uses all.
const LAYERS: [&str; 24] = [
    "terminal",
    "errors",
    "bytes",
    "environment",
    "paths",
    "keys",
    "resources",
    "settings",
    "registry",
    "belongs",
    "store",
    "failure",
    "progress",
    "declare",
    "schema",
    "graph",
    "report",
    "logs",
    "execute",
    "why",
    "runs",
    "gc",
    "draw",
    "cli",
];

/// Returns the code of a file without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("read");
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next();
    let lines = before_tests.unwrap_or_default().lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the module that a file belongs to.
fn module(source: &Path, file: &Path) -> String {
    let below = file.strip_prefix(source).expect("below");
    let first = below.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names that follow `crate::` in a text.
fn used(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let name = &rest[..end.unwrap_or(rest.len())];
        (!name.is_empty()).then_some(name)
    })
}

#[test]
fn modules_use_only_what_is_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let mut wrong = Vec::new();
    for file in &all {
        let module = module(&source, file);
        let is_test = file
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        if is_test || ["lib", "main", "test_support"].contains(&&*module) {
            continue;
        }
        let Some(own) = layer(&module) else {
            panic!("`{module}` has no place among the layers of {}", file!());
        };
        for name in used(&code(file)) {
            if layer(name).is_some_and(|other| other > own) {
                wrong.push(format!("{}: `{module}` uses `{name}`", file.display()));
            }
        }
    }
    assert!(all.len() > 100, "the sources are there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_registry_alone_names_stage_kinds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kinds: Vec<String> = fs::read_dir(root.join("stages"))
        .expect("listed")
        .map(|entry| {
            entry
                .expect("listed")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    let mut all = Vec::new();
    files(&root.join("src"), &mut all);
    let mut naming = Vec::new();
    for file in all {
        let code = code(&file);
        let names = |kind: &String| {
            let path = format!("{kind}::");
            let mut places = code.match_indices(&path);
            places.any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c))
            })
        };
        if kinds.iter().any(names) {
            naming.push(
                file.strip_prefix(root)
                    .expect("below")
                    .display()
                    .to_string(),
            );
        }
    }
    assert_eq!(naming, ["src/registry.rs"]);
}

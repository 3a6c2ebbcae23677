//! Texts for other people, without the places of this machine: of a path its last part is told, as tables tell the files of the user's.

use std::path::{Component, Path};

use serde_json::Value;

/// Where a path may begin within a text.
const BEFORE: &str = " \t\n=\"'`,;:(<[{|";
/// Where a path within a text has ended.
const AFTER: &str = " \t\n\"'`,;)>]}|";
/// How paths begin that lead out of where they stand.
const STARTS: [&str; 4] = ["/", "../", "~/", "./"];

/// What a command shows in the place of a folder that whoever repeats it has to name.
pub(super) const YOURS: &str = "PATH/TO/";

/// Returns a label (`pretrain[text=/data/wiki]`) or a target (`stage:pretrain[…]`) with the last parts of the paths among its values.
pub(in crate::cli) fn label(label: &str) -> String {
    label_by(label, &given)
}

/// Returns a label with its values as `give` tells them.
pub(super) fn label_by(label: &str, give: &dyn Fn(&str) -> String) -> String {
    let Some((stage, rest)) = label.split_once('[') else {
        return within(label);
    };
    let Some((inside, after)) = rest.rsplit_once(']') else {
        return within(label);
    };
    let values = parts(inside).into_iter().map(|text| binding(text, give));
    format!("{stage}[{}]{after}", values.collect::<Vec<_>>().join(","))
}

/// Returns `variable=value` with its value as `give` tells it.
pub(super) fn binding(text: &str, give: &dyn Fn(&str) -> String) -> String {
    let Some((name, value)) = text.split_once('=') else {
        return within(text);
    };
    let told = match serde_json::from_str(value) {
        Ok(value @ (Value::String(_) | Value::Array(_) | Value::Object(_))) => {
            texts(value, give).to_string()
        }
        _ => give(value),
    };
    format!("{name}={told}")
}

/// Returns a value with its texts as `give` tells them.
pub(super) fn texts(value: Value, give: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(give(&text)),
        Value::Array(all) => all.into_iter().map(|value| texts(value, give)).collect(),
        Value::Object(all) => {
            let all = all.into_iter();
            Value::Object(
                all.map(|(name, value)| (name, texts(value, give)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Returns the value of a variable for a command: whoever repeats it names the folder of a path.
pub(super) fn asked(value: &str) -> String {
    let told = given(value);
    match told != value && last(value).as_ref() == Some(&told) {
        true => format!("{YOURS}{told}"),
        false => told,
    }
}

/// Returns the value of a variable: of a path, whatever it starts from, the last part.
pub(super) fn given(value: &str) -> String {
    let is_path = value.contains('/')
        && !value.starts_with('@')
        && !value.contains("://")
        && !value.contains(char::is_whitespace);
    match last(value) {
        Some(name) if is_path => name,
        _ => within(value),
    }
}

/// Returns a text in which paths that lead out of where they stand are their last parts: absolute ones and those with `..`.
pub(super) fn within(text: &str) -> String {
    let place = Path::new(text);
    let leads_out =
        place.is_absolute() || place.components().any(|part| part == Component::ParentDir);
    if leads_out
        && !text.contains(['\n', '\t'])
        && !text.contains(" /")
        && let Some(name) = last(text)
    {
        return name;
    }
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let may_begin = told.is_empty() || told.ends_with(|before| BEFORE.contains(before));
        if may_begin
            && !rest.starts_with("//")
            && STARTS.iter().any(|start| rest.starts_with(start))
        {
            let end = rest.find(|after| AFTER.contains(after));
            let (path, after) = rest.split_at(end.unwrap_or(rest.len()));
            told += &last(path).unwrap_or_else(|| path.to_owned());
            rest = after;
        } else {
            told.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    told
}

/// Returns the last part of a path.
fn last(path: &str) -> Option<String> {
    let name = Path::new(path)
        .components()
        .rev()
        .find_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
    Some(name?.to_string_lossy().into_owned())
}

/// Splits the bindings of a label at the commas that stand in no quotation marks and no brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_no_place() {
        assert_eq!(
            label_by("stage:a[t=/x/y,n=1]", &asked),
            "stage:a[t=PATH/TO/y,n=1]"
        );
        for (text, told) in [
            ("pretrain", "pretrain"),
            ("a[text=/tmp/x/secret/wik,m=0.4]", "a[text=wik,m=0.4]"),
            ("a[text=../../secret/wik]#2", "a[text=wik]#2"),
            ("a[text=secret/wik/]", "a[text=wik]"),
            ("stage:a[text=@world/text]", "stage:a[text=@world/text]"),
            (
                r#"a[t="/tmp/a, b/c",l=["x","/y/z"]]"#,
                r#"a[t="c",l=["x","z"]]"#,
            ),
            (r#"a[t="this or/that way"]"#, r#"a[t="this or/that way"]"#),
            ("a/b", "a/b"),
        ] {
            assert_eq!(label(text), told);
        }
    }

    #[test]
    fn paths_within_a_text_are_their_last_parts() {
        assert_eq!(within("/tmp/my files/wik"), "wik");
        assert_eq!(
            within("imported from /a/b.tar (index 1)"),
            "imported from b.tar (index 1)"
        );
        assert_eq!(within("cat /a/b --to=../c/d | x"), "cat b --to=d | x");
        assert_eq!(
            within("and/or, 3 / 4, https://x.org/y"),
            "and/or, 3 / 4, https://x.org/y"
        );
        assert_eq!(within("/"), "/");
        assert_eq!(within(".."), "..");
    }
}

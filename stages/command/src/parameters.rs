//! A stage's parameters, and the checks that involve more than one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use contract::{ArtifactType, Problem};
use serde::Deserialize;

use crate::environment::{self, PREFIX};
use crate::places::{COMMON, Text};

/// A stage's parameters as the user writes them.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) shell: Option<String>,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) makes: ArtifactType,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) pass_env: Vec<String>,
}

/// The command to start.
pub(crate) enum Command {
    /// A program and its arguments.
    Argv(Vec<Text>),
    /// A text that the shell runs.
    Shell(Text),
}

impl Parameters {
    /// Returns the command to start.
    ///
    /// # Errors
    /// All problems of `argv` and `shell`.
    pub(crate) fn command(&self) -> Result<Command, Vec<Problem>> {
        match (&self.argv, &self.shell) {
            (Some(argv), None) => self.argv(argv),
            (None, Some(shell)) if shell.trim().is_empty() => {
                Err(vec![Problem::value("shell", "there is nothing to run")])
            }
            (None, Some(shell)) if shell.contains('\0') => Err(vec![Problem::value(
                "shell",
                "a text for the shell cannot hold a zero byte",
            )]),
            (None, Some(shell)) => Text::parse(shell, &self.inputs)
                .map(Command::Shell)
                .map_err(|mistake| vec![mistake.at(&["shell"])]),
            (Some(_), Some(_)) => Err(vec![
                Problem::value("shell", "`argv` says already what to run")
                    .with_help("leave one of the two out"),
            ]),
            (None, None) => Err(vec![Problem {
                path: vec!["argv".into()],
                message: "`argv` is missing".into(),
                help: Some(
                    "name the program and its arguments: argv = [\"python3\", \"{script}\", …]"
                        .into(),
                ),
                at_key: true,
            }]),
        }
    }

    fn argv(&self, argv: &[String]) -> Result<Command, Vec<Problem>> {
        let mut texts = Vec::with_capacity(argv.len());
        let mut problems = Vec::new();
        for (place, text) in argv.iter().enumerate() {
            let place = place.to_string();
            if text.contains('\0') {
                let path = format!("argv.{place}");
                problems.push(Problem::value(&path, "an argument cannot hold a zero byte"));
            }
            match Text::parse(text, &self.inputs) {
                Ok(text) => texts.push(text),
                Err(mistake) => problems.push(mistake.at(&["argv", &place])),
            }
        }
        match argv.first().map(|program| program.trim()) {
            None | Some("") => {
                let path = if argv.is_empty() { "argv" } else { "argv.0" };
                problems.push(
                    Problem::value(path, "no program is named").with_help(
                        "the first text names it: argv = [\"python3\", \"{script}\", …]",
                    ),
                );
            }
            // A program with a place in its path is an input, or lies beside one.
            Some(program) if program.contains('/') && !program.contains('{') => {
                if !Path::new(program).is_absolute() {
                    problems.push(
                        Problem::value("argv.0", format!("`{program}` is no program on PATH"))
                            .with_help(
                                "declare the file as an input, inputs = { script = \"…\" }, and write {script}",
                            ),
                    );
                }
            }
            Some(_) => {}
        }
        if problems.is_empty() {
            Ok(Command::Argv(texts))
        } else {
            Err(problems)
        }
    }

    /// Returns the environment variables that the stage asks for.
    ///
    /// # Errors
    /// All problems of `env`.
    pub(crate) fn environment(&self) -> Result<BTreeMap<&str, Text>, Vec<Problem>> {
        let mut texts = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, text) in &self.env {
            if text.contains('\0') {
                problems.push(Problem {
                    path: vec!["env".into(), name.clone()],
                    message: "a variable of the environment cannot hold a zero byte".into(),
                    help: None,
                    at_key: false,
                });
            }
            match Text::parse(text, &self.inputs) {
                Ok(text) => drop(texts.insert(name.as_str(), text)),
                Err(mistake) => problems.push(mistake.at(&["env", name])),
            }
        }
        if problems.is_empty() {
            Ok(texts)
        } else {
            Err(problems)
        }
    }

    /// Returns all problems of the parameters.
    pub(crate) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.command().err().into_iter().flatten());
        problems.extend(self.environment().err().into_iter().flatten());
        for name in COMMON {
            if self.inputs.iter().any(|input| input == name) {
                problems.push(Problem {
                    path: vec!["inputs".into(), name.into()],
                    message: format!("`{name}` cannot name an input"),
                    help: Some(format!("{{{name}}} has a meaning already")),
                    at_key: true,
                });
            }
        }
        for name in self.env.keys() {
            problems.extend(variable(name).map(|(message, help)| Problem {
                path: vec!["env".into(), name.clone()],
                message,
                help,
                at_key: true,
            }));
        }
        for (place, name) in self.pass_env.iter().enumerate() {
            let path = format!("pass_env.{place}");
            if let Some((message, help)) = variable(name) {
                let mut problem = Problem::value(&path, message);
                problem.help = help;
                problems.push(problem);
            } else if self.env.contains_key(name) {
                problems.push(
                    Problem::value(&path, format!("`{name}` is set by `env` already"))
                        .with_help("leave one of the two out"),
                );
            }
        }
        let mut seen = BTreeSet::new();
        for (place, path) in self.outputs.iter().enumerate() {
            let problem = |message| Problem::value(&format!("outputs.{place}"), message);
            if !is_inside(path) {
                problems.push(
                    problem(format!("`{path}` names no file inside of {{output}}")).with_help(
                        "name it from there, without `.` and `..`: \"model.bin\", \"folder/part\"",
                    ),
                );
            } else if !seen.insert(path.trim_end_matches('/')) {
                problems.push(problem(format!("`{path}` is named twice")));
            }
        }
        problems
    }
}

/// Whether a relative path leads to something inside a folder, and never out of it.
fn is_inside(path: &str) -> bool {
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    !path.is_empty()
        && Path::new(path).components().all(plain)
        && !path.contains("//")
        && path.split('/').all(|step| step != ".")
}

/// Returns why an environment variable cannot be set by the stage, and the remedy; `None` if it can be.
fn variable(name: &str) -> Option<(String, Option<String>)> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Some((
            format!("`{name}` cannot name a variable of the environment"),
            None,
        ));
    }
    if name.starts_with(PREFIX) {
        let all: Vec<_> = environment::OWN.to_vec();
        let help = format!("the program finds there {}", all.join(", "));
        return Some((format!("`{name}` is the runner's to set"), Some(help)));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn told(changes: &Value) -> Vec<String> {
        let mut all = json!({
            "argv": ["true"], "shell": null, "inputs": ["data"], "outputs": [], "makes": "folder",
            "env": {}, "pass_env": [],
        });
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        let parameters: Parameters = serde_json::from_value(all).unwrap();
        let problems = parameters.check();
        let lines = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path.join("."), problem.message));
        lines.collect()
    }

    #[test]
    fn what_is_right_passes() {
        assert_eq!(told(&json!({})), [""; 0]);
        let full = json!({
            "argv": ["{data}/run", "{output}", "{{}}"], "outputs": ["a/b", "c"],
            "env": {"A": "{threads}"}, "pass_env": ["HF_HOME"],
        });
        assert_eq!(told(&full), [""; 0]);
        assert_eq!(told(&json!({"argv": null, "shell": "cat {data}"})), [""; 0]);
    }

    #[test]
    fn all_mistakes_are_told_with_their_places() {
        let wrong = json!({
            "argv": ["./run.sh", "{dta}"], "inputs": ["output", "data"],
            "outputs": ["/a", "../b", "c", "c/", "./d", ""],
            "env": {"A": "}", "PIPE_OUTPUT": "x"}, "pass_env": ["A", "B=C"],
        });
        assert_eq!(
            told(&wrong),
            [
                "argv.1: unknown place `{dta}`",
                "argv.0: `./run.sh` is no program on PATH",
                "env.A: `}` closes nothing",
                "inputs.output: `output` cannot name an input",
                "env.PIPE_OUTPUT: `PIPE_OUTPUT` is the runner's to set",
                "pass_env.0: `A` is set by `env` already",
                "pass_env.1: `B=C` cannot name a variable of the environment",
                "outputs.0: `/a` names no file inside of {output}",
                "outputs.1: `../b` names no file inside of {output}",
                "outputs.3: `c/` is named twice",
                "outputs.4: `./d` names no file inside of {output}",
                "outputs.5: `` names no file inside of {output}",
            ]
        );
        assert_eq!(
            told(&json!({"shell": "true"})),
            ["shell: `argv` says already what to run"]
        );
        assert_eq!(told(&json!({"argv": null})), ["argv: `argv` is missing"]);
        assert_eq!(told(&json!({"argv": []})), ["argv: no program is named"]);
        assert_eq!(
            told(&json!({"argv": [" "]})),
            ["argv.0: no program is named"]
        );
        assert_eq!(
            told(&json!({"argv": null, "shell": " "})),
            ["shell: there is nothing to run"]
        );
    }
}

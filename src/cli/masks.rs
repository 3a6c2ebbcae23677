//! `pipe masks`.

use std::path::{Path, PathBuf};

use contract::{Context, Problem};
use serde_json::{Map, Value, json};

use super::Exit;
use super::arguments::MasksArguments;
use super::failure::CommandFailure;
use super::output::{print, print_json, tell};
use super::project::Project;
use crate::registry::Registry;
use crate::registry::masks::{self, Example, Request, Shown};
use crate::store::Store;
use crate::terminal::Paint;

/// Shows what a masking strategy does to a text.
pub(super) fn masks(
    arguments: &MasksArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let masking = masks::settings(&arguments.settings()).map_err(|problems| wrong(&problems))?;
    let mut places = Places {
        arguments,
        registry,
        project: None,
    };
    let [tokenizer, encoder, ngrams] =
        [&arguments.tokenizer, &arguments.encoder, &arguments.ngrams].map(Option::as_deref);
    let tokenizer = places.find(tokenizer)?;
    let encoder = places.find(encoder)?;
    let ngrams = places.find(ngrams)?;
    let request = Request {
        masking: &masking,
        text: &arguments.text,
        tokenizer: tokenizer.as_deref(),
        encoder: encoder.as_deref(),
        ngrams: ngrams.as_deref(),
        seed: arguments.seed,
        examples: arguments.examples,
    };
    let folder = tempfile::tempdir()?;
    let context = Context::in_folder(folder.path())?;
    let examples = masks::examples(request, &context)?;
    if arguments.common.json {
        print_json(&document(arguments, &examples))?;
        return Ok(Exit::Ok);
    }
    let texts: Vec<String> = examples
        .iter()
        .map(|example| text(arguments, example))
        .collect();
    print(&texts.join("\n"))?;
    if !arguments.common.quiet {
        tell(&legend(&examples));
    }
    Ok(Exit::Ok)
}

/// Where artifacts lie that are named as stages or by paths.
struct Places<'a> {
    arguments: &'a MasksArguments,
    registry: &'a Registry,
    /// The project, read when a stage is first named.
    project: Option<Project>,
}

impl Places<'_> {
    fn find(&mut self, named: Option<&str>) -> Result<Option<PathBuf>, CommandFailure> {
        let Some(named) = named else {
            return Ok(None);
        };
        let Some(stage) = named.strip_prefix('@') else {
            if !Path::new(named).exists() {
                return Err(CommandFailure::Usage {
                    message: format!("no such file or folder: {named}"),
                    remedy: "name a path, or a stage of the pipeline: '@pretrain[m=0.4]'".into(),
                });
            }
            return Ok(Some(named.into()));
        };
        let project = match self.project.take() {
            Some(project) => project,
            None => Project::load(&self.arguments.common, self.registry)?,
        };
        let store = Store::open(&project.store)?;
        let target = format!("stage:{stage}");
        let (plan, found) = project.known(&store, std::slice::from_ref(&target))?;
        self.project = Some(project);
        let &[job] = &plan.stages[..] else {
            return Err(CommandFailure::Usage {
                message: format!("{named} is not one result"),
                remedy: "name one stage, with the values of its variables: '@pretrain[m=0.4]'"
                    .into(),
            });
        };
        Ok(Some(store.lay_out(&found[job.index()].manifest)?))
    }
}

impl MasksArguments {
    /// Returns the settings of masking that were given.
    fn settings(&self) -> Map<String, Value> {
        let given = [
            ("strategy", Some(&self.strategy)),
            ("corrupt", Some(&self.rate)),
            ("predict", self.predict.as_ref()),
            ("count", self.count.as_ref()),
            ("random", self.random.as_ref()),
            ("keep", self.keep.as_ref()),
            ("replace_each", self.replace_each.as_ref()),
            ("mean_span", self.mean_span.as_ref()),
            ("span_p", self.span_p.as_ref()),
            ("longest_span", self.longest_span.as_ref()),
        ];
        let given = given.into_iter().filter_map(|(name, text)| {
            let text = text?;
            // What is no number is refused for what it is, with what was probably meant.
            let number = serde_json::from_str(text).ok().filter(Value::is_number);
            let value = number.unwrap_or_else(|| Value::from(text.as_str()));
            Some((name.to_owned(), value))
        });
        let mut settings: Map<String, Value> = given.collect();
        settings.insert("mask_special".into(), self.specials.into());
        settings
    }
}

/// Returns the error for wrong settings, each with its option.
fn wrong(problems: &[Problem]) -> CommandFailure {
    let told = problems.iter().map(|problem| {
        let option = match problem.path.last().map(String::as_str) {
            Some("corrupt") | None => "rate".to_owned(),
            Some(name) => name.replace('_', "-"),
        };
        format!("--{option}: {}", problem.message)
    });
    let help = problems.iter().find_map(|problem| problem.help.clone());
    CommandFailure::Usage {
        message: told.collect::<Vec<_>>().join("; "),
        remedy: help.unwrap_or_else(|| "`pipe masks --help` tells what is taken".into()),
    }
}

/// Returns an example as lines for people.
fn text(arguments: &MasksArguments, example: &Example) -> String {
    let copies = match example.copy {
        (_, 1) => String::new(),
        (copy, copies) => format!(", copy {copy} of {copies}"),
    };
    let share = 100.0 * example.corrupted as f64 / example.candidates.max(1) as f64;
    let strategy = &arguments.strategy;
    let head = format!(
        "{strategy}, example {}{copies}: {} of {} tokens ({share:.1} %), {} {}",
        example.number,
        example.corrupted,
        example.candidates,
        example.units,
        if example.units == 1 { "unit" } else { "units" },
    );
    let mut lines = format!("{}\n", head.bold());
    let mut line = |name: &str, words: Vec<String>| {
        lines += &format!("  {}  {}\n", format!("{name:<5}").dimmed(), words.join(" "));
    };
    let shown: Vec<&Shown> = example
        .tokens
        .iter()
        .skip(usize::from(!arguments.specials))
        .collect();
    line("text", selected(&shown));
    line("input", shown.iter().map(|token| input(token)).collect());
    if arguments.encoder.is_some() {
        line("guess", shown.iter().map(|token| guess(token)).collect());
    }
    lines
}

/// Returns the tokens as they are, those of a unit between brackets.
fn selected(tokens: &[&Shown]) -> Vec<String> {
    let units = tokens.chunk_by(|one, other| one.unit.is_some() && one.unit == other.unit);
    units
        .map(|unit| {
            let words: Vec<String> = unit
                .iter()
                .map(|token| match (token.unit, token.is_predicted) {
                    (None, _) => token.token.clone(),
                    (Some(_), true) => token.token.red().to_string(),
                    (Some(_), false) => token.token.yellow().to_string(),
                })
                .collect();
            let words = words.join(" ");
            match unit[0].unit {
                None => words,
                Some(_) if unit.iter().any(|token| token.is_predicted) => format!("[{words}]"),
                Some(_) => format!("({words})"),
            }
        })
        .collect()
}

/// Returns a token as the encoder reads it.
fn input(token: &Shown) -> String {
    match token.unit {
        None => token.input.clone(),
        Some(_) if token.is_masked => token.input.red().to_string(),
        Some(_) if token.input == token.token => format!("={}=", token.input).green().to_string(),
        Some(_) => format!("~{}~", token.input).yellow().to_string(),
    }
}

/// Returns a token, or what the encoder takes for it.
fn guess(token: &Shown) -> String {
    match &token.guess {
        Some((guess, _)) if *guess == token.token => format!("[{guess}]").green().to_string(),
        Some((guess, share)) => format!("[{guess} {:.0} %]", 100.0 * share)
            .red()
            .to_string(),
        None => token.input.clone(),
    }
}

/// Says what the marks mean that the examples have.
fn legend(examples: &[Example]) -> String {
    let tokens = || examples.iter().flat_map(|example| &example.tokens);
    let of_units = || tokens().filter(|token| token.unit.is_some());
    let mut marks = vec!["[…] masked together and predicted"];
    if of_units().any(|token| !token.is_predicted) {
        marks.push("(…) masked, not predicted");
    }
    if of_units().any(|token| !token.is_masked && token.input == token.token) {
        marks.push("=…= kept as it is");
    }
    if of_units().any(|token| !token.is_masked && token.input != token.token) {
        marks.push("~…~ a random token");
    }
    if tokens().any(|token| token.guess.is_some()) {
        marks.push("guess: the likeliest token, with its probability where it is wrong");
    }
    marks.join("; ")
}

fn document(arguments: &MasksArguments, examples: &[Example]) -> Value {
    let token = |token: &Shown| {
        json!({
            "token": token.token,
            "input": token.input,
            "unit": token.unit,
            "predicted": token.is_predicted,
            "guess": token.guess.as_ref().map(|(guess, _)| guess),
            "probability": token.guess.as_ref().map(|(_, share)| share),
        })
    };
    let example = |example: &Example| {
        json!({
            "example": example.number,
            "copy": example.copy.0,
            "copies": example.copy.1,
            "candidates": example.candidates,
            "corrupted": example.corrupted,
            "units": example.units,
            "collisions": example.collisions,
            "tokens": example.tokens.iter().map(token).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema_version": 1,
        "strategy": arguments.strategy,
        "examples": examples.iter().map(example).collect::<Vec<_>>(),
    })
}

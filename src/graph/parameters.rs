//! A stage's parameters under an environment, and what is wrong with them, at the place where it was written.

use std::borrow::Cow;
use std::sync::Arc;

use contract::{Params, Piece, Problem};
use serde_json::{Map, Value};

use super::environment::{Environment, Reads};
use crate::declare::{Definition, Item, ItemValue, Origin, Pipeline, StageDeclaration};
use crate::errors::{Diagnostic, did_you_mean};

/// The most bytes that the texts of one job's parameters may come to, variables replaced.
const MOST: usize = 1 << 24;

/// Evaluates, completes and checks the parameters of a stage. Problems go to `problems`.
pub(super) fn parameters<'p>(
    pipeline: &'p Pipeline,
    stage: &'p StageDeclaration,
    environment: &Environment<'p>,
    reads: &mut Reads,
    problems: &mut Vec<Diagnostic>,
) -> Option<Params> {
    let mut failed = Vec::new();
    let mut walk = Walk {
        stage,
        environment,
        reads,
        path: Vec::new(),
        room: MOST,
    };
    let given = walk.evaluate(&stage.items, &mut |path, problem| {
        failed.push(path);
        problems.push(problem);
    });
    let found = match contract::complete(stage.signature.fields, &given) {
        Ok(params) => {
            let params = Params(params);
            let found = stage.stage.check(&params);
            if found.is_empty() && failed.is_empty() {
                return Some(params);
            }
            found
        }
        Err(found) => found,
    };
    let place = Place {
        pipeline,
        stage,
        environment,
    };
    // A parameter that could not be evaluated has been reported, and is not missing.
    let found = found
        .iter()
        .filter(|problem| !failed.contains(&problem.path));
    problems.extend(found.map(|problem| place.diagnose(problem)));
    None
}

/// Places problems that a kind has found where their values are written.
pub(super) fn diagnosed<'p>(
    pipeline: &'p Pipeline,
    stage: &'p StageDeclaration,
    environment: &Environment<'p>,
    problems: &[Problem],
) -> Vec<Diagnostic> {
    let place = Place {
        pipeline,
        stage,
        environment,
    };
    problems
        .iter()
        .map(|problem| place.diagnose(problem))
        .collect()
}

fn owned(path: &[Cow<'_, str>]) -> Vec<String> {
    path.iter().map(|key| key.clone().into_owned()).collect()
}

/// An evaluation of keys and values.
struct Walk<'a, 'p> {
    stage: &'p StageDeclaration,
    environment: &'a Environment<'p>,
    reads: &'a mut Reads,
    /// The keys that led to the value.
    path: Vec<Cow<'p, str>>,
    /// How many bytes of texts are left.
    room: usize,
}

impl<'p> Walk<'_, 'p> {
    /// Evaluates keys and values, those of inputs among them: `complete` passes over inputs. A value that fails is reported and
    /// left out.
    fn evaluate(
        &mut self,
        items: &'p [Item],
        fail: &mut impl FnMut(Vec<String>, Diagnostic),
    ) -> Map<String, Value> {
        let mut values = Map::new();
        for item in items {
            self.path.push(Cow::Borrowed(&item.key.text));
            match &item.value {
                ItemValue::Value(definition) => match self.value(definition) {
                    Ok(value) => {
                        values.insert(item.key.text.clone(), value);
                    }
                    Err(problem) => {
                        fail(owned(&self.path), problem);
                        // This stands in for a value that was reported, so that it is not reported as missing as well.
                        values.insert(item.key.text.clone(), Value::from(""));
                    }
                },
                ItemValue::List(definitions) => {
                    let mut list = Vec::with_capacity(definitions.len());
                    for (place, definition) in definitions.iter().enumerate() {
                        let value = self.value(definition).unwrap_or_else(|problem| {
                            self.path.push(place.to_string().into());
                            fail(owned(&self.path), problem);
                            self.path.pop();
                            // This stands in for an element that was reported, so that the others keep their places.
                            Value::from("")
                        });
                        list.push(value);
                    }
                    values.insert(item.key.text.clone(), Value::Array(list));
                }
                ItemValue::Table(items) => {
                    let inner = self.evaluate(items, fail);
                    values.insert(item.key.text.clone(), Value::Object(inner));
                }
            }
            self.path.pop();
        }
        values
    }

    fn value(&mut self, definition: &'p Definition) -> Result<Value, Diagnostic> {
        let value = match self.environment.pieces(definition, self.reads)? {
            Some(pieces) => Cow::Owned(Value::from(self.join(definition, &pieces)?)),
            None => self.environment.evaluate(definition, self.reads)?.value,
        };
        let size = value.as_str().map_or(0, str::len);
        match self.room.checked_sub(size) {
            Some(left) => self.room = left,
            None => {
                let message = format!(
                    "the texts of this stage come to more than {} MiB",
                    MOST >> 20
                );
                let origin = &definition.origin;
                return Err(Diagnostic::new(message).at(&origin.source, origin.span.clone(), ""));
            }
        }
        Ok(value.into_owned())
    }
}

impl Walk<'_, '_> {
    /// Puts a text together as the stage's kind says.
    fn join(&self, definition: &Definition, pieces: &[Piece<'_>]) -> Result<String, Diagnostic> {
        let key = self.path.first().map_or("", |key| &**key);
        self.stage.stage.join(key, pieces).map_err(|problem| {
            let origin = &definition.origin;
            let what = format!(
                "`{}` of stage `{}`",
                self.path.join("."),
                self.stage.name.text
            );
            Diagnostic::new(problem.message)
                .at(&origin.source, origin.span.clone(), what)
                .maybe_help(problem.help)
        })
    }
}

struct Place<'a, 'p> {
    pipeline: &'p Pipeline,
    stage: &'p StageDeclaration,
    environment: &'a Environment<'p>,
}

impl Place<'_, '_> {
    /// Turns a stage's problem into a diagnostic at the place that the user has to change.
    fn diagnose(&self, problem: &Problem) -> Diagnostic {
        let source = &self.pipeline.source;
        let what = format!(
            "`{}` of stage `{}`",
            problem.path.join("."),
            self.stage.name.text
        );
        let diagnostic = Diagnostic::new(problem.message.clone());
        // The path of keys is followed as far as it was written.
        let mut items = &self.stage.items;
        let mut parent = &self.stage.name;
        let mut found = None;
        for (depth, key) in problem.path.iter().enumerate() {
            let Some(item) = items.iter().find(|item| item.key.text == *key) else {
                break;
            };
            if depth + 1 == problem.path.len() {
                found = Some(item);
            } else if let ItemValue::List(definitions) = &item.value {
                let element = element_at(&problem.path[depth + 1..], definitions);
                if let Some(definition) = element {
                    let diagnostic = diagnostic.maybe_help(problem.help.clone());
                    return self.at_value(diagnostic, definition, &what);
                }
                found = Some(item);
                break;
            } else if let ItemValue::Table(inner) = &item.value {
                (items, parent) = (inner, &item.key);
            } else {
                break;
            }
        }
        let Some(item) = found else {
            // A key that is missing has no place, so the caret points at what surrounds it.
            let text = if problem.path.len() > 1 {
                what
            } else {
                String::new()
            };
            return diagnostic
                .at(source, parent.span.clone(), text)
                .maybe_help(problem.help.clone());
        };
        if problem.at_key {
            return diagnostic
                .at(source, item.key.span.clone(), "")
                .maybe_help(self.known_keys(problem).or_else(|| problem.help.clone()));
        }
        let diagnostic = diagnostic.maybe_help(problem.help.clone());
        match &item.value {
            ItemValue::Value(definition) => self.at_value(diagnostic, definition, &what),
            ItemValue::List(_) | ItemValue::Table(_) => {
                diagnostic.at(source, item.span.clone(), what)
            }
        }
    }

    /// Puts the caret where a value was written.
    fn at_value(&self, diagnostic: Diagnostic, definition: &Definition, what: &str) -> Diagnostic {
        match self.environment.evaluate(definition, &mut Reads::new()) {
            Ok(evaluated) => trace(diagnostic, evaluated.origin, &definition.origin, what),
            Err(problem) => problem,
        }
    }

    /// Suggests a key for an unknown one.
    fn known_keys(&self, problem: &Problem) -> Option<String> {
        let mut fields = self.stage.signature.fields;
        let (key, parents) = problem.path.split_last()?;
        for parent in parents {
            let field = fields.iter().find(|field| field.is_called(parent))?;
            fields = field.takes.table()?;
        }
        if fields.iter().any(|field| field.is_called(key)) {
            return None;
        }
        Some(did_you_mean(
            key,
            fields.iter().map(|field| field.name),
            "keys",
        ))
    }
}

/// Returns the element of a list that the rest of a path leads to.
fn element_at<'d>(rest: &[String], definitions: &'d [Definition]) -> Option<&'d Definition> {
    let [place] = rest else {
        return None;
    };
    definitions.get(place.parse::<usize>().ok()?)
}

/// Puts the caret where the value was written, and says which key it reached if that stands elsewhere.
pub(super) fn trace(
    diagnostic: Diagnostic,
    written: &Origin,
    used: &Origin,
    what: &str,
) -> Diagnostic {
    let (source, span) = (&written.source, written.span.clone());
    if !Arc::ptr_eq(source, &used.source) {
        let place = used.source.line(used.span.start);
        return diagnostic
            .at(source, span, "")
            .help(format!("it reaches {what} at {place}"));
    }
    if span == used.span {
        let told = diagnostic.message().contains(what);
        return diagnostic.at(source, span, if told { "" } else { what });
    }
    diagnostic.at(source, span, "this value").at(
        source,
        used.span.clone(),
        format!("reaches {what}"),
    )
}

//! What every variable is where a job is made, and the evaluation of values under that.

use std::borrow::Cow;

use contract::Piece;
use serde_json::Value;

use crate::declare::{Definition, Item, ItemValue, Origin, Part, Pipeline, Template, VariableId};
use crate::errors::Diagnostic;

/// How far variables may refer to one another: beyond any use, short of exhausting the stack.
const DEEPEST: usize = 64;
/// How many variables one value may come to read, again and again among them: each of a chain that reads the next one twice
/// doubles it.
const MOST_READS: usize = 1000;
/// The longest text that variables may be put together to, in bytes.
const LONGEST: usize = 1 << 16;

/// The variables read by an evaluation: what its outcome depends on. A bit for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads(Vec<u64>);

impl Reads {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn insert(&mut self, variable: VariableId) {
        let word = variable.0 / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (variable.0 % 64);
    }

    pub(super) fn contains(&self, variable: VariableId) -> bool {
        let word = self.0.get(variable.0 / 64).copied().unwrap_or_default();
        word & (1 << (variable.0 % 64)) != 0
    }

    /// Adds all variables of another set.
    pub(super) fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// Adds all variables of another set but those `left_out`.
    pub(super) fn extend_without(&mut self, other: &Self, left_out: &[VariableId]) {
        let mut other = other.clone();
        for variable in left_out {
            if let Some(word) = other.0.get_mut(variable.0 / 64) {
                *word &= !(1 << (variable.0 % 64));
            }
        }
        self.extend(&other);
    }

    /// Returns the variables, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = VariableId> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(VariableId(64 * at + bit))
            })
        })
    }
}

/// One definition per variable.
#[derive(Clone)]
pub(super) struct Environment<'p> {
    pipeline: &'p Pipeline,
    definitions: Vec<&'p Definition>,
}

/// A value, and where it was written: through `"${variable}"` back to the plain value.
pub(super) struct Evaluated<'p> {
    pub(super) value: Cow<'p, Value>,
    pub(super) origin: &'p Origin,
}

/// How far an evaluation has come.
#[derive(Default)]
struct Walk {
    /// The variables that led here, each read by the one before it.
    path: Vec<VariableId>,
    /// How many variables were read so far.
    reads: usize,
}

impl<'p> Environment<'p> {
    /// The profile's values, with `--set` applied.
    pub(super) fn base(pipeline: &'p Pipeline) -> Self {
        let definitions = pipeline
            .variables
            .iter()
            .map(|variable| variable.base())
            .collect();
        Self {
            pipeline,
            definitions,
        }
    }

    /// The profile's values alone.
    pub(super) fn profile(pipeline: &'p Pipeline) -> Self {
        let definitions = pipeline
            .variables
            .iter()
            .map(|variable| &variable.profile)
            .collect();
        Self {
            pipeline,
            definitions,
        }
    }

    /// Binds variables, over what they were.
    pub(super) fn bind(&mut self, bindings: &'p [(VariableId, Definition)]) {
        for (variable, definition) in bindings {
            self.bind_one(*variable, definition);
        }
    }

    pub(super) fn bind_one(&mut self, variable: VariableId, definition: &'p Definition) {
        self.definitions[variable.0] = definition;
    }

    /// Returns a number that tells this definition of a variable from any other in the pipeline. It serves to look up, not to
    /// order.
    pub(super) fn identity(&self, variable: VariableId) -> usize {
        std::ptr::from_ref(self.definitions[variable.0]).addr()
    }

    /// Returns whether a variable is a plain value, here and under the profile, so that it depends on no other variable.
    pub(super) fn is_plain(&self, variable: VariableId) -> bool {
        let profile = &self.pipeline.variable(variable).profile;
        let both = [self.definitions[variable.0], profile];
        both.iter()
            .all(|definition| matches!(definition.template, Template::Value(_)))
    }

    /// Returns whether the variable's definition comes from elsewhere than the profile.
    pub(super) fn is_bound(&self, variable: VariableId) -> bool {
        let profile = &self.pipeline.variable(variable).profile;
        !std::ptr::eq(self.definitions[variable.0], profile)
    }

    /// Returns whether the variable has the value that `--set` gives.
    pub(super) fn is_set(&self, variable: VariableId) -> bool {
        let set = self.pipeline.variable(variable).set.as_ref();
        set.is_some_and(|set| std::ptr::eq(self.definitions[variable.0], set))
    }

    /// Evaluates a variable.
    pub(super) fn variable(
        &self,
        variable: VariableId,
        reads: &mut Reads,
    ) -> Result<Evaluated<'p>, Diagnostic> {
        self.read(variable, reads, &mut Walk::default())
    }

    /// Evaluates a written value.
    pub(super) fn evaluate(
        &self,
        definition: &'p Definition,
        reads: &mut Reads,
    ) -> Result<Evaluated<'p>, Diagnostic> {
        self.definition(definition, reads, &mut Walk::default())
    }

    /// Finds which variables a written value reads, whether it can be evaluated or not.
    pub(super) fn reads_of(&self, definition: &Definition, reads: &mut Reads) {
        let variables: Vec<VariableId> = match &definition.template {
            Template::Variable(variable) => vec![*variable],
            Template::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Variable(variable) => Some(*variable),
                    Part::Literal(_) => None,
                })
                .collect(),
            Template::Value(_) | Template::Broken(_) => Vec::new(),
        };
        for variable in variables {
            // Variables that were read before a failure count as well.
            let _ = self.variable(variable, reads);
        }
    }

    /// Finds which variables the values of some keys read, whether they can be evaluated or not.
    pub(super) fn reads_of_items(&self, items: &[Item], reads: &mut Reads) {
        for item in items {
            match &item.value {
                ItemValue::Value(definition) => self.reads_of(definition, reads),
                ItemValue::List(definitions) => {
                    for definition in definitions {
                        self.reads_of(definition, reads);
                    }
                }
                ItemValue::Table(items) => self.reads_of_items(items, reads),
            }
        }
    }

    /// Returns the pieces of a written text that has variables in it; `None` for all other values.
    pub(super) fn pieces(
        &self,
        definition: &'p Definition,
        reads: &mut Reads,
    ) -> Result<Option<Vec<Piece<'p>>>, Diagnostic> {
        let mut walk = Walk::default();
        let mut piece = |variable: VariableId| {
            let value = self.read(variable, reads, &mut walk)?.value;
            let name = self.pipeline.variable(variable).name.as_str();
            Ok(match value {
                Cow::Borrowed(Value::String(text)) => (name, text.as_str().into(), true),
                value => {
                    let text = contract::text_of(&value).unwrap_or_default();
                    (name, text.into(), value.is_string())
                }
            })
        };
        let mut pieces = Vec::new();
        match &definition.template {
            Template::Variable(variable) => {
                let (name, text, is_text) = piece(*variable)?;
                // A value that is no text keeps its type.
                if !is_text {
                    return Ok(None);
                }
                pieces.push(Piece::Value { name, text });
            }
            Template::Text(parts) => {
                let mut length = 0;
                for part in parts {
                    let part = match part {
                        Part::Literal(literal) => Piece::Written(literal),
                        Part::Variable(variable) => {
                            let (name, text, _) = piece(*variable)?;
                            Piece::Value { name, text }
                        }
                    };
                    length += part.text().len();
                    if length > LONGEST {
                        return Err(too_long(&definition.origin));
                    }
                    pieces.push(part);
                }
            }
            Template::Value(_) | Template::Broken(_) => return Ok(None),
        }
        Ok(Some(pieces))
    }

    fn read(
        &self,
        variable: VariableId,
        reads: &mut Reads,
        walk: &mut Walk,
    ) -> Result<Evaluated<'p>, Diagnostic> {
        let mut path = walk.path.iter();
        if let Some(from) = path.position(|&earlier| earlier == variable) {
            return Err(self.cycle(&walk.path[from..]));
        }
        let too_much = if walk.path.len() == DEEPEST {
            Some(format!(
                "variables refer to one another more than {DEEPEST} deep"
            ))
        } else if walk.reads == MOST_READS {
            Some(format!(
                "this value comes to read variables more than {MOST_READS} times"
            ))
        } else {
            None
        };
        if let Some(message) = too_much {
            let outermost = walk.path.first().copied().unwrap_or(variable);
            let origin = &self.definitions[outermost.0].origin;
            return Err(Diagnostic::new(message).at(&origin.source, origin.span.clone(), ""));
        }
        reads.insert(variable);
        walk.reads += 1;
        walk.path.push(variable);
        let result = self.definition(self.definitions[variable.0], reads, walk);
        walk.path.pop();
        result
    }

    fn definition(
        &self,
        definition: &'p Definition,
        reads: &mut Reads,
        walk: &mut Walk,
    ) -> Result<Evaluated<'p>, Diagnostic> {
        let parts = match &definition.template {
            Template::Value(value) => {
                return Ok(Evaluated {
                    value: Cow::Borrowed(value),
                    origin: &definition.origin,
                });
            }
            Template::Variable(variable) => return self.read(*variable, reads, walk),
            Template::Text(parts) => parts,
            Template::Broken(problem) => return Err((**problem).clone()),
        };
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(variable) => {
                    let value = self.read(*variable, reads, walk)?.value;
                    text.push_str(&contract::text_of(&value).unwrap_or_default());
                }
            }
            if text.len() > LONGEST {
                return Err(too_long(&definition.origin));
            }
        }
        Ok(Evaluated {
            value: Cow::Owned(Value::from(text)),
            origin: &definition.origin,
        })
    }

    fn cycle(&self, path: &[VariableId]) -> Diagnostic {
        let path = from_smallest(path);
        let name = |id: &VariableId| self.pipeline.variable(*id).name.as_str();
        let names: Vec<_> = path.iter().chain(path.first()).map(name).collect();
        let message = format!(
            "variables refer to each other in a cycle: {}",
            names.join(" → ")
        );
        let mut problem = Diagnostic::new(message).help("give one of them a plain value");
        for id in &path {
            let origin = &self.definitions[id.0].origin;
            let text = format!("`{}`", name(id));
            problem = problem.at(&origin.source, origin.span.clone(), text);
        }
        problem
    }
}

fn too_long(origin: &Origin) -> Diagnostic {
    Diagnostic::new(format!("this text comes to more than {LONGEST} bytes"))
        .at(&origin.source, origin.span.clone(), "")
        .help("let it hold fewer variables, or shorter ones")
}

/// Turns a cycle so that it begins with its smallest member, so that the same cycle found twice reads the same.
pub(super) fn from_smallest<T: Copy + Ord>(cycle: &[T]) -> Vec<T> {
    let start = (0..cycle.len())
        .min_by_key(|&place| cycle[place])
        .unwrap_or(0);
    cycle[start..]
        .iter()
        .chain(&cycle[..start])
        .copied()
        .collect()
}

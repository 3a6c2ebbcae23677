//! Variables that hold inputs: what a user may replace by files of their own.

use std::rc::Rc;

use contract::{Params, Stage};

use super::edges::Files;
use super::environment::Environment;
use super::expand::Expander;
use crate::declare::{ItemValue, Pipeline, Template};

/// A variable that is an input of a stage.
#[derive(Clone)]
pub struct InputVariable {
    /// The variable.
    pub name: String,
    /// The kind of the stage.
    pub stage: &'static dyn Stage,
    /// The name of the input.
    pub input: String,
    /// The parameters of the stage as it is declared.
    pub params: Params,
}

/// Returns the variables that are inputs of stages as a whole, by the first stage that takes each, in order of declaration.
pub fn input_variables(pipeline: &Pipeline) -> Vec<InputVariable> {
    let base = Rc::new(Environment::base(pipeline));
    let mut expander = Expander::new(pipeline, Files::Any);
    let mut found: Vec<InputVariable> = Vec::new();
    for id in pipeline.stage_list() {
        let stage = pipeline.stage(id);
        for input in &stage.inputs {
            let Some(ItemValue::Value(definition)) =
                stage.written(&input.path).map(|item| &item.value)
            else {
                continue;
            };
            let Template::Variable(variable) = &definition.template else {
                continue;
            };
            let name = &pipeline.variable(*variable).name;
            let is_known = found.iter().any(|known| known.name == *name);
            // A stage that cannot be made before a table binds its variables is left out here.
            if let (false, Ok(job)) = (is_known, expander.job(id, &base)) {
                found.push(InputVariable {
                    name: name.clone(),
                    stage: stage.stage,
                    input: input.name.to_string(),
                    params: expander.params_of(job),
                });
            }
        }
    }
    found
}

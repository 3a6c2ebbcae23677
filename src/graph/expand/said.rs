//! What the fields of a stage say.

use std::sync::Arc;

use contract::{Device, Field, Params};
use serde_json::Value;

use super::Expander;
use crate::declare::StageId;
use crate::graph::environment::{Environment, Reads};
use crate::graph::parameters::parameters;
use crate::keys::CanonicalParams;

/// What the fields of a stage say, without its inputs.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) params: CanonicalParams,
    /// The parameters as far as they are keyed.
    pub(super) keyed: CanonicalParams,
    /// The class of arithmetic, if it decides the result.
    pub(super) numerics: Option<&'static str>,
    /// Patterns of files that do not belong to the inputs.
    pub(super) ignore: Arc<[String]>,
}

impl<'p> Expander<'p> {
    /// Returns what a stage's fields say. Problems are reported each time that the fields are met.
    pub(super) fn said(
        &mut self,
        stage: StageId,
        environment: &Environment<'p>,
        reads: &mut Reads,
    ) -> Option<Said> {
        if let Some((said, read)) = self.params[stage.0].get(environment) {
            reads.extend(&read);
            return Some(said);
        }
        let mut read = Reads::new();
        let params = parameters(
            self.pipeline,
            self.pipeline.stage(stage),
            environment,
            &mut read,
            &mut self.problems,
        );
        reads.extend(&read);
        let mut params = params?;
        let signature = self.pipeline.stage(stage).signature;
        let ignore = take_ignored(signature.fields, &mut params);
        let all = CanonicalParams::of(&params);
        // Nearly always parameters are keyed whole, and then the bytes are kept once.
        let keyed = match contract::is_keyed_whole(signature.fields) {
            true => all.clone(),
            false => CanonicalParams::of(&contract::keyed(signature.fields, &params)),
        };
        let numerics = signature.numerics;
        let said = Said {
            keyed: if keyed == all { all.clone() } else { keyed },
            numerics: numerics.map(|class| class(&params, Device::Cpu)),
            params: all,
            ignore,
        };
        let memo = &mut self.params[stage.0];
        let read = memo.share(read);
        memo.put(environment, &read, said.clone());
        Some(said)
    }
}

/// Takes the patterns of files that do not belong to the inputs out of the parameters.
fn take_ignored(fields: &[Field], params: &mut Params) -> Arc<[String]> {
    let mut ignored = Vec::new();
    for field in fields {
        if field.takes.is_parameter() {
            continue;
        }
        if let Some(Value::Array(texts)) = params.0.remove(field.name) {
            let texts = texts.iter().filter_map(Value::as_str);
            ignored.extend(texts.map(str::to_owned));
        }
    }
    ignored.into()
}

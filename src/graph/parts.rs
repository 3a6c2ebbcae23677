//! Edges to a part of an artifact that is an artifact of the same type itself: `@pretrain/step-1000`.

use super::environment::Environment;
use super::environment::Reads;
use super::parameters::trace;
use crate::declare::{InputDeclaration, ItemValue, StageDeclaration};
use crate::errors::Diagnostic;
use contract::{ArtifactType, Params};

/// Says that an artifact will have no such part, as far as that follows from the parameters of the job that makes it.
pub(super) fn lacking(
    maker: &StageDeclaration,
    params: &Params,
    part: &str,
    (user, input): (&StageDeclaration, &InputDeclaration),
    environment: &Environment<'_>,
) -> Option<Diagnostic> {
    let name = &maker.name.text;
    if maker.signature.output == ArtifactType::Folder || input.takes.is_none() {
        return None;
    }
    let parts = maker.stage.parts(Some(params))?;
    if parts.iter().any(|known| known == part) {
        return None;
    }
    let help = match parts.is_empty() {
        true => format!(
            "it keeps nothing along the way: set keep_at of stage `{name}` to steps that it comes to"
        ),
        false => format!("it will have {}", parts.join(", ")),
    };
    let problem = Diagnostic::new(format!("`@{name}` will have no `{part}`")).help(help);
    let what = format!("`{}` of stage `{}`", input.path.join("."), user.name.text);
    let Some(ItemValue::Value(definition)) = user.written(&input.path).map(|item| &item.value)
    else {
        return Some(problem);
    };
    let evaluated = environment.evaluate(definition, &mut Reads::new());
    Some(match evaluated {
        Ok(evaluated) => trace(problem, evaluated.origin, &definition.origin, &what),
        Err(wrong) => wrong,
    })
}

//! Values in a stage's brackets that none of its jobs reads: such a value must not be ignored in silence.

use super::environment::{Environment, Reads};
use super::expand::Expander;
use crate::declare::{Definition, StageId, VariableId};
use crate::errors::{Diagnostic, nearest};

/// Finds the bindings of a target that no job of it has read. Of a stage that could not be made, none is reported.
pub(super) fn unread<'p>(
    expander: &Expander<'p>,
    stage: StageId,
    environment: &Environment<'p>,
    bindings: &'p [(VariableId, Definition)],
) -> Vec<Diagnostic> {
    let Some(reads) = expander.reads_of_all(stage, environment) else {
        return Vec::new();
    };
    let unread = bindings
        .iter()
        .filter(|(variable, _)| !reads.contains(*variable));
    let problem = |(variable, definition): &(VariableId, Definition)| {
        let name = expander.pipeline.variable(*variable).name.as_str();
        let stage_name = expander.pipeline.stage(stage).name.text.as_str();
        let origin = &definition.origin;
        let at = origin.span.start.saturating_sub(name.len() + 1);
        Diagnostic::new(format!(
            "stage `{stage_name}` does not read `{name}`: this value would change nothing"
        ))
        .at(&origin.source, at..origin.span.end, "")
        .help(help(expander, stage, *variable, &reads, bindings))
    };
    unread.map(problem).collect()
}

fn help(
    expander: &Expander<'_>,
    stage: StageId,
    variable: VariableId,
    reads: &Reads,
    bindings: &[(VariableId, Definition)],
) -> String {
    let pipeline = expander.pipeline;
    let name = |id: VariableId| pipeline.variable(id).name.as_str();
    let base = Environment::base(pipeline);
    // The variable would be read, were it not for another binding that replaces the value made of it.
    let instead = bindings.iter().filter(|(other, _)| {
        let mut made_of = Reads::new();
        *other != variable
            && base.variable(*other, &mut made_of).is_ok()
            && made_of.contains(variable)
    });
    let instead: Vec<String> = instead.map(|(id, _)| format!("`{}`", name(*id))).collect();
    if !instead.is_empty() {
        let instead = instead.join(" and ");
        return format!(
            "{instead}, given here as well, would follow from it: leave one or the other out"
        );
    }
    let mut own = Reads::new();
    let declared = pipeline.stage(stage);
    base.reads_of_items(&declared.items, &mut own);
    base.reads_of_items(declared.resources.as_slice(), &mut own);
    let of_stage = reads.iter().filter(|id| own.contains(*id)).map(name);
    let of_inputs = reads.iter().filter(|id| !own.contains(*id)).map(name);
    let (of_stage, of_inputs): (Vec<&str>, Vec<&str>) = (of_stage.collect(), of_inputs.collect());
    let mut help = String::new();
    if let Some(meant) = meant(name(variable), &of_stage, &of_inputs) {
        help = format!("did you mean `{meant}`? ");
    }
    help += &match of_stage.as_slice() {
        [] => "it reads no variable itself".to_owned(),
        of_stage => format!("it reads {}", of_stage.join(", ")),
    };
    if !of_inputs.is_empty() {
        help += &format!("; what it rests on reads {}", of_inputs.join(", "));
    }
    help
}

/// Returns the variable that was probably meant: `pretrain_seed` by `seed`. What the stage reads itself goes first.
fn meant<'a>(given: &str, of_stage: &[&'a str], of_inputs: &[&'a str]) -> Option<&'a str> {
    let all = || of_stage.iter().chain(of_inputs).copied();
    let words = |name: &str| -> Vec<String> {
        let words = name.split(['_', '-']);
        words.map(str::to_lowercase).collect()
    };
    let given_words = words(given);
    let shares = |name: &&str| {
        let words = words(name);
        given_words.iter().all(|word| words.contains(word))
            || words.iter().all(|word| given_words.contains(word))
    };
    nearest(given, all()).or_else(|| all().find(shares))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::graph::expand;
    use crate::test_support::{PIPELINE, load};

    use super::meant;

    #[test]
    fn the_stage_s_own_variable_is_meant_before_its_inputs() {
        let own = ["pretrain_seed", "steps"];
        let others = ["world_seed", "vocabulary"];
        assert_eq!(meant("seed", &own, &others), Some("pretrain_seed"));
        assert_eq!(meant("seed", &[], &others), Some("world_seed"));
        assert_eq!(meant("setps", &own, &others), Some("steps"));
        assert_eq!(meant("finetune_lr", &["lr"], &[]), Some("lr"));
        assert_eq!(meant("pooling", &own, &others), None);
    }

    #[test]
    fn what_a_stage_needs_of_the_machine_counts_as_read() {
        let text = "[vars]\nn = 2\nidle = 1\n[stage.world]\nuse = \"world\"\nresources = { threads = \"${n}\" }\n";
        let pipeline = load(text, None, &[]).unwrap();
        let plan = |target: &str| {
            let targets = pipeline.targets(&[target]).unwrap();
            expand(&pipeline, &targets)
        };
        assert!(plan("stage:world[n=3]").is_ok());
        let report = plan("stage:world[idle=3]").unwrap_err();
        let problem = &report.diagnostics()[0];
        assert_eq!(
            problem.message(),
            "stage `world` does not read `idle`: this value would change nothing"
        );
        assert_eq!(problem.help.as_deref(), Some("it reads n"));
    }

    #[test]
    fn a_value_that_another_one_hides_is_told_with_that() {
        let pipeline = load(PIPELINE, None, &[]).unwrap();
        let targets = ["stage:train[m=0.3,m_corr=0.2,m_pred=0.2]"];
        let targets = pipeline.targets(&targets).unwrap();
        let report = expand(&pipeline, &targets).unwrap_err();
        assert_eq!(
            report.diagnostics()[0].help.as_deref(),
            Some(
                "`m_corr` and `m_pred`, given here as well, would follow from it: leave one or the other out"
            )
        );
    }
}

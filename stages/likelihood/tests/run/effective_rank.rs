use std::path::Path;

use contract::{Stage, StageError};
use likelihood::EffectiveRankStage;
use serde_json::{Value, json};

use crate::common::{Done, run, with_weights};
use crate::validation_loss::{Trained, trained};

fn measure(encoder: &Path, tokens: &Path, given: &Value) -> Result<Done, StageError> {
    let inputs = [("encoder", encoder), ("tokens", tokens)];
    run(&EffectiveRankStage, given, &inputs)
}

#[test]
fn states_use_some_of_their_dimensions() {
    let Trained { tokens, encoder } = trained();
    let (tokens, encoder) = (tokens.output(), encoder.output());
    let at = |rate: f64| measure(&encoder, &tokens, &json!({"rate": rate})).unwrap();
    let (few, many) = (at(0.15), at(0.6));
    for done in [&few, &many] {
        for name in ["effective_rank", "effective_rank_masked"] {
            let rank = done.value(name);
            assert!(rank > 1.0 && rank <= 64.0, "{name}: {rank}");
        }
        assert_ne!(
            done.value("effective_rank"),
            done.value("effective_rank_masked")
        );
    }
    // The same tokens are measured with [MASK] beside them and without; at a higher rate these are fewer.
    let counts = |done: &Done| {
        done.scores()
            .iter()
            .map(|one| one.examples)
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&few)[0], counts(&few)[1]);
    assert!(counts(&many)[0] < counts(&few)[0]);
    let names = EffectiveRankStage.scores(None, &|_| None).unwrap();
    assert_eq!(names.len(), few.scores().len());
}

#[test]
fn states_without_a_direction_are_refused() {
    let Trained { tokens, encoder } = trained();
    let empty = with_weights(&encoder.output(), 0.0);
    let error = measure(empty.path(), &tokens.output(), &json!({}))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("all of them are zero"),
        "{error}"
    );
}

//! The encoder that a run starts from.

use std::path::Path;

use contract::{Context, Maker, Problem, StageError};
use encoder::{Config, Encoder};
use tokenize::Tokenizer;
use training::StartFrom;

use crate::parameters::Parameters;

/// Said where a state is wanted and there is nothing to take it from.
const NONE_GIVEN: (&str, &str) = (
    "there is no `start` whose training state could be taken",
    "name one: start = \"@stage\", or leave start_from out",
);

pub(crate) fn none_given() -> StageError {
    StageError::input("start_from", NONE_GIVEN.0, NONE_GIVEN.1)
}

/// Returns what the declarations of two stages say already: that one cannot start from the other.
pub(crate) fn check(parameters: &Parameters, start: Option<&Maker>) -> Vec<Problem> {
    let takes_state = parameters.training.start_from == StartFrom::State;
    let Some(start) = start else {
        let (message, help) = NONE_GIVEN;
        let problem = Problem::value("start_from", message).with_help(help);
        return if takes_state {
            vec![problem]
        } else {
            Vec::new()
        };
    };
    let Ok(maker) = start.params.parse::<Parameters>() else {
        return Vec::new();
    };
    let text = |value: serde_json::Value| value.to_string().replace('"', "`");
    let shape = |of: &Parameters| {
        [
            ("size", text(serde_json::json!(of.size))),
            ("layers", of.config(1, 0).num_hidden_layers.to_string()),
            ("hidden", of.config(1, 0).hidden_size.to_string()),
            ("layer_norm", text(serde_json::json!(of.layer_norm))),
            ("token_types", of.token_types.to_string()),
            ("max_positions", of.max_positions.to_string()),
        ]
    };
    let mut problems = Vec::new();
    for ((name, found), (_, wanted)) in shape(&maker).into_iter().zip(shape(parameters)) {
        if found != wanted {
            let message = format!("its `{name}` is {found}, and {wanted} here");
            let help = format!("give `{name}` as the stage that makes `start` has it");
            problems.push(Problem::value("start", message).with_help(help));
        }
    }
    if !takes_state {
        return problems;
    }
    if maker.scheme() != parameters.scheme() {
        let message = "other layers read masked tokens there than here";
        let help = "give `masking.masked` and `masking.masked_layers` as the stage that makes `start` has them";
        problems.push(Problem::value("masking.masked", message).with_help(help));
    }
    let (made, updates) = (maker.plan().updates, parameters.plan().updates);
    if let Some(part) = &start.part {
        let message = format!("`{part}` holds an encoder alone, and no training state");
        let help = "take the state of the whole: start = \"@stage\"; or leave start_from out";
        problems.push(Problem::value("start", message).with_help(help));
    } else if !maker.training.keep_state {
        let message = "the stage that makes it keeps no training state";
        let help = "set keep_state = true there, or leave start_from out";
        problems.push(Problem::value("start", message).with_help(help));
    } else if made > updates {
        let message =
            format!("{made} updates were made already, and this run makes {updates} in all");
        let help = format!("give at least {made} steps, or leave start_from out");
        problems.push(Problem::value("steps", message).with_help(help));
    } else if let Some(step) = parameters
        .training
        .keep_at
        .iter()
        .find(|step| **step < made)
    {
        let message = format!("update {step} was made before this run, which goes on after {made}");
        let help = format!("leave {step} out");
        problems.push(Problem::value("keep_at", message).with_help(help));
    }
    problems
}

/// Returns an encoder of that configuration with the weights of the one in a folder, which must be of that shape and have the same
/// tokens.
pub(crate) fn load(
    folder: &Path,
    config: Config,
    tokenizer: &Tokenizer,
    context: &Context,
) -> Result<Encoder, StageError> {
    let start = Encoder::load_unless_stopped(folder, context)?;
    if !start.has_head() {
        return Err(StageError::input(
            "start",
            "it has no head that predicts tokens",
            "start from an encoder that was trained by masked language modelling",
        ));
    }
    for ((name, found), (_, wanted)) in shape(start.config()).iter().zip(shape(&config)) {
        if *found != wanted {
            return Err(StageError::input(
                "start",
                format!("its {name} is {found}, that of the encoder to be trained {wanted}"),
                "give size, layer_norm, token_types, max_positions and tokens as `start` was made with",
            ));
        }
    }
    check_tokens("start", folder, tokenizer)?;
    let encoder = Encoder::new(config, 0)?;
    let (weights, own) = (start.parameters(), encoder.parameters());
    for (name, _) in own.iter() {
        own.set(name, &weights.value(name, false)?)?;
    }
    Ok(encoder)
}

/// Checks that the encoder in `folder`, which is given as `input`, has the same tokens as the corpus.
fn check_tokens(
    input: &'static str,
    folder: &Path,
    tokenizer: &Tokenizer,
) -> Result<(), StageError> {
    let Some((id, wanted, found)) = tokenizer.first_difference(&Tokenizer::load(folder)?) else {
        return Ok(());
    };
    let token =
        |token: Option<String>| token.map_or("nothing".into(), |token| format!("`{token}`"));
    Err(StageError::input(
        input,
        format!(
            "it has another tokenizer: id {id} is {} there, and {} in `tokens`",
            token(found),
            token(wanted)
        ),
        format!("tokenize the corpus with the tokenizer that `{input}` was trained with"),
    ))
}

/// Returns the encoder in a folder whose states those of an encoder of that configuration are compared with.
pub(crate) fn load_teacher(
    folder: &Path,
    config: &Config,
    tokenizer: &Tokenizer,
    context: &Context,
) -> Result<Encoder, StageError> {
    let teacher = Encoder::load_unless_stopped(folder, context)?;
    check_tokens("teacher", folder, tokenizer)?;
    let (found, wanted) = (teacher.config(), config);
    if found.hidden_size != wanted.hidden_size {
        return Err(StageError::input(
            "teacher",
            format!(
                "its states have {} components, those of the encoder to be trained {}",
                found.hidden_size, wanted.hidden_size
            ),
            "give an encoder of the same width, such as the one that `start` names",
        ));
    }
    Ok(teacher)
}

/// Returns what two encoders must have in common for one to start from the other's weights.
fn shape(config: &Config) -> [(&'static str, String); 11] {
    [
        ("model_type", format!("{:?}", config.architecture)),
        ("vocab_size", config.vocab_size.to_string()),
        ("hidden_size", config.hidden_size.to_string()),
        ("num_hidden_layers", config.num_hidden_layers.to_string()),
        (
            "num_attention_heads",
            config.num_attention_heads.to_string(),
        ),
        ("intermediate_size", config.intermediate_size.to_string()),
        (
            "max_position_embeddings",
            config.max_position_embeddings.to_string(),
        ),
        ("type_vocab_size", config.type_vocab_size.to_string()),
        ("hidden_act", format!("{:?}", config.hidden_act)),
        ("layer_norm_eps", config.layer_norm_eps.to_string()),
        (
            "tie_word_embeddings",
            config.tie_word_embeddings.to_string(),
        ),
    ]
}

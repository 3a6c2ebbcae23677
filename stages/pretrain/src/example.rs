//! The stage kind `masked-example`.

use std::collections::BTreeMap;

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, Maker, Params, Problem,
    Signature, Stage, StageError,
};
use metrics::texts;
use serde::Deserialize;

use crate::demonstration::{Request, Shown, examples};
use crate::ngrams;
use crate::parameters::{MASKING, Masking};

/// The name of the text as it is.
const TEXT: &str = "text";
/// The name of the text as an encoder reads it.
const MASKED: &str = "masked";

#[derive(Deserialize)]
struct Parameters {
    text: String,
    masking: Masking,
    seed: u64,
}

/// Masks a text, for a table to show: as `pipe masks` does it, and as the first visit of a run with that seed to it.
#[derive(Clone, Copy, Debug)]
pub struct MaskedExampleStage;

impl Stage for MaskedExampleStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "masked-example",
            version: 1,
            about: "Masks a text, for tables to show (shows = \"masked\") what an encoder reads of it",
            fields: const {
                &[
                    Field::new(
                        "text",
                        FieldType::Text,
                        FieldDefault::Required,
                        "The text: a sentence or two.",
                    ),
                    Field::new(
                        "tokenizer",
                        FieldType::Input(ArtifactType::Tokenizer),
                        FieldDefault::Absent,
                        "What makes tokens of the text; without one each word is a token.",
                    ),
                    Field::new(
                        "ngrams",
                        FieldType::Input(ArtifactType::Ngrams),
                        FieldDefault::Absent,
                        "The n-grams that the strategy pmi masks together.",
                    ),
                    Field::new(
                        "masking",
                        FieldType::Table(MASKING),
                        FieldDefault::Table,
                        "What is masked, as a stage `pretrain` takes it.",
                    ),
                    Field::new(
                        "seed",
                        FieldType::Integer {
                            min: 0,
                            max: i64::MAX,
                        },
                        FieldDefault::Integer(0),
                        "Decides what is masked.",
                    ),
                ]
            },
            output: ArtifactType::Folder,
            numerics: None,
            files: &[texts::DOCUMENTED],
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(|parameters: &Parameters| {
            let mut problems = parameters.masking.check();
            if parameters.text.trim().is_empty() {
                let problem = Problem::value("text", "there is nothing to mask");
                problems.push(problem.with_help("give a sentence"));
            }
            problems
        })
    }

    fn check_inputs(
        &self,
        params: &dyn Fn() -> Params,
        maker: &dyn Fn(&str) -> Option<Maker>,
    ) -> Vec<Problem> {
        let Ok(parameters) = params().parse::<Parameters>() else {
            return Vec::new();
        };
        let problem = ngrams::check(&parameters.masking, maker("ngrams").as_ref());
        problem.into_iter().collect()
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let request = Request {
            masking: &parameters.masking,
            text: &parameters.text,
            tokenizer: inputs.optional("tokenizer"),
            encoder: None,
            ngrams: inputs.optional("ngrams"),
            seed: parameters.seed,
            examples: 1,
        };
        let examples = examples(request, context)?;
        let (Some(first), Some(last)) = (examples.first(), examples.last()) else {
            return Err(StageError::failed("the text was masked in no copy"));
        };
        if let (_, copies @ 2..) = last.copy {
            context.note(format!(
                "the text is shown in {copies} copies, since more is predicted than masked"
            ));
        }
        let read: Vec<String> = examples
            .iter()
            .map(|example| words(&example.tokens, true))
            .collect();
        let texts = BTreeMap::from([
            (TEXT.to_owned(), words(&first.tokens, false)),
            (MASKED.to_owned(), read.join(" / ")),
        ]);
        for (name, text) in &texts {
            if let Some(reason) = texts::problem(name, text) {
                return Err(StageError::input("text", reason, "give a shorter sentence"));
            }
        }
        texts::write(context.output(), &texts)
    }
}

/// Writes tokens as they are, or as an encoder reads them, without the special one in front. A piece that goes on a word follows it
/// without a space, unless one of the two was replaced, so that it can be seen which.
fn words(tokens: &[Shown], is_read: bool) -> String {
    let mut text = String::new();
    let mut after = false;
    for token in tokens.iter().skip(1) {
        let piece = if is_read { &token.input } else { &token.token };
        let is_replaced = *piece != token.token;
        match piece.strip_prefix("##") {
            Some(rest) if !is_replaced && !after => text += rest,
            _ => {
                if !text.is_empty() {
                    text.push(' ');
                }
                text += piece;
            }
        }
        after = is_replaced;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tokens: &[(&str, &str)]) -> Vec<Shown> {
        let tokens = tokens.iter().map(|(token, input)| Shown {
            token: (*token).to_owned(),
            input: (*input).to_owned(),
            is_masked: *input == "[MASK]",
            unit: None,
            is_predicted: false,
            guess: None,
        });
        tokens.collect()
    }

    #[test]
    fn pieces_of_words_are_joined_where_nothing_was_replaced() {
        let tokens = shown(&[
            ("[CLS]", "[CLS]"),
            ("high", "high"),
            ("mask", "mask"),
            ("##ing", "##ing"),
            ("pre", "[MASK]"),
            ("##train", "##train"),
            ("##ing", "[MASK]"),
            ("rate", "##x"),
            ("##s", "##s"),
        ]);
        assert_eq!(words(&tokens, false), "high masking pretraining rates");
        assert_eq!(
            words(&tokens, true),
            "high masking [MASK] ##train [MASK] ##x ##s"
        );
        assert_eq!(words(&tokens[..1], true), "");
    }
}

//! Which tokens of a vocabulary begin a word.

use serde_json::Value;

use crate::byte_level::word_marks;
use crate::specification::CONTINUING;

/// How the tokens of a vocabulary show whether they begin a word. This is decided token by token, so the ids of a text are
/// enough to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordMarks {
    /// Tokens with this prefix continue a word, and all others begin one: `##` of WordPiece.
    Continuing(String),
    /// Tokens with one of these prefixes begin a word, and all others continue one: `Ġ` of byte-level BPE, which stands for a space
    /// (and `Ċ`, `č`, `ĉ`, for line feed, carriage return and tab), `▁` of SentencePiece.
    Beginning(Vec<String>),
}

/// The space, as SentencePiece represents it.
const METASPACE: &str = "▁";

impl WordMarks {
    /// Returns the marks that a `tokenizer.json` declares: by its model, or else by its decoder, or by the steps before its model;
    /// `None` if none of them distinguishes words.
    pub fn declared(tokenizer: &Value) -> Option<Self> {
        let prefix = |part: &Value, key: &str| {
            let prefix = part.get(key).and_then(Value::as_str);
            Self::Continuing(prefix.unwrap_or(CONTINUING).to_owned())
        };
        let model = &tokenizer["model"];
        if model["type"] == "WordPiece" {
            return Some(prefix(model, "continuing_subword_prefix"));
        }
        let of_step = |step: &Value| match step["type"].as_str()? {
            "WordPiece" => Some(prefix(step, "prefix")),
            "ByteLevel" => Some(Self::Beginning(word_marks())),
            "Metaspace" => {
                let mark = step["replacement"].as_str().unwrap_or(METASPACE);
                Some(Self::Beginning(vec![mark.to_owned()]))
            }
            // The decoder of SentencePiece's own models replaces the mark by a space.
            "Replace" if step["content"] == " " => {
                let mark = step["pattern"]["String"].as_str()?;
                Some(Self::Beginning(vec![mark.to_owned()]))
            }
            _ => None,
        };
        let steps = ["decoder", "pre_tokenizer"].map(|part| steps(&tokenizer[part]));
        steps.into_iter().flatten().find_map(of_step)
    }

    /// Whether a token begins a word.
    pub fn begins_word(&self, token: &str) -> bool {
        match self {
            Self::Continuing(prefix) => !token.starts_with(prefix.as_str()),
            Self::Beginning(marks) => marks.iter().any(|mark| token.starts_with(mark.as_str())),
        }
    }
}

/// Returns a step of a tokenizer, or the steps that it is composed of.
fn steps(of: &Value) -> Vec<&Value> {
    let inner = ["decoders", "pretokenizers"].map(|key| of[key].as_array());
    match inner.into_iter().flatten().next() {
        Some(inner) => inner.iter().flat_map(steps).collect(),
        None => vec![of],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::Tokenizer;
    use crate::specification::SPECIAL_TOKENS;

    #[test]
    fn every_kind_of_tokenizer_declares_its_marks() {
        let beginning = |mark: &str| Some(WordMarks::Beginning(vec![mark.to_owned()]));
        let byte_level = || {
            Some(WordMarks::Beginning(
                ["Ġ", "Ċ", "č", "ĉ"].map(str::to_owned).to_vec(),
            ))
        };
        let continuing = |mark: &str| Some(WordMarks::Continuing(mark.to_owned()));
        for (tokenizer, marks) in [
            (
                json!({"model": {"type": "WordPiece", "continuing_subword_prefix": "@@"}}),
                continuing("@@"),
            ),
            (json!({"model": {"type": "WordPiece"}}), continuing("##")),
            (
                json!({"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}),
                byte_level(),
            ),
            (
                json!({
                    "model": {"type": "BPE"},
                    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                        {"type": "Split"}, {"type": "ByteLevel", "add_prefix_space": false},
                    ]},
                }),
                byte_level(),
            ),
            (
                json!({"model": {"type": "Unigram"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "_"}}),
                beginning("_"),
            ),
            (
                json!({
                    "model": {"type": "BPE"},
                    "decoder": {"type": "Sequence", "decoders": [
                        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                    ]},
                }),
                beginning("▁"),
            ),
            (
                json!({"model": {"type": "WordLevel"}, "decoder": null}),
                None,
            ),
        ] {
            assert_eq!(WordMarks::declared(&tokenizer), marks, "{tokenizer}");
        }
        let [bert, gpt] = [continuing("##"), byte_level()].map(Option::unwrap);
        assert_eq!(
            ["mask", "##ing"].map(|token| bert.begins_word(token)),
            [true, false]
        );
        assert_eq!(
            ["Ġmask", "ing"].map(|token| gpt.begins_word(token)),
            [true, false]
        );
    }

    #[test]
    fn a_tokenizer_knows_by_id_which_tokens_begin_a_word() {
        let tokens: Vec<String> = SPECIAL_TOKENS
            .into_iter()
            .chain(["un", "##mask", "##ed", ","])
            .map(str::to_owned)
            .collect();
        let tokenizer = Tokenizer::from_tokens(&tokens, true, Path::new("test")).unwrap();
        let starts = tokenizer.word_starts();
        assert_eq!(starts.len(), tokenizer.vocabulary());
        let found: Vec<bool> = tokenizer
            .encode("unmasked, un[MASK]")
            .into_iter()
            .map(|id| starts[id as usize])
            .collect();
        assert_eq!(found, [true, false, false, true, true, true]);
    }
}

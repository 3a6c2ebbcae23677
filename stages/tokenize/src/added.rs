//! The tokens that are added to a vocabulary, in Hugging Face's order: those of `tokenizer.json`, then those that the settings
//! list, by id, then special tokens that are still missing.

use std::collections::BTreeMap;

use contract::StageError;

use crate::byte_level::{self, files};
use crate::declared::Declared;
use crate::files::{ADDED, CONFIG, TOKENIZER};
use crate::sources::Sources;
use crate::specification::{Added, Class, SPECIAL_TOKENS, ids};

/// Returns the added tokens, by id, as Hugging Face would add them; `in_file` are those of a `tokenizer.json`.
///
/// # Errors
/// When files contradict each other, versions of Hugging Face differ, or a special token is missing.
pub(crate) fn added(
    sources: &Sources,
    declared: &Declared,
    in_file: &[Added],
    vocabulary: &[(String, u32)],
) -> Result<Vec<Added>, StageError> {
    let mut list = Adding {
        ids: ids(vocabulary),
        next: vocabulary.len() as u32,
        tokens: BTreeMap::new(),
    };
    for token in in_file {
        list.add(token.clone(), Some(&sources.place.display().to_string()))?;
    }
    let decoder = match &declared.decoder {
        Some(decoder) => {
            let known = |token: &&Added| {
                let same = |it: &Added| it.content == token.content;
                decoder.iter().any(same) || declared.is_special(&token.content)
            };
            if declared.class != Class::File
                && let Some(token) = in_file.iter().find(|token| !known(token))
            {
                let reason = format!(
                    "adds the token `{}`, which added_tokens_decoder in {CONFIG} lacks: versions of transformers differ \
                     on whether it is one",
                    token.content
                );
                let remedy = format!("add it in {CONFIG}, or remove it in {TOKENIZER}");
                return Err(StageError::input(sources.place.display(), reason, remedy));
            }
            decoder.clone()
        }
        // The older form of the setting. What tokenizer.json says of the same id has precedence.
        None => {
            let mut by_id = BTreeMap::new();
            for (content, &id) in &sources.added {
                let special = declared.is_special(content);
                by_id.insert(id, Added::new(content.as_str(), id, special));
            }
            by_id.extend(in_file.iter().map(|token| (token.id, token.clone())));
            by_id.into_values().collect()
        }
    };
    let decoder_place = sources.beside(if declared.decoder.is_some() {
        CONFIG
    } else {
        ADDED
    });
    for mut token in decoder {
        token.special |= declared.is_special(&token.content);
        list.add(token, Some(&decoder_place))?;
    }
    for token in &declared.specials {
        if list.tokens.contains_key(&token.content) {
            continue;
        }
        let content = token.content.as_str();
        if declared.named.all().contains(&content) && !list.ids.contains_key(content) {
            // Hugging Face would give the token a new id, for which no encoder has a row.
            return Err(lacks(sources, content));
        }
        list.add(token.clone(), None)?;
    }
    let mut added: Vec<Added> = list.tokens.into_values().collect();
    added.sort_unstable_by_key(|token| token.id);
    Ok(added)
}

/// A vocabulary and the tokens that are being added to it.
struct Adding<'a> {
    ids: BTreeMap<&'a str, u32>,
    /// The id of the next new token.
    next: u32,
    tokens: BTreeMap<String, Added>,
}

impl Adding<'_> {
    /// Adds a token, or changes the properties of one that exists. `said` is the file that gives the token's id.
    fn add(&mut self, token: Added, said: Option<&str>) -> Result<(), StageError> {
        if token.content.is_empty() {
            return Ok(());
        }
        let known = self.tokens.get(&token.content).map(|known| known.id);
        let id = match known.or_else(|| self.ids.get(token.content.as_str()).copied()) {
            Some(id) => id,
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        if let Some(place) = said.filter(|_| token.id != id) {
            let reason = format!(
                "the added token `{}` has the id {} there, and {id} by the vocabulary",
                token.content, token.id
            );
            return Err(StageError::input(
                place,
                reason,
                "use files that belong together",
            ));
        }
        self.tokens
            .insert(token.content.clone(), Added { id, ..token });
        Ok(())
    }
}

/// Returns the error that refuses a vocabulary without a special token that has a role.
pub(crate) fn lacks(sources: &Sources, token: &str) -> StageError {
    let usual = match sources.is_byte_level() {
        true => byte_level::BY_ID,
        false => SPECIAL_TOKENS,
    };
    let names = usual.join(" ");
    let remedy = if sources
        .place
        .file_name()
        .is_some_and(|name| name == files::ENCODER)
    {
        // GPT-2 has none of them.
        let dictionary = files::DICTIONARY;
        format!(
            "put fairseq's {dictionary} beside the file, which numbers the tokens as RoBERTa does and adds {names}"
        )
    } else if usual.contains(&token) {
        let kind = if sources.is_byte_level() {
            "RoBERTa"
        } else {
            "BERT"
        };
        format!("use a {kind} vocabulary with the tokens {names}")
    } else {
        format!("use a vocabulary with that token, or correct {CONFIG}")
    };
    StageError::input(
        sources.place.display(),
        format!("the vocabulary has no {token}"),
        remedy,
    )
}

//! Writing a trained encoder as a folder that the libraries of Hugging Face load: what `pipe export --to` does.

use std::fs;
use std::path::Path;

use contract::{Context, StageError, io_error};
use encoder::{Dense, Encoder, ModelClass, Modules};
pub use encoder::{ModelCard, Pooling};
use tokenize::Tokenizer;

use crate::folder::Folder;

const MODEL: &str = "config_sentence_transformers.json";

/// For which class of which library a folder is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    /// `SentenceTransformer` of sentence-transformers; with a pooling where the encoder's own is not to be taken.
    Sentences(Option<Pooling>),
    /// `AutoModelForMaskedLM` of transformers.
    MaskedLm,
    /// `AutoModel` of transformers.
    Encoder,
}

impl Taker {
    /// The names of all takers, as options take them.
    pub const NAMES: &'static [&'static str] = &["sentences", "masked-lm", "encoder"];

    /// Returns the taker of that name. A pooling by name is of sentences alone.
    ///
    /// # Errors
    /// When there is no such taker or pooling.
    pub fn read(name: &str, pooling: Option<&str>) -> Result<Self, StageError> {
        let pooling = pooling.map(|name| {
            let place = Pooling::NAMES.iter().position(|known| *known == name);
            place.map(|place| Pooling::ALL[place]).ok_or_else(|| {
                StageError::input(
                    "--pooling",
                    format!("there is no pooling `{name}`"),
                    "give cls, mean or max",
                )
            })
        });
        let pooling = pooling.transpose()?;
        match (name, pooling) {
            ("sentences", pooling) => Ok(Self::Sentences(pooling)),
            ("masked-lm", None) => Ok(Self::MaskedLm),
            ("encoder", None) => Ok(Self::Encoder),
            ("masked-lm" | "encoder", Some(_)) => Err(StageError::input(
                "--pooling",
                format!("a folder for {name} has no pooling"),
                "leave --pooling out, or give --for sentences",
            )),
            _ => Err(StageError::input(
                "--for",
                format!("an encoder cannot be taken for `{name}`"),
                format!(
                    "give one of {}; or task, for a fine-tuned model with its head",
                    Self::NAMES.join(", ")
                ),
            )),
        }
    }
}

/// Returns the taker that an encoder's folder is best for, without being told: sentence-transformers where the folder has modules for it,
/// the encoder alone where it was trained for vectors (`trained`) that sentence-transformers has no modules for, else masked language modelling
/// where it has the head.
///
/// # Errors
/// When the folder cannot be read.
pub fn usual(
    folder: &Path,
    trained: Option<Pooling>,
    context: &Context,
) -> Result<Taker, StageError> {
    let read = Folder::read(folder)?;
    if read.head.is_some() {
        return Ok(Taker::Sentences(None));
    }
    if trained.is_some() {
        return Ok(Taker::Encoder);
    }
    let encoder = Encoder::load_unless_stopped(&read.transformer, context)?;
    Ok(match encoder.has_head() {
        true => Taker::MaskedLm,
        false => Taker::Encoder,
    })
}

/// Writes the encoder of `folder` into `to`, for `taker`, and says what it is. `own` is the pooling that the encoder was trained with, where
/// its folder does not say it.
///
/// # Errors
/// When the folder cannot be read, has no head that the taker needs, or a pooling that sentence-transformers does not have; or when a
/// file cannot be written.
pub fn take(
    folder: &Path,
    (taker, trained_with): (Taker, Option<Pooling>),
    to: &Path,
    context: &Context,
) -> Result<ModelCard, StageError> {
    let read = Folder::read(folder)?;
    let encoder = Encoder::load_unless_stopped(&read.transformer, context)?;
    let tokenizer = Tokenizer::load(&read.transformer)?;
    let config = encoder.config();
    tokenizer.check_embedded(config.vocab_size, &read.transformer)?;
    let positions = config.max_length();
    let width = config.hidden_size;
    let own = match &read.head {
        Some(head) => Some((head.pooling()?, head)),
        None => None,
    };
    let max_length = read.texts.max_length.or(tokenizer.max_length());
    let max_length = max_length.unwrap_or(positions).min(positions);
    let class = match taker {
        Taker::MaskedLm => ModelClass::MaskedLm,
        Taker::Sentences(_) | Taker::Encoder => ModelClass::Encoder,
    };
    let trained = match taker {
        Taker::MaskedLm => encoder.parameters().scalars(),
        Taker::Sentences(_) | Taker::Encoder => encoder.body().scalars(),
    };
    let mut card = ModelCard::new(class, config, trained, max_length);
    match taker {
        Taker::MaskedLm => encoder.save_masked_lm(to)?,
        Taker::Encoder => {
            let pooler = trained_pooler(own, width)?;
            encoder.save_model(to, pooler.as_ref())?;
            card.notes.push(of_pooler(pooler.is_some()));
        }
        Taker::Sentences(asked) => {
            let own = own.filter(|_| asked.is_none());
            let said = own.map(|(pooling, _)| pooling).or(trained_with);
            let pooling = asked.or(said).unwrap_or(Pooling::Mean);
            let dense = own.map_or(&[][..], |(_, head)| &head.dense);
            let modules = Modules {
                pooling,
                dense: dense.len(),
                normalise: own.is_some_and(|(_, head)| head.normalise),
                width,
                max_length,
                lower_case: read.texts.lower_case,
            };
            let pooler = trained_pooler(own, width)?;
            encoder.save_model(to, pooler.as_ref())?;
            if !modules.write(to)? {
                return Err(no_such_pooling(pooling));
            }
            for (map, from) in dense.iter().enumerate() {
                copy_files(from, &to.join(Modules::dense_folder(map)))?;
            }
            let model = folder.join(MODEL);
            if model.is_file() {
                copy_file(&model, &to.join(MODEL))?;
            }
            of_sentences(&mut card, &modules, said.is_some());
            card.notes.push(of_pooler(pooler.is_some()));
        }
    }
    tokenizer.take_files_for(positions, config.type_vocab_size, to)?;
    Ok(card)
}

/// Completes the card of a folder for sentence-transformers.
fn of_sentences(card: &mut ModelCard, modules: &Modules, is_own: bool) {
    card.library = "sentence-transformers";
    card.task = "sentence-similarity";
    card.class = "SentenceTransformer".to_owned();
    card.facts
        .push(("pooling", modules.pooling.name().to_owned()));
    card.facts.push(("dense maps", modules.dense.to_string()));
    let normalised = if modules.normalise { "yes" } else { "no" };
    card.facts
        .push(("vectors of length 1", normalised.to_owned()));
    if !is_own {
        card.notes.push(
            "The pooling was chosen for this folder: the encoder was not trained to give vectors of sentences.".to_owned(),
        );
    }
    card.usage = "from sentence_transformers import SentenceTransformer\n\n\
                  model = SentenceTransformer(\"MODEL\")\n\
                  vectors = model.encode([\"A sentence.\", \"Another one.\"])\n"
        .to_owned();
}

/// Says what the base models' pooler is worth.
fn of_pooler(is_trained: bool) -> String {
    match is_trained {
        true => "`pooler_output` of `AutoModel` is the vector of a sentence: the map that was trained over the first token.",
        false => "`pooler_output` of `AutoModel` means nothing: the class asks for a pooler, nothing was trained through one, and the \
                  weights here are those that a new one begins with. `last_hidden_state` is what the encoder gives.",
    }
    .to_owned()
}

/// Returns the pooler that was trained, if there is one: a dense map over the first token that belongs to the model, as in SimCSE's
/// published models.
fn trained_pooler(
    own: Option<(Pooling, &crate::Head)>,
    width: usize,
) -> Result<Option<Dense>, StageError> {
    let Some((Pooling::Cls, head)) = own else {
        return Ok(None);
    };
    let [folder] = &head.dense[..] else {
        return Ok(None);
    };
    let dense = Dense::load(folder)?;
    Ok(Some(dense).filter(|dense| dense.is_pooler(width)))
}

fn no_such_pooling(pooling: Pooling) -> StageError {
    StageError::input(
        "pooling",
        format!(
            "sentence-transformers has no pooling like {}",
            pooling.name()
        ),
        "train with cls, mean or max, or choose one of these with --pooling, which gives other vectors; --for encoder writes the \
         encoder without a pooling, and `pipe encode` makes the vectors as they are",
    )
}

/// Copies the plain files of a folder.
fn copy_files(from: &Path, to: &Path) -> Result<(), StageError> {
    fs::create_dir_all(to).map_err(io_error(to))?;
    for entry in fs::read_dir(from).map_err(io_error(from))? {
        let entry = entry.map_err(io_error(from))?;
        copy_file(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Copies a file without its permissions: what a store holds is read-only.
fn copy_file(from: &Path, to: &Path) -> Result<(), StageError> {
    let bytes = fs::read(from).map_err(io_error(from))?;
    fs::write(to, bytes).map_err(io_error(to))
}

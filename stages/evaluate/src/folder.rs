//! Folders of sentence-transformers: the transformer, pooling, normalisation and similarity that they declare.
//!
//! `modules.json` lists the modules that a sentence passes: a transformer (its files in the folder itself, or in
//! `0_Transformer`), a pooling (`1_Pooling/config.json`, with one boolean per mode, or since version 6 the mode's
//! name), perhaps dense maps, perhaps a normalisation. A folder without that file is a plain Hugging Face encoder.

use std::path::{Component, Path, PathBuf};

use contract::{StageError, read_json};
use encoder::{Dense, Pooling, Precision};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Similarity;
use crate::texts::Texts;

const MODULES: &str = "modules.json";
/// The file with settings that concern all modules.
const MODEL: &str = "config_sentence_transformers.json";
/// What to do about a file that is not of the expected form.
pub(crate) const REMEDY: &str = "give a folder as sentence-transformers saves it";
/// The prefix of the boolean settings that name a pooling mode.
const MODE: &str = "pooling_mode_";

/// An encoder's folder.
#[derive(Debug, PartialEq)]
pub struct Folder {
    /// The folder of the transformer's own files.
    pub transformer: PathBuf,
    /// Changes to the text of sentences, which apply to every pooling.
    pub texts: Texts,
    /// The modules after the transformer; `None` for a plain encoder.
    pub head: Option<Head>,
}

/// The modules after the transformer.
#[derive(Debug, PartialEq)]
pub struct Head {
    pooling: Mode,
    /// The folders of the dense maps that pooled vectors go through. They are read when they are used, since another pooling leaves
    /// them aside.
    pub dense: Vec<PathBuf>,
    /// Whether vectors are scaled to length 1.
    pub normalise: bool,
    /// Whether the tokens of a prompt take part in pooling.
    pub include_prompt: bool,
    /// The similarity by which vectors are compared.
    pub similarity: Similarity,
    /// Classes of modules that this crate does not compute, or that are out of place.
    others: Vec<String>,
    place: PathBuf,
}

/// The declared pooling.
#[derive(Debug, PartialEq)]
enum Mode {
    Known(Pooling),
    /// A pooling that this crate does not compute, in the file's words.
    Other(String),
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    class: String,
    path: String,
}

impl Module {
    /// Returns the module's folder: the whole folder or one inside it, since a job sees nothing else of an encoder.
    fn folder(&self, folder: &Path, place: &Path) -> Result<PathBuf, StageError> {
        let mut parts = Path::new(&self.path)
            .components()
            .filter(|part| *part != Component::CurDir);
        match (parts.next(), parts.next()) {
            (None | Some(Component::Normal(_)), None) => Ok(folder.join(&self.path)),
            _ => Err(StageError::input(
                place.display(),
                format!(
                    "the module's path `{}` is no folder beside this file",
                    self.path
                ),
                REMEDY,
            )),
        }
    }
}

impl Folder {
    /// Reads the folder's files, as far as they exist.
    ///
    /// # Errors
    /// When a file exists but cannot be understood.
    pub fn read(folder: &Path) -> Result<Self, StageError> {
        let place = folder.join(MODULES);
        if !place.is_file() {
            return Ok(Self {
                transformer: folder.to_path_buf(),
                texts: Texts::read(folder, folder)?,
                head: None,
            });
        }
        let modules: Vec<Module> = read_json(&place, REMEDY)?;
        let (mut transformer, mut pooling) = (None, None);
        let (mut include_prompt, mut normalise) = (true, false);
        let (mut dense, mut others) = (Vec::new(), Vec::new());
        for module in modules {
            match module.class.rsplit('.').next().unwrap_or_default() {
                "Transformer" if transformer.is_none() => {
                    transformer = Some(module.folder(folder, &place)?);
                }
                "Pooling" if pooling.is_none() && transformer.is_some() => {
                    let path = module.folder(folder, &place)?.join("config.json");
                    if !path.is_file() {
                        return Err(StageError::input(
                            path.display(),
                            "no such file: the folder is not complete",
                            "fetch it once more, whole",
                        ));
                    }
                    let config: Map<String, Value> = read_json(&path, REMEDY)?;
                    include_prompt = config.get("include_prompt") != Some(&Value::Bool(false));
                    pooling = Some(mode(&config));
                }
                "Dense" if pooling.is_some() && !normalise => {
                    dense.push(module.folder(folder, &place)?);
                }
                "Normalize" if pooling.is_some() => normalise = true,
                _ => others.push(module.class),
            }
        }
        let Some(transformer) = transformer else {
            let reason = format!(
                "there is no Transformer among its modules: {}",
                others.join(", ")
            );
            let remedy = "give the folder of a BERT encoder";
            return Err(StageError::input(place.display(), reason, remedy));
        };
        let pooling = pooling.unwrap_or_else(|| Mode::Other("none".to_owned()));
        Ok(Self {
            texts: Texts::read(folder, &transformer)?,
            transformer,
            head: Some(Head {
                pooling,
                dense,
                normalise,
                include_prompt,
                similarity: similarity(&folder.join(MODEL))?,
                others,
                place,
            }),
        })
    }
}

impl Head {
    /// Returns the declared pooling.
    ///
    /// # Errors
    /// When the pooling, or a further module, is one that this crate does not compute.
    pub fn pooling(&self) -> Result<Pooling, StageError> {
        let remedy = "set `pooling` to cls, mean, max, last-two, first-last or embedding-last, which leaves the modules aside";
        if let Some(other) = self.others.first() {
            let reason = format!("the module {other} is not supported");
            return Err(StageError::input(self.place.display(), reason, remedy));
        }
        match &self.pooling {
            Mode::Known(pooling) => Ok(*pooling),
            Mode::Other(mode) => {
                let reason = format!("the pooling mode {mode} is not supported");
                Err(StageError::input(self.place.display(), reason, remedy))
            }
        }
    }
}

impl Head {
    /// Sends pooled vectors through the dense maps, one after the other.
    ///
    /// # Errors
    /// When a map cannot be read, or takes vectors of another width.
    pub fn map(&self, vectors: &mut [Vec<f32>], precision: Precision) -> Result<(), StageError> {
        for folder in &self.dense {
            let dense = Dense::load(folder)?;
            for vector in vectors.iter_mut() {
                if vector.len() != dense.inputs() {
                    return Err(StageError::input(
                        self.place.display(),
                        format!(
                            "a dense map takes {} components, and the vectors have {}",
                            dense.inputs(),
                            vector.len()
                        ),
                        REMEDY,
                    ));
                }
                *vector = dense.apply(vector, precision);
            }
        }
        Ok(())
    }
}

/// Reads the similarity by which vectors are compared.
fn similarity(path: &Path) -> Result<Similarity, StageError> {
    if !path.is_file() {
        return Ok(Similarity::Cosine);
    }
    let config: Map<String, Value> = read_json(path, REMEDY)?;
    match config.get("similarity_fn_name") {
        None | Some(Value::Null) => Ok(Similarity::Cosine),
        Some(name) => Similarity::deserialize(name).map_err(|error| {
            let reason = format!("`similarity_fn_name`: {error}");
            StageError::input(path.display(), reason, REMEDY)
        }),
    }
}

/// Returns the pooling that a module's configuration declares.
fn mode(config: &Map<String, Value>) -> Mode {
    let names: Vec<String> = match config.get("pooling_mode") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => config
            .iter()
            .filter(|(_, value)| **value == Value::Bool(true))
            .filter_map(|(key, _)| Some(key.strip_prefix(MODE)?.to_owned()))
            .collect(),
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names[..] {
        ["cls" | "cls_token"] => Mode::Known(Pooling::Cls),
        ["mean" | "mean_tokens"] => Mode::Known(Pooling::Mean),
        ["max" | "max_tokens"] => Mode::Known(Pooling::Max),
        [] => Mode::Other("none".to_owned()),
        _ => Mode::Other(names.join(" + ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn folder(modules: &str, pooling: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MODULES), modules).unwrap();
        fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        fs::write(folder.path().join("1_Pooling/config.json"), pooling).unwrap();
        folder
    }

    const LEGACY: &str = r#"[
        {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
    ]"#;
    const NEW: &str = r#"[
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.base.modules.Pooling"}
    ]"#;

    #[test]
    fn booleans_name_the_mode() {
        let folder = folder(
            LEGACY,
            r#"{"word_embedding_dimension": 384, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#,
        );
        let read = Folder::read(folder.path()).unwrap();
        assert_eq!(read.transformer, folder.path().join("0_Transformer"));
        let head = read.head.unwrap();
        assert!(head.normalise);
        assert_eq!(head.pooling().unwrap(), Pooling::Mean);
    }

    #[test]
    fn the_new_form_names_it_too() {
        for config in [
            r#"{"embedding_dimension": 32, "pooling_mode": "cls", "include_prompt": true}"#,
            r#"{"embedding_dimension": 32, "pooling_mode": ["cls"]}"#,
        ] {
            let folder = folder(NEW, config);
            let read = Folder::read(folder.path()).unwrap();
            assert_eq!(read.transformer, folder.path());
            let head = read.head.unwrap();
            assert!(!head.normalise);
            assert_eq!(head.pooling().unwrap(), Pooling::Cls);
        }
    }

    #[test]
    fn a_plain_encoder_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Folder::read(folder.path()).unwrap().head, None);
    }

    #[test]
    fn what_is_not_computed_here_is_refused_by_name() {
        let refusal = |modules: &str, pooling: &str| {
            let folder = folder(modules, pooling);
            let head = Folder::read(folder.path()).unwrap().head.unwrap();
            let error = head.pooling().unwrap_err();
            assert!(error.remedy().unwrap().starts_with("set `pooling`"));
            error.to_string().split_once(": ").unwrap().1.to_owned()
        };
        assert_eq!(
            refusal(NEW, r#"{"pooling_mode": "lasttoken"}"#),
            "the pooling mode lasttoken is not supported"
        );
        assert_eq!(
            refusal(
                NEW,
                r#"{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}"#
            ),
            "the pooling mode cls_token + max_tokens is not supported"
        );
        let dense = LEGACY.replace("models.Normalize", "models.LayerNorm");
        assert_eq!(
            refusal(&dense, r#"{"pooling_mode": "mean"}"#),
            "the module sentence_transformers.models.LayerNorm is not supported"
        );
    }

    #[test]
    fn modules_out_of_place_are_refused() {
        let swapped = NEW
            .replace("Transformer", "X")
            .replace("Pooling", "Transformer");
        let folder = folder(&swapped, "{}");
        let head = Folder::read(folder.path()).unwrap().head.unwrap();
        let error = head.pooling().unwrap_err().to_string();
        assert!(
            error.ends_with("the module sentence_transformers.base.modules.X is not supported")
        );
        fs::write(
            folder.path().join(MODULES),
            NEW.replace("Transformer", "StaticEmbedding"),
        )
        .unwrap();
        let error = Folder::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("no Transformer among its modules: "),
            "{error}"
        );
    }

    #[test]
    fn the_folder_says_how_vectors_are_compared() {
        let folder = folder(NEW, r#"{"pooling_mode": "mean", "include_prompt": false}"#);
        let read = |model: &str| {
            fs::write(folder.path().join(MODEL), model).unwrap();
            Folder::read(folder.path()).map(|folder| folder.head.unwrap())
        };
        let head = read(r#"{"similarity_fn_name": "dot"}"#).unwrap();
        assert_eq!(
            (head.similarity, head.include_prompt),
            (Similarity::Dot, false)
        );
        assert_eq!(read("{}").unwrap().similarity, Similarity::Cosine);
        let error = read(r#"{"similarity_fn_name": "maxsim"}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown variant `maxsim`"), "{error}");
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        let folder = folder("[\n{]", "{}");
        let error = Folder::read(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}:2: ", folder.path().join(MODULES).display())));
    }
}

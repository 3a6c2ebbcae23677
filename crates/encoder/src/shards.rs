//! The weights of a folder: one safetensors file, or shards with an index that says which tensor lies in which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use candle_core::Tensor;
use serde::Deserialize;

use crate::checkpoint::{self, WEIGHTS};
use crate::weights::WeightsFile;
use crate::{EncoderError, distilled};

/// The index of shards in a Hugging Face folder.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// What to do about an index that does not fit its shards.
const AGAIN: &str = "fetch or write the folder again, with all its shards";

/// The weights of a folder, of any architecture, read tensor by tensor. Every claim of a header or an index is checked against the
/// files.
pub struct FolderWeights {
    /// The file that says which tensors there are.
    path: PathBuf,
    files: Vec<WeightsFile>,
    /// Index of the file of each tensor, where an index lists them.
    places: BTreeMap<String, usize>,
}

/// The contents of an index.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl FolderWeights {
    /// Opens the weights of a folder.
    ///
    /// # Errors
    /// When there are none, a file cannot be read or is damaged, the index names a file or a tensor that is not there, or an adapter
    /// lies beside them.
    pub fn of(folder: &Path) -> Result<Self, EncoderError> {
        checkpoint::refuse_adapter(folder)?;
        match Self::open(folder)? {
            Some(weights) => Ok(weights),
            None => Err(checkpoint::missing_weights(folder, &folder.join(WEIGHTS))),
        }
    }

    /// Opens the weights of a folder; `None` if there are none of this form.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, or the index names a file or a tensor that is not there.
    fn open(folder: &Path) -> Result<Option<Self>, EncoderError> {
        let path = folder.join(WEIGHTS);
        if path.is_file() {
            return Ok(Some(Self {
                files: vec![WeightsFile::open(&path)?],
                path,
                places: BTreeMap::new(),
            }));
        }
        let path = folder.join(INDEX);
        if path.is_file() {
            return Self::of_shards(folder, path).map(Some);
        }
        Ok(None)
    }

    fn of_shards(folder: &Path, path: PathBuf) -> Result<Self, EncoderError> {
        let index: Index = contract::read_json(&path, AGAIN)?;
        let wrong = |reason: String| EncoderError::checkpoint(&path, reason, AGAIN);
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        let mut files = Vec::with_capacity(names.len());
        for name in &names {
            let mut parts = Path::new(name).components();
            let is_beside = matches!(
                (parts.next(), parts.next()),
                (Some(Component::Normal(_)), None)
            );
            if !is_beside {
                return Err(wrong(format!("`{name}` is no file beside it")));
            }
            // Files of other names are not among those that an encoder's key holds.
            if !(name.starts_with("model") && name.ends_with(".safetensors")) {
                return Err(wrong(format!(
                    "its shard {name} is not named as Hugging Face does (model-00001-of-00002.safetensors)"
                )));
            }
            let shard = folder.join(name);
            if !shard.is_file() {
                return Err(wrong(format!("its shard {name} is not there")));
            }
            files.push(WeightsFile::open(&shard)?);
        }
        let places: BTreeMap<&String, usize> = names.into_iter().zip(0..).collect();
        let places: BTreeMap<String, usize> = index
            .weight_map
            .iter()
            .map(|(tensor, file)| (tensor.clone(), places[file]))
            .collect();
        let missing = places
            .iter()
            .find(|(tensor, place)| files[**place].shape(tensor).is_none());
        if let Some((tensor, _)) = missing {
            let shard = &index.weight_map[tensor];
            return Err(wrong(format!(
                "tensor `{tensor}` is not in its shard {shard}"
            )));
        }
        Ok(Self {
            path,
            files,
            places,
        })
    }

    /// Returns the path of the file that says which tensors there are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many tensors there are.
    pub fn count(&self) -> usize {
        match self.files.as_slice() {
            [only] if self.places.is_empty() => only.count(),
            _ => self.places.len(),
        }
    }

    /// Checks that the tensor `name` is there and has the given shape.
    ///
    /// # Errors
    /// When it is not there, or has another shape.
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<(), EncoderError> {
        match self.file(name) {
            Some(file) => file.check(name, shape),
            None => Err(EncoderError::checkpoint(
                &self.path,
                format!("tensor `{name}` is missing"),
                "use weights and config.json that belong together",
            )),
        }
    }

    /// Reads a tensor of the given name and shape as 32-bit floats.
    ///
    /// # Errors
    /// When there is no such tensor, it does not hold floating-point numbers, an element is not finite, or it cannot be read.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        self.check(name, shape)?;
        let file = self.file(name).expect("checked to be there");
        file.tensor(name, shape)
    }

    /// Returns a parameter's name in these weights: with or without the encoder's prefix, with `gamma` and `beta` for layer
    /// normalisations, as in the first BERT checkpoints, or DistilBERT's name.
    pub(crate) fn find(&self, name: &str, prefix: &str) -> Option<String> {
        let old = |name: &str| {
            name.replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta")
        };
        let bare = name.strip_prefix(prefix).unwrap_or(name);
        let other = distilled::name(name);
        let bare_other = other.strip_prefix(distilled::PREFIX).unwrap_or(&other);
        let candidates = [
            name.to_owned(),
            old(name),
            bare.to_owned(),
            old(bare),
            other.clone(),
            bare_other.to_owned(),
        ];
        candidates.into_iter().find(|candidate| self.has(candidate))
    }

    /// Whether the tensors have DistilBERT's names.
    pub(crate) fn is_distilled(&self) -> bool {
        let first = "transformer.layer.0.attention.q_lin.weight";
        self.has(first) || self.has(&format!("{}{first}", distilled::PREFIX))
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_some()
    }

    fn file(&self, name: &str) -> Option<&WeightsFile> {
        let place = match self.places.is_empty() {
            true => 0,
            false => *self.places.get(name)?,
        };
        let file = self.files.get(place)?;
        file.shape(name).map(|_| file)
    }
}

//! Reading and writing Hugging Face checkpoints: `config.json` and `model.safetensors`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use contract::Content;
use contract::Reads;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};

use crate::names::{Names, TOKEN_TYPES};
use crate::shards::FolderWeights;
use crate::specification::{self, Place, Specification};
use crate::values::with_values;
use crate::{Config, EncoderError, Parameters};
use crate::{claims, distilled};

/// The file of weights in a Hugging Face folder.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// The file of the configuration in a Hugging Face folder.
pub(crate) const CONFIG: &str = "config.json";

/// The file that says that an adapter is added to the weights. Hugging Face reads it before the weights.
const ADAPTER: &str = "adapter_config.json";
/// The folder of the encoder in the folders that early versions of sentence-transformers wrote.
const TRANSFORMER: &str = "0_Transformer";

/// What to do about a damaged file.
const AGAIN: &str = "fetch or write the file again";
/// The files that are read of an encoder's folder: configurations, tokenizers and weights under the names of Hugging Face and of
/// sentence-transformers, whose modules lie in folders of their own (`1_Pooling`). Weights in other forms, exports for other
/// programs and descriptions are not read.
/// descriptions are not.
pub const READS: Reads = Reads::only(&[
    "/*.json",
    "/*.txt",
    "/model*.safetensors",
    "*/*.json",
    "*/*.txt",
    "*/model*.safetensors",
    "/[0-9]_*/**",
]);

/// A value in a safetensors file.
pub(crate) enum Stored<'a> {
    /// A contiguous tensor of 32-bit floats on the CPU.
    Tensor(Tensor),
    /// 32-bit floats of that shape.
    Floats(&'a [f32], &'a [usize]),
    /// A single whole number.
    Count([usize; 1], u64),
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Tensor(_) | Self::Floats(..) => Dtype::F32,
            Self::Count(..) => Dtype::U64,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => tensor.dims(),
            Self::Floats(_, shape) => shape,
            Self::Count(shape, _) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let bytes = |floats: &[f32]| {
            floats
                .iter()
                .flat_map(|float| float.to_le_bytes())
                .collect()
        };
        Cow::Owned(match self {
            Self::Tensor(tensor) => {
                with_values(tensor, bytes).expect("checked before a file is written")
            }
            Self::Floats(floats, _) => bytes(floats),
            Self::Count(_, count) => count.to_le_bytes().to_vec(),
        })
    }

    fn data_len(&self) -> usize {
        self.shape().iter().product::<usize>() * self.dtype().bitsize() / 8
    }
}

/// Writes a safetensors file. Tensors are in the order of their names, so the same values give the same bytes.
pub(crate) fn write<'a>(
    path: &Path,
    entries: impl IntoIterator<Item = (String, Stored<'a>)>,
) -> Result<(), EncoderError> {
    let entries: Vec<(String, Stored<'_>)> = entries.into_iter().collect();
    for (_, entry) in &entries {
        if let Stored::Tensor(tensor) = entry {
            with_values(tensor, |_| ())?;
        }
    }
    // Hugging Face refuses files without this metadata.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(entries, Some(metadata), path).map_err(|error| match error {
        safetensors::SafeTensorError::IoError(source) => EncoderError::io(path)(source),
        other => EncoderError::checkpoint(path, other.to_string(), "report this as a defect"),
    })
}

/// A safetensors file in memory.
pub(crate) struct TensorFile<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    pub(crate) fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, EncoderError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| {
            let (reason, remedy) = match Content::of(bytes) {
                _ if bytes.is_empty() => ("the file is empty".into(), AGAIN.into()),
                Some(content) => (content.what().into(), content.remedy(path)),
                None => (format!("no whole safetensors file: {error}"), AGAIN.into()),
            };
            EncoderError::checkpoint(path, reason, remedy)
        })?;
        Ok(Self { path, tensors })
    }

    /// Returns the tensor of that name and shape as 32-bit floats.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, EncoderError> {
        let view = self.view(name)?;
        if view.shape() != shape {
            return Err(EncoderError::checkpoint(
                self.path,
                format!(
                    "tensor `{name}` has shape {:?}, expected {shape:?}",
                    view.shape()
                ),
                "use weights and config.json that belong together",
            ));
        }
        Ok(view.load(&Device::Cpu)?.to_dtype(DType::F32)?)
    }

    /// Returns a whole number that was written as [`Stored::Count`].
    pub(crate) fn count(&self, name: &str) -> Result<u64, EncoderError> {
        let view = self.view(name)?;
        view.data().try_into().map(u64::from_le_bytes).map_err(|_| {
            EncoderError::checkpoint(
                self.path,
                format!("`{name}` is no 64-bit number"),
                "delete the file and start from an earlier checkpoint",
            )
        })
    }

    fn view(&self, name: &str) -> Result<TensorView<'_>, EncoderError> {
        self.tensors.tensor(name).map_err(|_| {
            EncoderError::checkpoint(
                self.path,
                format!("tensor `{name}` is missing"),
                "use a file that was written for the same architecture and size",
            )
        })
    }
}

/// Contents of a Hugging Face folder.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) parameters: Parameters,
    /// Names of the tensors of the masked language modelling head that the checkpoint lacks.
    pub(crate) missing_head: Vec<String>,
}

/// Loads the folder of a BERT, RoBERTa or DistilBERT encoder; `keep_going` is called before each tensor and may stop the loading.
pub(crate) fn load(
    folder: &Path,
    keep_going: impl Fn() -> Result<(), EncoderError> + Send + Sync,
) -> Result<Loaded, EncoderError> {
    let config_path = folder.join(CONFIG);
    if !config_path.is_file() {
        return Err(missing_config(folder, &config_path));
    }
    refuse_adapter(folder)?;
    let config = Config::read(&config_path)?;
    let file = FolderWeights::of(folder)?;
    claims::check(&config, &file)?;
    let prefix = Names::of(config.architecture).prefix;
    let mut specifications = specification::of_encoder(&config);
    // DistilBERT has no token types: the embedding of the only one stays zero.
    let is_zero = |name: &str| file.is_distilled() && name.ends_with(TOKEN_TYPES);
    let missing = |specifications: &[Specification]| -> Vec<String> {
        let entries = specifications.iter().flat_map(Specification::entries);
        let entries = entries.filter(|entry| !is_zero(entry.name()));
        let missing = entries.filter(|entry| file.find(entry.name(), prefix).is_none());
        missing.map(|entry| entry.name().to_owned()).collect()
    };
    let (body, head) = specifications.split_at(Place::Head.index(&config));
    let (missing_body, missing_head) = (missing(body), missing(head));
    if let [first, rest @ ..] = missing_body.as_slice() {
        let first = match file.is_distilled() {
            true => distilled::name(first),
            false => first.clone(),
        };
        let more = match rest.len() {
            0 => String::new(),
            others => format!(" and {others} others are"),
        };
        return Err(EncoderError::checkpoint(
            file.path(),
            format!(
                "tensor `{first}`{} missing",
                if more.is_empty() { " is" } else { &more }
            ),
            "use weights and config.json that belong together",
        ));
    }
    if !missing_head.is_empty() {
        specifications.truncate(Place::Head.index(&config));
    }
    let stored = |name: &str| file.find(name, prefix).unwrap_or_else(|| name.to_owned());
    let entries = specifications.iter().flat_map(Specification::entries);
    for entry in entries.filter(|entry| !is_zero(entry.name())) {
        file.check(&stored(entry.name()), entry.shape())?;
    }
    let blocks = specification::blocks(specifications, |block| {
        block.block(|entry, values| {
            keep_going()?;
            if is_zero(entry.name()) {
                return Ok(());
            }
            let tensor = file.tensor(&stored(entry.name()), entry.shape())?;
            Ok(with_values(&tensor, |stored| {
                values.copy_from_slice(stored);
            })?)
        })
    })?;
    let parameters = Parameters::of(blocks)?;
    Ok(Loaded {
        config,
        parameters,
        missing_head,
    })
}

/// Refuses a folder whose weights are those of its files and an adapter.
///
/// # Errors
/// When there is an adapter.
pub(crate) fn refuse_adapter(folder: &Path) -> Result<(), EncoderError> {
    let adapter = folder.join(ADAPTER);
    if !adapter.is_file() {
        return Ok(());
    }
    Err(EncoderError::checkpoint(
        &adapter,
        "an adapter of these weights (LoRA and its like) is not supported",
        "merge it with Python: `AutoPeftModel.from_pretrained(FOLDER).merge_and_unload().save_pretrained(OTHER)`",
    ))
}

fn missing_config(folder: &Path, path: &Path) -> EncoderError {
    if folder.join(TRANSFORMER).join(CONFIG).is_file() {
        return EncoderError::checkpoint(
            path,
            format!(
                "no such file: that of this sentence-transformers folder lies in {TRANSFORMER}"
            ),
            format!("give the folder {TRANSFORMER} in it"),
        );
    }
    EncoderError::checkpoint(
        path,
        "no such file",
        "give the folder of a Hugging Face encoder: config.json, model.safetensors and a tokenizer",
    )
}

pub(crate) fn missing_weights(folder: &Path, path: &Path) -> EncoderError {
    let (reason, remedy) = if folder.join("pytorch_model.bin").is_file() {
        (
            "no such file, only pytorch_model.bin, which can run code when read",
            "convert it with Python: \
             `AutoModelForMaskedLM.from_pretrained(FOLDER).save_pretrained(FOLDER)`",
        )
    } else {
        (
            "no such file",
            "give a folder with the weights beside config.json; those of a pytorch_model.bin can be converted with Python: \
             `AutoModelForMaskedLM.from_pretrained(FOLDER).save_pretrained(FOLDER)`",
        )
    };
    EncoderError::checkpoint(path, reason, remedy)
}

/// Writes the folder of an encoder.
pub(crate) fn save(
    folder: &Path,
    config: &Config,
    parameters: &Parameters,
) -> Result<(), EncoderError> {
    fs::create_dir_all(folder).map_err(EncoderError::io(folder))?;
    config.write(&folder.join(CONFIG))?;
    parameters.save(&folder.join(WEIGHTS))
}

//! Hugging Face folders: reading and writing them, their variants, and the errors of broken ones.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use contract::StageError;
use encoder::{
    Activation, Architecture, Batch, Config, Encoder, EncoderError, Mode, Sequence, Size,
};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(name)
}

type Tensors = HashMap<String, Tensor>;

/// Writes the golden BERT folder with changed tensors and a changed configuration.
fn folder(
    change: impl FnOnce(Tensors) -> Tensors,
    configure: impl FnOnce(String) -> String,
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tensors = golden("bert").join("model.safetensors");
    let tensors = change(candle_core::safetensors::load(tensors, &Device::Cpu).unwrap());
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    let config = fs::read_to_string(golden("bert").join("config.json")).unwrap();
    fs::write(folder.path().join("config.json"), configure(config)).unwrap();
    folder
}

fn hidden(encoder: &Encoder) -> Vec<Vec<f32>> {
    let batch = Batch::pack(&[Sequence::new(vec![2, 9, 30, 4], 0)], encoder.config()).unwrap();
    encoder
        .forward(&batch, Mode::Evaluate)
        .unwrap()
        .to_vec2()
        .unwrap()
}

/// Returns text and remedy of the error from loading, as a stage would show them.
fn error(folder: &Path) -> (String, String) {
    let error = StageError::from(Encoder::load(folder).unwrap_err());
    (error.to_string(), error.remedy().unwrap())
}

#[test]
fn saving_and_loading_changes_nothing() {
    for architecture in [Architecture::Bert, Architecture::RobertaPreLayerNorm] {
        let encoder =
            Encoder::new(Config::of_size(Size::Nano, architecture, 50, 12, 3), 4).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        encoder.save(&first).unwrap();
        let loaded = Encoder::load(&first).unwrap();
        loaded.save(&second).unwrap();
        assert_eq!(loaded.config(), encoder.config());
        assert_eq!(hidden(&loaded), hidden(&encoder));
        for file in ["config.json", "model.safetensors"] {
            assert_eq!(
                fs::read(first.join(file)).unwrap(),
                fs::read(second.join(file)).unwrap()
            );
        }
    }
}

#[test]
fn a_hugging_face_file_is_written_back_to_the_byte() {
    for name in ["bert", "roberta-prelayernorm"] {
        let folder = tempfile::tempdir().unwrap();
        Encoder::load(&golden(name))
            .unwrap()
            .save(folder.path())
            .unwrap();
        let [ours, theirs] = [folder.path(), &golden(name)]
            .map(|folder| fs::read(folder.join("model.safetensors")).unwrap());
        assert!(ours == theirs, "{name}");
    }
}

#[test]
fn names_without_prefix_old_norm_names_and_other_tensors_are_read() {
    let expected = hidden(&Encoder::load(&golden("bert")).unwrap());
    let bare = folder(
        |tensors| {
            let body = tensors.into_iter().filter_map(|(name, tensor)| {
                let bare = name.strip_prefix("bert.")?;
                let old = bare
                    .replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta");
                Some((old, tensor))
            });
            let ids = Tensor::arange(0_u32, 12, &Device::Cpu).unwrap();
            let pooler = Tensor::zeros((16, 16), DType::F32, &Device::Cpu).unwrap();
            let others = [
                ("embeddings.position_ids", ids),
                ("pooler.dense.weight", pooler),
            ];
            body.chain(others.map(|(name, tensor)| (name.to_owned(), tensor)))
                .collect()
        },
        |config| config.replace("BertForMaskedLM", "BertModel"),
    );
    let encoder = Encoder::load(bare.path()).unwrap();
    assert_eq!(hidden(&encoder), expected);

    // Without a head the encoder works, and the loss's error names the missing tensors.
    assert!(!encoder.has_head());
    assert_eq!(encoder.body().len(), encoder.parameters().len());
    let states = Tensor::zeros((4, 16), DType::F32, &Device::Cpu).unwrap();
    let error = encoder.masked_lm_loss(&states, &[0], &[1]).unwrap_err();
    assert!(matches!(&error, EncoderError::NoHead { missing } if missing.len() == 5));
    assert!(
        error
            .to_string()
            .contains("cls.predictions.transform.dense.weight"),
        "{error}"
    );
}

#[test]
fn half_precision_weights_are_read() {
    let half = folder(
        |tensors| {
            let half = |tensor: Tensor| tensor.to_dtype(DType::BF16).unwrap();
            tensors
                .into_iter()
                .map(|(name, tensor)| (name, half(tensor)))
                .collect()
        },
        |config| config.replace("float32", "bfloat16"),
    );
    let encoder = Encoder::load(half.path()).unwrap();
    let exact = hidden(&Encoder::load(&golden("bert")).unwrap());
    for (found, expected) in hidden(&encoder)
        .iter()
        .flatten()
        .zip(exact.iter().flatten())
    {
        assert!((found - expected).abs() < 0.1, "{found} {expected}");
    }
    assert_eq!(encoder.config().dtype, "float32");
}

#[test]
fn activations_of_other_names_are_read() {
    for name in ["gelu_new", "gelu_pytorch_tanh"] {
        let approximate = folder(
            |tensors| tensors,
            |config| config.replace("\"gelu\"", &format!("\"{name}\"")),
        );
        let encoder = Encoder::load(approximate.path()).unwrap();
        assert_eq!(encoder.config().hidden_act, Activation::GeluTanh);
        let exact = hidden(&Encoder::load(&golden("bert")).unwrap());
        let off = hidden(&encoder)
            .iter()
            .flatten()
            .zip(exact.iter().flatten())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(off > 1e-5 && off < 0.01, "{off}");
    }
}

#[test]
fn broken_folders_are_explained() {
    let nowhere = tempfile::tempdir().unwrap();
    let (text, remedy) = error(nowhere.path());
    assert!(text.contains("config.json: no such file") && remedy.contains("Hugging Face"));

    let other = folder(
        |t| t,
        |config| config.replace("\"model_type\": \"bert\"", "\"model_type\": \"gpt2\""),
    );
    let (text, remedy) = error(other.path());
    assert!(text.contains("unknown variant `gpt2`") && remedy.contains("roberta-prelayernorm"));

    let relative = folder(
        |t| t,
        |config| config.replacen('{', "{\"position_embedding_type\": \"relative_key\",", 1),
    );
    let (text, _) = error(relative.path());
    assert!(
        text.contains("position_embedding_type: relative_key"),
        "{text}"
    );

    let heads = folder(
        |t| t,
        |config| config.replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 3"),
    );
    let (text, _) = error(heads.path());
    assert!(
        text.contains("3 heads do not divide a width of 16"),
        "{text}"
    );

    let wide = folder(
        |t| t,
        |config| config.replace("\"vocab_size\": 50", "\"vocab_size\": 51"),
    );
    let (text, remedy) = error(wide.path());
    assert!(text.contains(
        "`bert.embeddings.word_embeddings.weight` has shape [50, 16], expected [51, 16]"
    ));
    assert!(remedy.contains("belong together"));

    let short = folder(
        |mut tensors| {
            tensors.retain(|name, _| !name.contains("layer.1."));
            tensors
        },
        |config| config,
    );
    let (text, _) = error(short.path());
    assert!(
        text.contains("`bert.encoder.layer.1.") && text.contains("15 others are missing"),
        "{text}"
    );

    let damaged = folder(|t| t, |c| c);
    let weights = damaged.path().join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let (text, _) = error(damaged.path());
    assert!(
        text.contains("model.safetensors: no whole safetensors file"),
        "{text}"
    );

    fs::rename(&weights, damaged.path().join("pytorch_model.bin")).unwrap();
    let (text, remedy) = error(damaged.path());
    assert!(
        text.contains("only pytorch_model.bin") && remedy.contains("save_pretrained"),
        "{text}"
    );
}

/// The error must come before anything of a claimed size is allocated: these would need too much memory, or endless time.
#[test]
fn sizes_that_the_tensors_belie_are_refused() {
    for (key, real, claimed) in [
        ("num_hidden_layers", 2, 1_000_000_000),
        ("vocab_size", 50, 4_000_000_000_u64),
        ("hidden_size", 16, 4_000_000_000),
        ("intermediate_size", 24, 4_000_000_000),
        ("max_position_embeddings", 14, 1 << 60),
        ("type_vocab_size", 2, 4_000_000_000),
    ] {
        let from = format!("\"{key}\": {real}");
        let to = format!("\"{key}\": {claimed}");
        let claims = folder(
            |tensors| tensors,
            |config| {
                assert!(config.contains(&from), "{config}");
                config.replace(&from, &to)
            },
        );
        let (text, remedy) = error(claims.path());
        assert!(text.contains(&claimed.to_string()), "{key}: {text}");
        assert!(remedy.contains("belong together"), "{remedy}");
    }
}

#[test]
fn a_header_that_the_file_belies_is_refused() {
    let damaged = folder(|tensors| tensors, |config| config);
    let weights = damaged.path().join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    for length in [1 << 40, 1 << 26, u64::MAX] {
        let mut bytes = bytes.clone();
        bytes[..8].copy_from_slice(&u64::to_le_bytes(length));
        fs::write(&weights, bytes).unwrap();
        let (text, _) = error(damaged.path());
        assert!(text.contains("no whole safetensors file"), "{text}");
    }
    // The file is longer than the header says: a terabyte, which takes no space on disk.
    fs::write(&weights, &bytes).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&weights).unwrap();
    file.set_len(1 << 40).unwrap();
    let (text, _) = error(damaged.path());
    assert!(
        text.contains("1099511627776 bytes where its header says"),
        "{text}"
    );
}

#[test]
fn weights_that_are_no_finite_numbers_are_refused_by_tensor() {
    let name = "bert.encoder.layer.1.attention.self.query.weight";
    let with = |change: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>| {
        let change = |mut tensors: Tensors| {
            let changed = change(&tensors[name]).unwrap();
            tensors.insert(name.into(), changed);
            tensors
        };
        error(folder(change, |config| config).path())
    };
    // 0 / 0 and ±1 / 0, and numbers too large for 32 and 16 bits.
    let none = |tensor: &Tensor, to: DType, factor: f64| {
        let tensor = tensor.to_dtype(DType::F64)?;
        ((tensor.ones_like()? * factor)? / tensor.zeros_like()?)?.to_dtype(to)
    };
    for (text, remedy) in [
        with(&|tensor| none(tensor, DType::F32, 0.0)),
        with(&|tensor| none(tensor, DType::F32, -1.0)),
        with(&|tensor| none(tensor, DType::BF16, 0.0)),
        with(&|tensor| (tensor.to_dtype(DType::F64)?.ones_like()? * 1e300)?.to_dtype(DType::F64)),
        with(&|tensor| (tensor.ones_like()? * 1e5)?.to_dtype(DType::F16)),
    ] {
        let file = "model.safetensors: tensor `";
        assert!(text.contains(file) && text.contains(name), "{text}");
        assert!(text.contains("NaN") || text.contains("inf"), "{text}");
        assert!(remedy.contains("diverged"), "{remedy}");
    }
    // Integers of eight bits are quantised weights, which mean nothing without their scale.
    let (text, remedy) = with(&|tensor| tensor.to_dtype(DType::U8));
    assert!(text.contains(name) && text.contains("holds U8"), "{text}");
    assert!(remedy.contains("quantised"), "{remedy}");
}

/// With such files, Hugging Face would compute with other weights than those of the file.
#[test]
fn what_changes_the_weights_on_the_way_is_refused_by_name() {
    let quantised = folder(
        |tensors| tensors,
        |config| {
            config.replacen(
                '{',
                "{\"quantization_config\": {\"load_in_8bit\": true},",
                1,
            )
        },
    );
    let (text, _) = error(quantised.path());
    assert!(
        text.contains("config.json: quantization_config: "),
        "{text}"
    );

    let adapted = folder(|tensors| tensors, |config| config);
    fs::write(adapted.path().join("adapter_config.json"), "{}").unwrap();
    let (text, remedy) = error(adapted.path());
    assert!(text.contains("adapter_config.json: an adapter"), "{text}");
    assert!(remedy.contains("merge_and_unload"), "{remedy}");
}

#[test]
fn an_encoder_that_lies_in_a_folder_below_is_told_of() {
    let old = tempfile::tempdir().unwrap();
    let below = old.path().join("0_Transformer");
    fs::create_dir(&below).unwrap();
    fs::copy(
        golden("bert").join("config.json"),
        below.join("config.json"),
    )
    .unwrap();
    let (text, remedy) = error(old.path());
    assert!(
        text.ends_with("sentence-transformers folder lies in 0_Transformer"),
        "{text}"
    );
    assert!(remedy.contains("0_Transformer"), "{remedy}");
}

#[test]
fn a_configuration_may_begin_with_a_byte_order_mark() {
    let marked = folder(|tensors| tensors, |config| format!("\u{feff}{config}"));
    assert!(Encoder::load(marked.path()).is_ok());
}

#[test]
fn moments_of_another_model_are_refused() {
    use encoder::{AdamW, AdamWOptions};

    let optimizer = |architecture| {
        let config = Config::of_size(Size::Nano, architecture, 50, 12, 3);
        let encoder = Encoder::new(config, 4).unwrap();
        AdamW::new(encoder.parameters(), AdamWOptions::default()).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moments.safetensors");
    optimizer(Architecture::Bert).save(&path).unwrap();
    let error = optimizer(Architecture::RobertaPreLayerNorm)
        .restore(&path)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("tensor `first.lm_head.bias` is missing"),
        "{error}"
    );
    let bad = AdamWOptions {
        beta2: 1.0,
        ..AdamWOptions::default()
    };
    assert!(AdamW::new(&encoder::Parameters::new(), bad).is_err());
}

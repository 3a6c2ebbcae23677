//! The families against the goldens of `tests/goldens/families.py`.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::safetensors;
use serde_json::json;
use tempfile::TempDir;

use super::*;

const FOLDERS: [&str; 4] = ["modernbert", "xlm-roberta", "nomic", "jina"];
const WEIGHTS: &str = "model.safetensors";

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/families")
}

fn sentences() -> Vec<String> {
    read_json(&goldens().join("sentences.json"), "").unwrap()
}

fn expected(name: &str) -> HashMap<String, Tensor> {
    let path = goldens().join(name).join("expected.safetensors");
    safetensors::load(path, &Device::Cpu).unwrap()
}

fn load(folder: &Path) -> Result<CandleEncoder, StageError> {
    let scratch = tempfile::tempdir().unwrap();
    CandleEncoder::load(folder, &Context::in_folder(scratch.path()).unwrap())
}

/// Returns the hidden states of all sentences, each by itself.
fn states(encoder: &CandleEncoder) -> Vec<Vec<Vec<f32>>> {
    let ids = sentences().into_iter().map(|sentence| {
        let (ids, is_cut) = encoder
            .tokens
            .single(&sentence, encoder.sizes().longest)
            .unwrap();
        assert!(!is_cut);
        ids
    });
    let states = ids.map(|ids| encoder.hidden_states(&[&ids]).unwrap().remove(0));
    states.collect()
}

/// A copy of a golden folder.
struct Copy(TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for entry in fs::read_dir(goldens().join(name)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
            }
        }
        copy
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Changes a JSON file.
    fn edit(self, file: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let path = self.path().join(file);
        let mut map = read_json(&path, "").unwrap();
        change(&mut map);
        fs::write(path, Value::Object(map).to_string()).unwrap();
        self
    }

    /// Sets some keys of a JSON file; null takes one out.
    fn with(self, file: &str, values: &Value) -> Self {
        self.edit(file, |map| {
            for (key, value) in values.as_object().unwrap() {
                match value {
                    Value::Null => map.remove(key),
                    value => map.insert(key.clone(), value.clone()),
                };
            }
        })
    }

    /// Changes the weights, which are put into one file.
    fn reweighed(self, change: impl FnOnce(&mut HashMap<String, Tensor>)) -> Self {
        let mut tensors = HashMap::new();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("model") && name.ends_with(".safetensors") {
                tensors.extend(safetensors::load(&path, &Device::Cpu).unwrap());
                fs::remove_file(&path).unwrap();
            }
        }
        change(&mut tensors);
        safetensors::save(&tensors, self.path().join(WEIGHTS)).unwrap();
        self
    }

    fn refusal(&self) -> StageError {
        let error = load(self.path()).err().unwrap();
        assert!(matches!(error, StageError::Input { .. }), "{error:?}");
        assert!(!error.remedy().unwrap().is_empty());
        error
    }

    #[track_caller]
    fn refuses(&self, part: &str) {
        let error = self.refusal().to_string();
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn ids_and_hidden_states_agree_with_the_references() {
    for name in FOLDERS {
        let (encoder, expected) = (load(&goldens().join(name)).unwrap(), expected(name));
        let mut furthest = 0_f32;
        for (index, (sentence, states)) in sentences().iter().zip(states(&encoder)).enumerate() {
            let (ids, _) = encoder.tokens.single(sentence, 64).unwrap();
            let ids: Vec<i64> = ids.into_iter().map(i64::from).collect();
            let wanted = expected[&format!("ids.{index}")].to_dtype(candle_core::DType::I64);
            assert_eq!(ids, wanted.unwrap().to_vec1::<i64>().unwrap(), "{name}");
            let wanted: Vec<Vec<f32>> = expected[&format!("hidden.{index}")].to_vec2().unwrap();
            assert_eq!(states.len(), wanted.len());
            let both = states.concat().into_iter().zip(wanted.concat());
            furthest = both.fold(furthest, |most, (found, wanted)| {
                most.max((found - wanted).abs())
            });
        }
        assert!(furthest < 1e-5, "{name}: {furthest}");
    }
}

#[test]
fn sequences_of_a_batch_do_not_see_each_other() {
    for name in FOLDERS {
        let encoder = load(&goldens().join(name)).unwrap();
        let (first, second) = ([2_u32, 7, 9, 11, 8, 3], [4_u32, 10, 5, 12, 6, 13]);
        let both = encoder.hidden_states(&[&first, &second]).unwrap();
        for (ids, found) in [first, second].iter().zip(both) {
            let alone = encoder.hidden_states(&[ids]).unwrap().remove(0);
            let pairs = found.concat().into_iter().zip(alone.concat());
            let furthest = pairs.fold(0_f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(furthest < 1e-5, "{name}: {furthest}");
        }
    }
}

/// The product of a batch of 2048 tokens is large enough for candle to divide it among threads.
#[test]
fn the_number_of_threads_reaches_no_bit() {
    for name in FOLDERS {
        let encoder = load(&goldens().join(name)).unwrap();
        let of_sequence = |sequence: u32| -> Vec<u32> {
            let id = |place: u32| 4 + (sequence * 7 + place * (1 + sequence % 5)) % 48;
            (0..32).map(id).collect()
        };
        let ids: Vec<Vec<u32>> = (0..64).map(of_sequence).collect();
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let with_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let states = pool.unwrap().install(|| encoder.hidden_states(&ids));
            let states = states.unwrap().concat().concat();
            let bits: Vec<u32> = states.into_iter().map(f32::to_bits).collect();
            bits
        };
        let one = with_threads(1);
        assert!(one == with_threads(2), "{name}");
        assert!(one == with_threads(3), "{name}");
    }
}

#[test]
fn checkpoints_with_and_without_a_head_are_one_encoder() {
    for (name, prefix) in [
        ("modernbert", "model."),
        ("xlm-roberta", "roberta."),
        ("nomic", "nomic_bert."),
        ("nomic", "bert."),
        ("jina", "bert."),
    ] {
        let wanted = states(&load(&goldens().join(name)).unwrap());
        for prefixed in [true, false] {
            let copy = Copy::of(name).reweighed(|tensors| {
                let all = std::mem::take(tensors).into_iter();
                let all = all.filter(|(name, _)| !name.starts_with("lm_head"));
                let bare = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
                tensors.extend(all.map(|(name, tensor)| match prefixed {
                    true => (format!("{prefix}{}", bare(&name)), tensor),
                    false => (bare(&name), tensor),
                }));
            });
            assert_eq!(states(&load(copy.path()).unwrap()), wanted, "{name}");
        }
    }
}

#[test]
fn both_forms_of_a_configuration_are_read() {
    let earlier = Copy::of("modernbert").with(
        CONFIG,
        &json!({
            "layer_types": null, "global_attn_every_n_layers": 2,
            "rope_parameters": null, "global_rope_theta": 160_000.0, "local_rope_theta": 10_000,
            "layer_norm_eps": 0.5, "position_embedding_type": "absolute",
        }),
    );
    let wanted = states(&load(&goldens().join("modernbert")).unwrap());
    assert_eq!(states(&load(earlier.path()).unwrap()), wanted);

    let of_nomic = Copy::of("nomic").edit(CONFIG, |map| {
        *map = json!({
            "model_type": "nomic_bert", "vocab_size": map["vocab_size"], "n_embd": 24, "n_layer": 2, "n_head": 6, "n_inner": 32,
            "n_positions": 64, "layer_norm_epsilon": 1e-3, "rotary_emb_base": 500, "rotary_emb_fraction": 1.0,
            "rotary_emb_interleaved": false, "rotary_emb_scale_base": null, "rotary_scaling_factor": null, "type_vocab_size": 2,
            "activation_function": "swiglu", "prenorm": false, "qkv_proj_bias": false, "mlp_fc1_bias": false,
            "mlp_fc2_bias": false, "use_rms_norm": false, "causal": false, "parallel_block": false, "scale_attn_weights": true,
            "auto_map": {"AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"},
        })
        .as_object()
        .unwrap()
        .clone();
    });
    let wanted = states(&load(&goldens().join("nomic")).unwrap());
    assert_eq!(states(&load(of_nomic.path()).unwrap()), wanted);
    // Beyond the length of pre-training, a scaled encoder would turn positions otherwise.
    let scaled = of_nomic.with(
        CONFIG,
        &json!({"rotary_scaling_factor": 2, "max_trained_positions": 48}),
    );
    assert_eq!(load(scaled.path()).unwrap().sizes().longest, 48);
}

#[test]
fn positions_of_xlm_roberta_begin_behind_the_padding() {
    let encoder = load(&goldens().join("xlm-roberta")).unwrap();
    assert_eq!(encoder.sizes().longest, 56);
    let ids = vec![5_u32; 56];
    assert_eq!(encoder.hidden_states(&[&ids]).unwrap()[0].len(), 56);
}

#[test]
fn settings_that_candle_would_pass_over_are_refused_by_name() {
    for (name, key, value, part) in [
        (
            "modernbert",
            "attention_bias",
            json!(true),
            "`attention_bias` is true",
        ),
        (
            "modernbert",
            "norm_bias",
            json!(true),
            "`norm_bias` is true",
        ),
        ("modernbert", "mlp_bias", json!(true), "`mlp_bias` is true"),
        (
            "modernbert",
            "hidden_activation",
            json!("silu"),
            "`hidden_activation` is \"silu\"",
        ),
        (
            "modernbert",
            "auto_map",
            json!({"AutoModel": "a--b.C"}),
            "`auto_map` names",
        ),
        (
            "modernbert",
            "layer_types",
            json!(["full_attention", "sliding_attention", "sliding_attention"]),
            "",
        ),
        (
            "modernbert",
            "layer_types",
            json!(["sliding_attention", "full_attention", "full_attention"]),
            "they are not in turn",
        ),
        (
            "modernbert",
            "layer_types",
            json!(["full_attention"]),
            "there are 3 layers",
        ),
        (
            "modernbert",
            "rope_parameters",
            json!({"full_attention": {"rope_type": "yarn", "rope_theta": 1.0}}),
            "has `rope_type`: \"yarn\"",
        ),
        (
            "modernbert",
            "rope_parameters",
            json!({"rope_theta": 1.0}),
            "has `rope_theta`",
        ),
        (
            "modernbert",
            "rope_scaling",
            json!({"factor": 2}),
            "`rope_scaling` is",
        ),
        (
            "modernbert",
            "num_attention_heads",
            json!(8),
            "odd number of components",
        ),
        (
            "modernbert",
            "num_attention_heads",
            json!(7),
            "do not divide a width of 24",
        ),
        (
            "xlm-roberta",
            "hidden_act",
            json!("relu"),
            "`hidden_act` is \"relu\"",
        ),
        (
            "xlm-roberta",
            "position_embedding_type",
            json!("rotary"),
            "`position_embedding_type` is \"rotary\"",
        ),
        (
            "xlm-roberta",
            "is_decoder",
            json!(true),
            "`is_decoder` is true",
        ),
        (
            "xlm-roberta",
            "max_position_embeddings",
            json!(2),
            "no position to a token",
        ),
        (
            "xlm-roberta",
            "pad_token_id",
            json!(-1),
            "`pad_token_id` is no id",
        ),
        (
            "xlm-roberta",
            "quantization_config",
            json!({}),
            "`quantization_config` is {}",
        ),
        (
            "nomic",
            "hidden_act",
            json!("gelu"),
            "`hidden_act` is \"gelu\"",
        ),
        (
            "nomic",
            "activation_function",
            json!("geglu"),
            "`activation_function` is",
        ),
        ("nomic", "prenorm", json!(true), "`prenorm` is true"),
        (
            "nomic",
            "qkv_proj_bias",
            json!(true),
            "`qkv_proj_bias` is true",
        ),
        (
            "nomic",
            "rotary_emb_fraction",
            json!(0.5),
            "`rotary_emb_fraction` is 0.5",
        ),
        (
            "nomic",
            "rotary_emb_interleaved",
            json!(true),
            "`rotary_emb_interleaved`",
        ),
        ("nomic", "num_experts", json!(8), "`num_experts` is 8"),
        ("nomic", "head_dim", json!(5), "`head_dim` is 5"),
        (
            "nomic",
            "n_embd",
            json!(24),
            "`activation_function` is missing",
        ),
        (
            "jina",
            "feed_forward_type",
            json!("reglu"),
            "`feed_forward_type` is \"reglu\"",
        ),
        (
            "jina",
            "feed_forward_type",
            Value::Null,
            "`feed_forward_type` is missing",
        ),
        (
            "jina",
            "position_embedding_type",
            json!("absolute"),
            "is \"absolute\"",
        ),
        (
            "jina",
            "auto_map",
            json!({"AutoModel": "jinaai/jina-bert-v2-qk-post-norm--modeling_bert.JinaBertModel"}),
            "names jina-bert-v2-qk-post-norm",
        ),
        (
            "jina",
            "hidden_size",
            json!("wide"),
            "`hidden_size` is \"wide\"",
        ),
        ("jina", "vocab_size", Value::Null, "`vocab_size` is missing"),
        (
            "jina",
            "model_type",
            json!("albert"),
            "`model_type` is \"albert\"",
        ),
        (
            "jina",
            "model_type",
            json!("roberta"),
            "which the own engine computes",
        ),
    ] {
        let copy = Copy::of(name).with(CONFIG, &json!({ key: value }));
        match part {
            // Another pattern of layers is another encoder, and none that is refused.
            "" => assert!(load(copy.path()).is_ok()),
            part => copy.refuses(part),
        }
    }
}

#[test]
fn what_is_wrong_with_a_parameter_is_told_with_its_file_and_name() {
    for (name, tensor) in [
        ("modernbert", "layers.1.attn_norm.weight"),
        ("modernbert", "final_norm.weight"),
        (
            "xlm-roberta",
            "roberta.encoder.layer.1.attention.self.key.bias",
        ),
        ("nomic", "encoder.layers.0.mlp.fc12.weight"),
        ("jina", "encoder.layer.1.mlp.gated_layers.weight"),
    ] {
        let path = |copy: &Copy| copy.path().join(WEIGHTS).display().to_string();
        let copy = Copy::of(name).reweighed(|tensors| {
            tensors.remove(tensor).unwrap();
        });
        let error = copy.refusal().to_string();
        assert_eq!(
            error,
            format!("{}: tensor `{tensor}` is missing", path(&copy))
        );

        let copy = Copy::of(name).reweighed(|tensors| {
            let short = Tensor::zeros(5, candle_core::DType::F32, &Device::Cpu);
            tensors.insert(tensor.to_owned(), short.unwrap());
        });
        copy.refuses(&format!(
            "{}: tensor `{tensor}` has shape [5], expected",
            path(&copy)
        ));

        let copy = Copy::of(name).reweighed(|tensors| {
            let whole = &tensors[tensor];
            let wrong = (whole.zeros_like().unwrap() / 0.0).unwrap();
            tensors.insert(tensor.to_owned(), wrong);
        });
        copy.refuses(&format!("{}: tensor `{tensor}` holds NaN", path(&copy)));
    }
    let shards = Copy::of("xlm-roberta");
    fs::remove_file(shards.path().join("model-00002-of-00003.safetensors")).unwrap();
    shards.refuses("its shard model-00002-of-00003.safetensors is not there");
}

#[test]
fn numbers_of_layers_are_held_against_the_weights() {
    let said = |layers: u32| {
        let values = json!({ "num_hidden_layers": layers, "layer_types": null });
        Copy::of("modernbert").with(CONFIG, &values)
    };
    said(2).refuses("config.json says 2 layers, and the weights have more");
    said(4).refuses("tensor `layers.3.attn.Wqkv.weight` is missing");
    said(4_000_000_000).refuses("config.json says 4000000000 layers, the weights have ");
}

#[test]
fn a_tokenizer_that_another_file_contradicts_is_refused() {
    const SETTINGS: &str = "tokenizer_config.json";
    for (name, file, values, part) in [
        (
            "nomic",
            SETTINGS,
            json!({"do_lower_case": false}),
            "`do_lower_case` is false, and `lowercase` in tokenizer.json true",
        ),
        (
            "nomic",
            SETTINGS,
            json!({"strip_accents": false}),
            "`strip_accents` is false",
        ),
        (
            "modernbert",
            SETTINGS,
            json!({"add_prefix_space": true}),
            "`add_prefix_space` is true",
        ),
        (
            "nomic",
            SETTINGS,
            json!({"truncation_side": "left"}),
            "`truncation_side` is",
        ),
        (
            "nomic",
            SETTINGS,
            json!({"auto_map": {}}),
            "`auto_map` names a program",
        ),
        (
            "nomic",
            SETTINGS,
            json!({"model_max_length": "long"}),
            "no length",
        ),
        (
            "nomic",
            "tokenizer.json",
            json!({"post_processor": null}),
            "no special token",
        ),
        (
            "nomic",
            "tokenizer.json",
            json!({"model": {"type": "Other"}}),
            "tokenizer.json: ",
        ),
        (
            "nomic",
            CONFIG,
            json!({"vocab_size": 61}),
            "the tokenizer has 62 tokens",
        ),
    ] {
        Copy::of(name).with(file, &values).refuses(part);
    }
    let without = Copy::of("nomic");
    fs::remove_file(without.path().join("tokenizer.json")).unwrap();
    without.refuses("tokenizer.json: no such file");
}

#[test]
fn texts_are_cut_behind_and_keep_their_special_tokens() {
    for (name, last) in [("modernbert", 2), ("xlm-roberta", 2), ("nomic", 3)] {
        let tokens = Tokens::load(&goldens().join(name)).unwrap();
        let text = &sentences()[1];
        let (whole, is_cut) = tokens.single(text, 64).unwrap();
        assert!(!is_cut);
        let (cut, is_cut) = tokens.single(text, 9).unwrap();
        assert!(is_cut);
        assert_eq!(cut[..8], whole[..8]);
        assert_eq!((cut.len(), cut[8]), (9, last));
        let (exact, is_cut) = tokens.single(text, whole.len()).unwrap();
        assert_eq!((exact, is_cut), (whole, false));
        assert!(tokens.single(text, 2).is_err());
        // One special token before the words of a prompt, and none behind them.
        let (prompt, _) = tokens.single("the man", 64).unwrap();
        assert_eq!(tokens.beginning("the man", 64).unwrap(), prompt.len() - 1);
    }
}

#[test]
fn folders_of_the_own_engine_are_left_to_it() {
    let own = goldens().parent().unwrap().join("encoder");
    assert!(refuse(&own).is_ok());
    assert_eq!(Name::of_folder(&own), None);
    let nowhere = Path::new("nowhere");
    assert!(refuse(nowhere).is_ok());
    for name in FOLDERS {
        let folder = goldens().join(name);
        let error = refuse(&folder).unwrap_err();
        let told = Name::of_folder(&folder).unwrap().told();
        let reason = format!("computes BERT, RoBERTa and DistilBERT, and no {told}");
        assert!(error.to_string().ends_with(&reason), "{error}");
        assert!(error.remedy().unwrap().contains("engine = \"candle\""));
        assert!(token_operations(&folder.join(CONFIG)).unwrap() > 0.0);
    }
}

#[test]
fn tokens_are_pooled_as_by_the_own_engine() {
    let states = [vec![1.0, -4.0], vec![2.0, -3.0], vec![6.0, -8.0]];
    assert_eq!(pool(&states, Pooling::Cls, 1), [1.0, -4.0]);
    assert_eq!(pool(&states, Pooling::Mean, 0), [3.0, -5.0]);
    assert_eq!(pool(&states, Pooling::Mean, 1), [4.0, -5.5]);
    assert_eq!(pool(&states, Pooling::Max, 0), [6.0, -3.0]);
    assert_eq!(pool(&states, Pooling::Max, 9), [0.0, 0.0]);
}

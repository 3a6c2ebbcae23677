//! A contrastive loss beside that of masked tokens.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use contract::{Context, Inputs, Params, Stage, complete, keyed};
use contrastive::{Contrast, Similarity, TokenContrast};
use encoder::{Architecture, Batch, Config, Encoder, Gradients, Mode, Ops, Pooling, Size, audit};
use kernels::Stream;
use pretrain::beside::Beside;
use pretrain::contrast::objective::Beyond;
use pretrain::contrast::sequences::Sequences;
use pretrain::contrast::tokens::Tokens;
use pretrain::copies::Rates;
use pretrain::feed::{Examples, Feed};
use pretrain::loss::pack;
use pretrain::masking::{Masker, Vocabulary};
use pretrain::plan::{BatchCounts, Plan, Updates};
use pretrain::{Parameters, PretrainStage};
use serde_json::{Value, json};
use tokenize::{Blocks, Split};

use crate::artifact::{LENGTH, VOCABULARY, assert_same, files, params, run, run_on, tokens};
use crate::resume::{stopped_after, stopped_after_on};

const MODE: Mode = Mode::Train { seed: 3, step: 0 };
const COUNT: usize = 12;

fn masker(purpose: &str) -> Masker {
    let vocabulary = Arc::new(Vocabulary::new(VOCABULARY, 4, &[0, 1, 2, 3, 4]));
    Masker::uniform(Rates::equal(0.2), vocabulary, Stream::new(3, purpose))
}

fn examples(beside: Beside) -> Examples {
    let folder = tokens(COUNT);
    let blocks = Blocks::open(folder.path(), Split::Train).unwrap();
    let plan = Plan::new(1, 1, COUNT, BatchCounts::Copies, Updates::Fixed);
    let feed = Feed::new(&blocks, masker("mask"), plan, 3).unwrap();
    feed.with_beside(beside).update(0).unwrap()
}

fn encoder(seed: u64) -> Encoder {
    let config = Config {
        initializer_range: 0.2,
        ..Config::of_size(
            Size::Nano,
            Architecture::RobertaPreLayerNorm,
            VOCABULARY,
            LENGTH,
            0,
        )
    };
    Encoder::new(config, seed).unwrap()
}

fn sequences(pooling: Pooling) -> Sequences {
    Sequences {
        weight: 0.7,
        pooling,
        contrast: Contrast {
            similarity: Similarity::Cosine,
            temperature: 0.1,
            negative_weight: 1.0,
        },
    }
}

fn of_tokens() -> Tokens {
    Tokens {
        weight: 0.7,
        contrast: TokenContrast { temperature: 0.1 },
        teacher: encoder(5),
    }
}

/// The gradients of all parameters one after another.
fn all(encoder: &Encoder, gradients: &Gradients) -> Vec<f32> {
    let names = encoder.parameters().iter().map(|(name, _)| name);
    names
        .flat_map(|name| gradients.get(name).unwrap())
        .collect()
}

fn update(loss: &impl Beyond, examples: &Examples, micro_batch: usize) -> (f64, Vec<f32>) {
    let encoder = encoder(3);
    let mut gradients = Gradients::zeros(encoder.parameters());
    let sum = loss
        .add(
            &encoder,
            examples,
            0..COUNT,
            micro_batch,
            MODE,
            &mut gradients.collect(),
        )
        .unwrap();
    audit(encoder.parameters(), &gradients).unwrap();
    (sum, all(&encoder, &gradients))
}

/// Checks loss and gradients against those of a loss that candle's own operations compute and differentiate.
fn check(found: &(f64, Vec<f32>), reference: impl FnOnce(&Encoder) -> Tensor) {
    let encoder = encoder(3).with_ops(Ops::Composed);
    let loss = reference(&encoder);
    let mut gradients = Gradients::zeros(encoder.parameters());
    gradients.replace(&loss).unwrap();
    let loss = loss.to_scalar::<f64>().unwrap();
    assert!(
        (found.0 - loss).abs() < 1e-5 * loss,
        "{} against {loss}",
        found.0
    );
    let expected = all(&encoder, &gradients);
    let largest = expected
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    assert_eq!(found.1.len(), expected.len());
    for (found, expected) in found.1.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-4 * largest,
            "{found} {expected}"
        );
    }
}

fn unit(vectors: &Tensor) -> Tensor {
    let norms = vectors.sqr().unwrap().sum_keepdim(1).unwrap();
    vectors.broadcast_div(&norms.sqrt().unwrap()).unwrap()
}

/// The cross-entropy of each row's own column, summed, of cosines of two lists of vectors.
fn told_apart(rows: &Tensor, columns: &Tensor, own: &[usize], temperature: f64) -> Tensor {
    let cosines = unit(rows).matmul(&unit(columns).t().unwrap()).unwrap();
    let logits = (cosines / temperature).unwrap();
    let all = logits.exp().unwrap().sum(1).unwrap().log().unwrap();
    let own = own.iter().enumerate().map(|(row, &column)| {
        let row = logits.narrow(0, row, 1).unwrap();
        row.narrow(1, column, 1).unwrap().flatten_all().unwrap()
    });
    let own = Tensor::cat(&own.collect::<Vec<_>>(), 0).unwrap();
    let sum = (all - own).unwrap().sum_all().unwrap();
    sum.to_dtype(DType::F64).unwrap()
}

#[test]
fn loss_and_gradients_of_sequences_are_those_of_composed_operations() {
    for beside in [Beside::Masked(masker("second")), Beside::Repeated] {
        let examples = examples(beside);
        let loss = sequences(Pooling::Mean);
        check(&update(&loss, &examples, 0), |encoder| {
            let config = encoder.config();
            let (rows, ids, first) = pack(encoder, &examples.sequences, &examples.targets).unwrap();
            let second = Batch::pack(&examples.beside, config).unwrap();
            let mean = |hidden: &Tensor, batch: &Batch| {
                let means = (0..COUNT).map(|sequence| {
                    let first = batch.row(sequence, 0) as usize;
                    let own = hidden.narrow(0, first, batch.length(sequence)).unwrap();
                    own.mean_keepdim(0).unwrap()
                });
                Tensor::cat(&means.collect::<Vec<_>>(), 0).unwrap()
            };
            let hidden = encoder.forward(&first, MODE).unwrap();
            let other = encoder.forward(&second, MODE).unwrap();
            let own: Vec<usize> = (0..COUNT).collect();
            let (one, two) = (mean(&hidden, &first), mean(&other, &second));
            let apart = told_apart(&one, &two, &own, 0.1);
            let factor = 0.7 * examples.predicted() as f64 / COUNT as f64;
            let masked = encoder.masked_lm_loss(&hidden, &rows, &ids).unwrap();
            (masked + (apart * factor).unwrap()).unwrap()
        });
    }
}

#[test]
fn loss_and_gradients_of_tokens_are_those_of_composed_operations() {
    let examples = examples(Beside::Clean);
    check(&update(&of_tokens(), &examples, 0), |student| {
        let (rows, ids, batch) = pack(student, &examples.sequences, &examples.targets).unwrap();
        let hidden = student.forward(&batch, MODE).unwrap();
        let teacher = encoder(5).with_ops(Ops::Composed);
        let mut sum = student.masked_lm_loss(&hidden, &rows, &ids).unwrap();
        for (at, targets) in examples.targets.iter().enumerate() {
            if targets.ids.is_empty() {
                continue;
            }
            let clean = Batch::pack(&examples.beside[at..=at], teacher.config()).unwrap();
            let taught = teacher.forward(&clean, Mode::Evaluate).unwrap();
            let own: Vec<usize> = targets.positions.iter().map(|at| *at as usize).collect();
            let states = own.iter().map(|&place| {
                let row = batch.row(at, place) as usize;
                hidden.narrow(0, row, 1).unwrap()
            });
            let states = Tensor::cat(&states.collect::<Vec<_>>(), 0).unwrap();
            let apart = told_apart(&states, &taught, &own, 0.1);
            sum = (sum + (apart * 0.7).unwrap()).unwrap();
        }
        sum
    });
}

#[test]
fn what_is_in_memory_at_once_changes_no_bit() {
    let masked = examples(Beside::Masked(masker("second")));
    let clean = examples(Beside::Clean);
    for pooling in [Pooling::Mean, Pooling::Cls, Pooling::FirstLast] {
        let loss = sequences(pooling);
        let whole = update(&loss, &masked, 0);
        for micro_batch in [1, 5, 12, 100] {
            assert!(
                update(&loss, &masked, micro_batch) == whole,
                "{micro_batch}"
            );
        }
    }
    let whole = update(&of_tokens(), &clean, 0);
    for micro_batch in [1, 5, 12] {
        assert!(update(&of_tokens(), &clean, micro_batch) == whole);
    }
}

/// The first view is what masked language modelling alone would read; the second is masked apart from it, or the same.
#[test]
fn views_are_of_the_same_sequences() {
    let alone = examples(Beside::Nothing);
    assert!(alone.beside.is_empty());
    let all: Vec<Examples> = [
        Beside::Masked(masker("second")),
        Beside::Repeated,
        Beside::Clean,
    ]
    .map(examples)
    .into();
    for one in &all {
        assert_eq!(one.sequences, alone.sequences);
        assert_eq!(one.targets, alone.targets);
        let samples = one.sequences.iter().chain(&one.beside);
        let samples: Vec<u32> = samples.map(|sequence| sequence.sample).collect();
        let numbers: Vec<u32> = (0..2 * COUNT as u32).collect();
        assert_eq!(samples, numbers, "dropout differs between all passes");
    }
    let [again, repeated, clean] = &all[..] else {
        panic!("three")
    };
    let mut differing = 0;
    for at in 0..COUNT {
        let whole = &clean.beside[at].ids;
        assert_eq!(repeated.beside[at].ids, alone.sequences[at].ids);
        differing += usize::from(again.beside[at].ids != alone.sequences[at].ids);
        for ids in [&again.beside[at].ids, &alone.sequences[at].ids] {
            let masked = ids.iter().zip(whole).filter(|(id, _)| **id == 4);
            assert!(masked.count() > 0 || whole.len() < 8);
            let kept = ids.iter().zip(whole).filter(|(id, _)| **id != 4);
            assert!(kept.into_iter().all(|(id, own)| id == own));
        }
    }
    assert!(differing > COUNT / 2, "{differing}");
}

fn given(more: &Value) -> Value {
    let mut all = json!({
        "validate_every": 2,
        "checkpoint_every": 2,
        "max_grad_norm": 1.0,
        "masking": {"corrupt": 0.3, "random": 0.1, "keep": 0.1},
        "contrast": {"weight": 0.5},
    });
    let more = more.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    all
}

#[test]
fn an_interruption_leaves_no_trace() {
    let tokens = tokens(30);
    let straight = run(tokens.path(), given(&json!({}))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    stopped_after(folder.path(), tokens.path(), 3, given(&json!({})));
    let inputs = Inputs::from([("tokens", tokens.path())]);
    let context = Context::in_folder(folder.path()).unwrap();
    run_on(&context, &inputs, given(&json!({}))).unwrap();
    assert_same(straight.path(), folder.path());
    let parts = run(tokens.path(), given(&json!({"micro_batch": 3}))).unwrap();
    assert_same(straight.path(), parts.path());
    let off = given(&json!({"contrast": {"weight": 0.0}}));
    let without = run(tokens.path(), off).unwrap();
    let weights = |folder: &Path| files(folder)["model.safetensors"].clone();
    assert!(weights(straight.path()) != weights(without.path()));
}

#[test]
fn a_teacher_is_read_and_not_changed() {
    let tokens = tokens(30);
    let first = run(tokens.path(), json!({})).unwrap();
    let start = first.path().join("output");
    let before = files(first.path());
    let more = json!({"contrast": {"weight": 1.0, "level": "tokens", "temperature": 0.01}});
    let inputs = || {
        Inputs::from([
            ("tokens", tokens.path()),
            ("start", &start),
            ("teacher", &start),
        ])
    };
    let go = |folder: &Path| {
        let context = Context::in_folder(folder).unwrap();
        run_on(&context, &inputs(), given(&more))
    };
    let straight = tempfile::tempdir().unwrap();
    go(straight.path()).unwrap();
    let stopped = tempfile::tempdir().unwrap();
    stopped_after_on(stopped.path(), &inputs(), 3, given(&more));
    go(stopped.path()).unwrap();
    assert_same(straight.path(), stopped.path());
    assert!(files(first.path()) == before);
    let missing = run(tokens.path(), given(&more)).unwrap_err().to_string();
    assert!(missing.contains("none is given"), "{missing}");
}

fn problems(given: &Value) -> Vec<String> {
    let problems = PretrainStage.check(&params(given.clone()));
    let paths = problems.iter().map(|problem| problem.path.join("."));
    paths.collect()
}

#[test]
fn what_cannot_be_is_said_before_a_run() {
    let with = |more: Value| {
        let mut all = json!({"contrast": {"weight": 1.0}});
        let more = more.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        problems(&all)
    };
    assert!(with(json!({})).is_empty());
    assert_eq!(with(json!({"batch": 1})), ["batch"]);
    assert_eq!(with(json!({"gradient_parts": 2})), ["gradient_parts"]);
    let copies = json!({"masking": {"corrupt": 0.2, "predict": 0.4}});
    assert_eq!(with(copies.clone()), ["masking.predict"]);
    let hidden = json!({"masking": {"masked": "decoder", "mask_special": false}});
    assert_eq!(with(hidden.clone()), ["contrast.weight"]);
    for mut fine in [copies, hidden] {
        fine["contrast"] = json!({"weight": 0.0});
        assert!(problems(&fine).is_empty());
    }
}

/// What is switched off enters no key, and what a level does not read neither.
#[test]
fn keys_know_the_loss_where_there_is_one() {
    let fields = PretrainStage.signature().fields;
    let key = |contrast: Value| {
        let all = params(json!({"contrast": contrast}));
        keyed(fields, &all).0.get("contrast").cloned()
    };
    assert_eq!(key(json!({})), None);
    assert_eq!(key(json!({"temperature": 1.0, "pooling": "cls"})), None);
    let of_tokens = json!({"weight": 1.0, "level": "tokens", "temperature": 0.01});
    let mut more = of_tokens.clone();
    more["pooling"] = json!("cls");
    assert_eq!(key(more), Some(of_tokens));
    let whole = json!({"weight": 1.0, "level": "sequences", "views": "masks", "pooling": "mean", "temperature": 0.05});
    assert_eq!(key(json!({"weight": 1.0})), Some(whole));
}

/// By hand: mini has 4 layers of 256, 12 · 256² weights each.
#[test]
fn a_second_view_costs_another_pass() {
    let updates = |contrast: Value| {
        let given = json!({
            "size": "mini", "steps": 1000, "batch": 4, "contrast": contrast,
            "masking": {"corrupt": 0.4, "updates": "equal-compute", "compute_length": 128, "compute_vocabulary": 1000},
        });
        let all = complete(PretrainStage.signature().fields, given.as_object().unwrap());
        let parameters: Parameters = Params(all.unwrap()).parse().unwrap();
        parameters.plan().updates
    };
    let (tokens, width) = (128.0, 256.0);
    let layers = 4.0 * (tokens * 2.0 * 12.0 * width * width + 4.0 * tokens * tokens * width);
    let head = 0.4 * tokens * 2.0 * width * (width + 1000.0);
    let of = |further: f64| {
        let ratio = (layers + head) / (layers + head + further * layers);
        (1000.0 * ratio).round() as u32
    };
    assert_eq!(updates(json!({})), 1000);
    assert_eq!(updates(json!({"weight": 0.1})), of(1.0));
    let tokens = json!({"weight": 1.0, "level": "tokens"});
    assert_eq!(updates(tokens), of(1.0 / 3.0));
}

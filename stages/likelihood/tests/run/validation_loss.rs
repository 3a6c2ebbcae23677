use std::fs;
use std::path::Path;

use contract::{Stage, StageError, complete};
use corpus::CorpusStage;
use likelihood::ValidationLossStage;
use pretrain::PretrainStage;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenize::{TokenizeStage, TokenizerStage};

use crate::common::{Done, run, with_weights};

/// Texts of a few words that go together, as blocks of 16 tokens, and the encoder that was trained on them.
pub(crate) struct Trained {
    pub(crate) tokens: Done,
    pub(crate) encoder: Done,
}

fn texts() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let topics = [
        "cat dog mouse fur",
        "sun moon star sky",
        "bread milk egg salt",
        "red green blue white",
    ];
    for document in 0..120_usize {
        let words: Vec<&str> = topics[document % 4].split(' ').collect();
        let text: Vec<&str> = (0..30).map(|at| words[(at * at + document) % 4]).collect();
        let path = folder.path().join(format!("{document:03}.txt"));
        fs::write(path, text.join(" ") + "\n").unwrap();
    }
    folder
}

pub(crate) fn trained() -> Trained {
    let texts = texts();
    let corpus = run(&CorpusStage, &json!({}), &[("source", texts.path())]).unwrap();
    let corpus = corpus.output();
    let given = json!({"vocab_size": 60});
    let tokenizer = run(&TokenizerStage, &given, &[("corpus", &corpus)]).unwrap();
    let tokens = run(
        &TokenizeStage,
        &json!({"sequence_length": 16, "validation_share": 0.2}),
        &[("corpus", &corpus), ("tokenizer", &tokenizer.output())],
    )
    .unwrap();
    let given = json!({
        "size": "nano", "steps": 30, "batch": 8, "lr": 3e-3, "masking": {"corrupt": 0.4},
    });
    let encoder = run(&PretrainStage, &given, &[("tokens", &tokens.output())]).unwrap();
    Trained { tokens, encoder }
}

fn measure(encoder: &Path, tokens: &Path, given: &Value) -> Result<Done, StageError> {
    let inputs = [("encoder", encoder), ("tokens", tokens)];
    run(&ValidationLossStage, given, &inputs)
}

#[test]
fn losses_are_those_of_pretraining_and_those_of_each_block() {
    let Trained { tokens, encoder } = trained();
    let (tokens, encoder) = (tokens.output(), encoder);
    let at = |rate: f64, blocks: usize| {
        let given = json!({"rate": rate, "blocks": blocks});
        measure(&encoder.output(), &tokens, &given).unwrap()
    };
    // The same masks as those of the yardstick that pre-training measures at.
    let done = at(0.15, 256);
    let (own, pretrained) = (done.value("perplexity"), encoder.value("perplexity_15"));
    assert!((own / pretrained - 1.0).abs() < 1e-12, "{own} {pretrained}");
    assert!((done.value("loss") - own.ln()).abs() < 1e-12);
    for (rate, blocks) in [(0.15, 0), (0.15, 5), (0.4, 0), (0.8, 0)] {
        let done = at(rate, blocks);
        done.assert_rescored(&[]);
        let scores = done.scores();
        assert!(scores[0].name == "loss" && scores[0].main && scores[0].unit == "nats");
        assert!(scores[0].examples > 0);
    }
    // The same blocks and masks for another encoder, whose loss is that of a uniform guess.
    let constant = with_weights(&encoder.output(), 0.0);
    let given = json!({"rate": 0.4});
    let uniform = measure(constant.path(), &tokens, &given).unwrap();
    let vocabulary = fs::read_to_string(encoder.output().join("vocab.txt")).unwrap();
    let chance = (vocabulary.lines().count() as f64).ln();
    assert!((uniform.value("loss") - chance).abs() < 1e-5);
    let names = |done: &Done| {
        metrics::examples::Examples::read(&done.output())
            .unwrap()
            .names
    };
    assert_eq!(names(&uniform), names(&at(0.4, 0)));
}

#[test]
fn what_cannot_be_measured_says_why() {
    let Trained { tokens, encoder } = trained();
    let (tokens, encoder) = (tokens.output(), encoder.output());
    let refused = |encoder: &Path, rate: f64| {
        let error = measure(encoder, &tokens, &json!({"rate": rate}));
        error.map(|_| ()).unwrap_err().to_string()
    };
    let diverged = with_weights(&encoder, 1e30);
    assert_eq!(
        refused(diverged.path(), 0.4),
        "encoder: its loss is not finite"
    );
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/encoder");
    let message = refused(&other, 0.4);
    assert!(
        message.starts_with("encoder: it has another tokenizer: id "),
        "{message}"
    );
    let message = refused(&encoder, 1e-6);
    assert!(
        message.starts_with("rate: no token is predicted in "),
        "{message}"
    );
    for rate in [0.0, 1.0] {
        let given = json!({ "rate": rate });
        let fields = ValidationLossStage.signature().fields;
        let params = complete(fields, given.as_object().unwrap()).unwrap();
        let problems = ValidationLossStage.check(&contract::Params(params));
        assert_eq!(
            problems[0].message,
            format!("{rate} is not between 0 and 1")
        );
    }
}

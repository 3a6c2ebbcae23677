//! The stage kind `sentences`.

use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, Params, Problem,
    Signature, Sizes, Stage, StageError,
};
use serde::Deserialize;

use crate::cut::sentences;
use crate::draw::Draw;

#[derive(Deserialize)]
struct Parameters {
    limit: usize,
    following: usize,
    min_words: usize,
    max_words: usize,
    seed: u64,
}

const fn count(max: i64) -> FieldType {
    FieldType::Integer { min: 0, max }
}

/// Cuts sentences from the documents of a corpus.
#[derive(Clone, Copy, Debug)]
pub struct SentencesStage;

impl Stage for SentencesStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "sentences",
            version: 1,
            about: "Cuts sentences from a corpus, alone or with one that follows, for contrastive training",
            fields: const {
                &[
                    Field::new(
                        "corpus",
                        FieldType::Input(ArtifactType::Corpus),
                        FieldDefault::Required,
                        "The documents.",
                    ),
                    Field::new(
                        "limit",
                        count(1 << 30),
                        FieldDefault::Integer(0),
                        "Sentences to take, drawn from all of the corpus and kept in its order; 0 for all.",
                    ),
                    Field::new(
                        "following",
                        count(1000),
                        FieldDefault::Integer(0),
                        "0: sentences alone. 1: each with the next one of its document; 3: with one of the next three, drawn.",
                    ),
                    Field::new(
                        "min_words",
                        count(1 << 20),
                        FieldDefault::Integer(3),
                        "Words below which a sentence is left out, as headings are: what follows it is next then.",
                    ),
                    Field::new(
                        "max_words",
                        count(1 << 20),
                        FieldDefault::Integer(0),
                        "Words beyond which a sentence is left out; 0 for no limit.",
                    ),
                    Field::new(
                        "seed",
                        FieldType::Integer {
                            min: 0,
                            max: i64::MAX,
                        },
                        FieldDefault::Integer(0),
                        "Decides which sentences are taken, and which of those that follow.",
                    ),
                ]
            },
            output: ArtifactType::Benchmark,
            numerics: None,
            files: benchmarks::TRIPLET_FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(|parameters: &Parameters| {
            let (least, most) = (parameters.min_words, parameters.max_words);
            let problem = (1..least).contains(&most).then(|| {
                let message = format!("no sentence has at least {least} words and at most {most}");
                Problem::value("max_words", message).with_help("give more, or lower min_words")
            });
            let alone = (parameters.limit == 1).then(|| {
                let message = "a single sentence has no other to be compared with";
                Problem::value("limit", message).with_help("give at least 2, or 0 for all")
            });
            problem.into_iter().chain(alone).collect()
        })
    }

    /// Number of sentences, where it is limited.
    fn size(&self, params: &Params, _: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        (parameters.limit > 0).then_some(parameters.limit as f64)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let path = inputs.path("corpus")?;
        let documents = corpus::read(path)?;
        let total = documents.documents();
        let mut draw = Draw::new(parameters.seed, parameters.limit, parameters.following);
        let (mut left_out, mut done) = (0_u64, 0_u64);
        for batch in documents {
            context.keep_going()?;
            for document in batch? {
                let mut found = sentences(&document.text);
                let all = found.len();
                found.retain(|sentence| parameters.keeps(sentence));
                left_out += (all - found.len()) as u64;
                draw.document(&found);
                done += 1;
            }
            context.progress(
                done,
                total,
                "document",
                format!("{} sentences", draw.seen()),
            );
        }
        let seen = draw.seen();
        let taken = draw.finish();
        if taken.len() < 2 {
            let found = match (taken.len(), parameters.following) {
                (0, 0) => "no sentence",
                (0, _) => "no sentence that another follows",
                (_, 0) => "one sentence",
                (_, _) => "one sentence that another follows",
            };
            return Err(StageError::input(
                path.display(),
                format!("{found} in it, and training compares at least two"),
                "give a longer corpus, or lower min_words",
            ));
        }
        if left_out > 0 {
            context.note(format!(
                "{left_out} pieces of the documents, headings and the like, were left out for their number of words"
            ));
        }
        if taken.len() < parameters.limit {
            context.note(format!(
                "the corpus has {seen} sentences to take, fewer than the {} asked for",
                parameters.limit
            ));
        }
        benchmarks::write_triplets(context.output(), &taken)?;
        context.tell(&Event::Worked {
            amount: done as f64,
            unit: "document".to_owned(),
        });
        Ok(())
    }
}

impl Parameters {
    fn keeps(&self, sentence: &str) -> bool {
        let words = sentence.split_whitespace().count();
        words >= self.min_words && (self.max_words == 0 || words <= self.max_words)
    }
}

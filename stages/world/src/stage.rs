//! The stage `world`.

use std::path::Path;

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, OutputFile, Params, Signature,
    Sizes, Stage, StageError,
};
use kernels::Stream;
use serde::Deserialize;

use crate::card::Card;
use crate::documents::documents;
use crate::layout;
use crate::lexicon::Lexicon;
use crate::minimal_pairs;
use crate::squad;
use crate::tasks::{
    DEV, DEV_MISMATCHED, Example, Split, TRAIN, Task, Texts, examples, mnli, qnli, qqp, rte,
    similarity, sst2, texts,
};

/// The amount of data to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The least number of words of running text. The last document is completed.
    pub words: usize,
    /// Number of training examples per task, and of questions.
    pub train: usize,
    /// Number of development examples per task, and of questions.
    pub dev: usize,
    /// Number of pairs in each of the seven similarity sets, and in each paradigm of minimal pairs.
    pub pairs: usize,
}

/// Sentences that stand alone, for each training example of a task.
const SENTENCES: usize = 5;

/// The stage `world`.
pub struct WorldStage;

type Writer = fn(&Lexicon, &[Example], &str) -> String;

struct TaskFiles {
    task: Task<'static>,
    write: Writer,
    splits: &'static [Split],
}

const TASKS: [TaskFiles; 6] = [
    TaskFiles {
        task: Task {
            name: "SST-2",
            classes: 2,
            make: sst2::example,
        },
        write: layout::sst2,
        splits: &[TRAIN, DEV],
    },
    TaskFiles {
        task: Task {
            name: "MNLI",
            classes: 3,
            make: mnli::example,
        },
        write: layout::mnli,
        splits: &[
            TRAIN,
            Split {
                name: "dev_matched",
                ..DEV
            },
            DEV_MISMATCHED,
        ],
    },
    TaskFiles {
        task: Task {
            name: "QNLI",
            classes: 2,
            make: qnli::example,
        },
        write: layout::qnli,
        splits: &[TRAIN, DEV],
    },
    TaskFiles {
        task: Task {
            name: "QQP",
            classes: 2,
            make: qqp::example,
        },
        write: layout::qqp,
        splits: &[TRAIN, DEV],
    },
    TaskFiles {
        task: Task {
            name: "RTE",
            classes: 2,
            make: rte::example,
        },
        write: layout::rte,
        splits: &[TRAIN, DEV],
    },
    TaskFiles {
        task: Task {
            name: "STS-B",
            classes: 1,
            make: similarity::example,
        },
        write: layout::stsb,
        splits: &[TRAIN, DEV],
    },
];

const YEARS: [(&str, &[&str]); 5] = [
    (
        "STS12-en-test",
        &[
            "MSRpar",
            "MSRvid",
            "SMTeuroparl",
            "surprise.OnWN",
            "surprise.SMTnews",
        ],
    ),
    ("STS13-en-test", &["FNWN", "headlines", "OnWN"]),
    (
        "STS14-en-test",
        &[
            "deft-forum",
            "deft-news",
            "headlines",
            "images",
            "OnWN",
            "tweet-news",
        ],
    ),
    (
        "STS15-en-test",
        &[
            "answers-forums",
            "answers-students",
            "belief",
            "headlines",
            "images",
        ],
    ),
    (
        "STS16-en-test",
        &[
            "answer-answer",
            "headlines",
            "plagiarism",
            "postediting",
            "question-question",
        ],
    ),
];

/// Generates text and benchmark files below `folder`. `keep_going` is called now and then, and its error ends the generation.
///
/// # Errors
/// When a file cannot be written; and the errors of `keep_going`.
pub fn generate(
    folder: &Path,
    seed: u64,
    size: Size,
    keep_going: &dyn Fn() -> Result<(), StageError>,
) -> Result<(), StageError> {
    let lexicon = Lexicon::shipped()?;
    let mut card = Card::new(seed);
    let mut text = String::new();
    let mut sentences = Vec::new();
    for (index, document) in documents(&lexicon, seed).enumerate() {
        if card.words >= size.words {
            break;
        }
        keep_going()?;
        card.documents += 1;
        card.words += document.words();
        text.push_str(&layout::wiki_extractor(&lexicon, index, &document));
        if sentences.len() < SENTENCES * size.train {
            sentences.extend(layout::sentences(&lexicon, &document));
        }
    }
    sentences.truncate(SENTENCES * size.train);
    let sentences = sentences.join("\n") + "\n";
    layout::save(
        &folder.join("simcse/sentences/wiki1m_for_simcse.txt"),
        &sentences,
    )?;
    let draws = Stream::new(seed, "triplets");
    let triplets: Vec<[String; 3]> = (0..2 * size.train as u32)
        .map(|index| mnli::triplet(&lexicon, TRAIN, &mut draws.draws(index, 0, 0)))
        .collect();
    let triplets = layout::triplets(&lexicon, &triplets);
    layout::save(&folder.join("simcse/nli/nli_for_simcse.csv"), &triplets)?;
    layout::save(&folder.join("text/world_00.txt"), &text)?;
    for TaskFiles {
        task,
        write,
        splits,
    } in &TASKS
    {
        let mut train = Vec::new();
        for &split in *splits {
            keep_going()?;
            let is_train = split.name == TRAIN.name;
            let (count, known) = if is_train {
                (size.train, None)
            } else {
                (size.dev, Some(texts(&train)))
            };
            let made = examples(&lexicon, seed, task, split, count, known);
            let path = folder
                .join("glue_data")
                .join(task.name)
                .join(format!("{}.tsv", split.name));
            layout::save(&path, &write(&lexicon, &made, split.name))?;
            if is_train {
                train = made;
            } else if split.name != DEV_MISMATCHED.name {
                card.add(task.name, task.classes, &train, &made)?;
            }
        }
    }
    card.write(folder)?;
    for release in squad::RELEASES {
        for (split, count) in [(TRAIN, size.train), (DEV, size.dev)] {
            keep_going()?;
            let name = format!("squad/{}-{}.json", split.name, release.suffix);
            let text = squad::file(&lexicon, seed, release, split, count);
            layout::save(&folder.join(name), &text)?;
        }
    }
    for paradigm in minimal_pairs::PARADIGMS {
        let name = format!("blimp/data/{}.jsonl", paradigm.name);
        let text = minimal_pairs::lines(&lexicon, seed, paradigm, size.pairs);
        layout::save(&folder.join(name), &text)?;
    }
    similarity_sets(
        &lexicon,
        &folder.join("SentEval/data/downstream"),
        seed,
        size,
    )
}

/// Generates the seven similarity sets in SentEval's layout.
fn similarity_sets(
    lexicon: &Lexicon,
    downstream: &Path,
    seed: u64,
    size: Size,
) -> Result<(), StageError> {
    let pairs = |set: &str, split: Split, count: usize| {
        let task = Task {
            name: set,
            classes: 1,
            make: similarity::example,
        };
        examples(lexicon, seed, &task, split, count, Some(Texts::new()))
    };
    for (set, subsets) in YEARS {
        for &subset in subsets {
            let made = pairs(
                &format!("{set} {subset}"),
                DEV,
                size.pairs.div_ceil(subsets.len()),
            );
            let gap = matches!(set, "STS15-en-test" | "STS16-en-test").then_some(4);
            let (input, gold) = layout::sts_year(&made, gap);
            let folder = downstream.join("STS").join(set);
            layout::save(&folder.join(format!("STS.input.{subset}.txt")), &input)?;
            layout::save(&folder.join(format!("STS.gs.{subset}.txt")), &gold)?;
        }
    }
    for name in ["train", "dev", "test"] {
        let made = pairs("STSBenchmark", Split { name, ..DEV }, size.pairs);
        let path = downstream.join(format!("STS/STSBenchmark/sts-{name}.csv"));
        layout::save(&path, &layout::sts_benchmark(&made, name))?;
    }
    for name in ["train", "trial", "test_annotated"] {
        let made = pairs("SICK", Split { name, ..DEV }, size.pairs);
        let path = downstream.join(format!("SICK/SICK_{name}.txt"));
        layout::save(
            &path,
            &layout::sick(lexicon, &made, name == "test_annotated"),
        )?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    seed: u64,
    size: String,
    words: Option<usize>,
    train: Option<usize>,
    dev: Option<usize>,
    pairs: Option<usize>,
}

impl Parameters {
    fn size(&self) -> Size {
        let named = match self.size.as_str() {
            "tiny" => Size {
                words: 60_000,
                train: 300,
                dev: 150,
                pairs: 60,
            },
            "laptop" => Size {
                words: 600_000,
                train: 4_000,
                dev: 800,
                pairs: 200,
            },
            _ => Size {
                words: 10_000_000,
                train: 10_000,
                dev: 2_000,
                pairs: 1_000,
            },
        };
        Size {
            words: self.words.unwrap_or(named.words),
            train: self.train.unwrap_or(named.train),
            dev: self.dev.unwrap_or(named.dev),
            pairs: self.pairs.unwrap_or(named.pairs),
        }
    }
}

const LARGEST: i64 = 1_000_000_000;

const FIELDS: &[Field] = &[
    Field::new(
        "seed",
        FieldType::Integer {
            min: 0,
            max: i64::MAX,
        },
        FieldDefault::Integer(0),
        "Which world: the same seed and size give the same bytes.",
    ),
    Field::new(
        "size",
        FieldType::Choice(&["tiny", "laptop", "large"]),
        FieldDefault::Text("laptop"),
        "How much of everything, unless a number below says otherwise.",
    ),
    Field::new(
        "words",
        FieldType::Integer {
            min: 100,
            max: LARGEST,
        },
        FieldDefault::Absent,
        "Words of running text, punctuation marks included.",
    ),
    Field::new(
        "train",
        FieldType::Integer {
            min: 6,
            max: 10_000_000,
        },
        FieldDefault::Absent,
        "Training examples per task, and questions.",
    ),
    Field::new(
        "dev",
        FieldType::Integer {
            min: 6,
            max: 10_000_000,
        },
        FieldDefault::Absent,
        "Development examples per task, and questions.",
    ),
    Field::new(
        "pairs",
        FieldType::Integer {
            min: 12,
            max: 10_000_000,
        },
        FieldDefault::Absent,
        "Sentence pairs per similarity set, and minimal pairs per paradigm.",
    ),
];

/// The files of a world.
const FILES: &[OutputFile] = &[
    OutputFile::new("text/*", "running text, as WikiExtractor leaves it"),
    OutputFile::new("glue_data/*", "the tasks of GLUE, in the official layout"),
    OutputFile::new(
        "SentEval/*",
        "the sets of sentence similarity, in SentEval's layout",
    ),
    OutputFile::new("squad/*", "SQuAD 1.1 and 2.0, in the official layout"),
    OutputFile::new("blimp/data/*", "minimal pairs, in BLiMP's layout"),
    OutputFile::new(
        "simcse/*",
        "sentences and triplets to train sentence embeddings on, as SimCSE has them",
    ),
    OutputFile::new(
        "card.md",
        "what each task holds, and how much of it can be had without an encoder",
    ),
    OutputFile::new("card.json", "the same, for programs"),
];

impl Stage for WorldStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "world",
            // Version 3 has rare words, denials, asides and annotators, and writes questions and minimal pairs; version 4 sentences for
            // contrastive training.
            version: 4,
            about: "Generates a small English-like world: text, and benchmark files in the official layouts.",
            fields: FIELDS,
            output: ArtifactType::Folder,
            numerics: None,
            files: FILES,
        }
    }

    /// Number of training examples per task.
    fn size(&self, params: &Params, _: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        Some(parameters.size().train as f64)
    }

    fn run(&self, params: &Params, _: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let keep_going = || context.keep_going();
        generate(
            context.output(),
            parameters.seed,
            parameters.size(),
            &keep_going,
        )
    }
}

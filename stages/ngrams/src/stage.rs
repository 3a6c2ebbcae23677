//! The stage kind `ngrams`.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use columnar::{Schema, Values};
use contract::{
    ArtifactType, Column, ColumnType, Context, Event, Field, FieldDefault, FieldType, Inputs,
    KeyPolicy, OutputFile, Params, Problem, Signature, Stage, StageError, io_error,
};
use serde::{Deserialize, Serialize};
use tokenize::Tokenizer;

use crate::LONGEST;
use crate::choose::{Chosen, Counts};
use crate::counter::Counter;
use crate::score::Measure;
use crate::words::{Known, Words};

/// Finds the n-grams of a corpus whose words go together.
#[derive(Clone, Copy, Debug)]
pub struct NgramsStage;

#[derive(Deserialize)]
struct Parameters {
    size: u64,
    shares: Shares,
    min_count: u64,
    score: Measure,
    buffer: usize,
}

/// The share of each length in the list.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Shares {
    two: f64,
    three: f64,
    four: f64,
    five: f64,
}

impl Shares {
    fn of(self, length: usize) -> f64 {
        match length {
            2 => self.two,
            3 => self.three,
            4 => self.four,
            _ => self.five,
        }
    }
}

const fn share(name: &'static str, default: f64, about: &'static str) -> Field {
    let takes = FieldType::Number { min: 0.0, max: 1.0 };
    Field::new(name, takes, FieldDefault::Number(default), about)
}

const FIELDS: &[Field] = &[
    Field::new(
        "corpus",
        FieldType::Input(ArtifactType::Corpus),
        FieldDefault::Required,
        "The documents to count in.",
    ),
    Field::new(
        "tokenizer",
        FieldType::Input(ArtifactType::Tokenizer),
        FieldDefault::Required,
        "What turns text into tokens: it says where words begin.",
    ),
    Field::new(
        "size",
        FieldType::Integer {
            min: 1,
            max: 1 << 30,
        },
        FieldDefault::Integer(800_000),
        "N-grams in the list, at most.",
    ),
    Field::new(
        "shares",
        FieldType::Table(&[
            share("two", 0.5, "Those of two words."),
            share("three", 0.25, "Those of three words."),
            share("four", 0.125, "Those of four words."),
            share("five", 0.125, "Those of five words."),
        ]),
        FieldDefault::Table,
        "How much of the list each length has.",
    ),
    Field::new(
        "min_count",
        FieldType::Integer {
            min: 1,
            max: i64::MAX,
        },
        FieldDefault::Integer(11),
        "Occurrences that an n-gram needs (more than 10, in the paper).",
    ),
    Field::new(
        "score",
        FieldType::Choice(Measure::NAMES),
        FieldDefault::Text("pmi"),
        "What n-grams are ranked by: the measure of the paper, or, with p squared, that of the lists published beside it.",
    ),
    Field::new(
        "buffer",
        FieldType::Integer { min: 1, max: 4095 },
        FieldDefault::Integer(256),
        "MiB of memory in which n-grams are counted before they are sorted and written aside; it changes no byte of the list.",
    )
    .keyed(KeyPolicy::Never),
];

/// The list alone, for those who read it.
const LIST: &str = "ngrams.txt";
/// The list with counts and scores.
const TABLE: &str = "ngrams.parquet";
/// What was counted.
const SUMMARY: &str = "ngrams.json";

const COLUMNS: &[Column] = &[
    Column::new(
        "ngram",
        ColumnType::Text,
        "the words, with spaces between them",
    ),
    Column::new("words", ColumnType::Integer, "how many there are"),
    Column::new("count", ColumnType::Integer, "occurrences in the corpus"),
    Column::new(
        "score",
        ColumnType::Number,
        "how much likelier the whole is than its parts by chance, in nats",
    ),
];

const FILES: &[OutputFile] = &[
    OutputFile::new(
        LIST,
        "the n-grams, one a line: those of two words first, of each length the best first",
    ),
    OutputFile::table(TABLE, COLUMNS, "the same, with counts and scores"),
    OutputFile::new(
        SUMMARY,
        "by length: n-grams in the corpus, frequent ones among them, and those in the list",
    )
    .light(),
];

/// What was counted of one length.
#[derive(Debug, Serialize)]
struct Length {
    words: usize,
    in_corpus: u64,
    frequent: usize,
    in_list: usize,
}

impl Stage for NgramsStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "ngrams",
            version: 1,
            about: "Finds n-grams whose words go together, for PMI masking.",
            fields: FIELDS,
            output: ArtifactType::Ngrams,
            numerics: None,
            files: FILES,
        }
    }

    fn check(&self, params: &Params) -> Vec<Problem> {
        params.check(|parameters: &Parameters| {
            let sum: f64 = (2..=LONGEST)
                .map(|length| parameters.shares.of(length))
                .sum();
            if (sum - 1.0).abs() <= 1e-9 {
                return Vec::new();
            }
            let problem = Problem::value("shares", format!("the shares add up to {sum}"));
            vec![problem.with_help("give shares of one list: two + three + four + five = 1")]
        })
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let parameters: Parameters = params.parse()?;
        let tokenizer = Tokenizer::load(inputs.path("tokenizer")?)?;
        let job = Job {
            corpus: inputs.path("corpus")?,
            context,
            scratch: &context.scratch()?,
            room: parameters.buffer << 20,
            min_count: parameters.min_count,
        };
        let mut words = Words::new(&tokenizer);
        let known = job.known(&mut words)?;
        let counts = job.counts(&mut words, &known)?;
        let mut list = Vec::new();
        let mut lengths = Vec::new();
        for length in 2..=LONGEST {
            context.keep_going()?;
            let quota = (parameters.shares.of(length) * parameters.size as f64).round() as usize;
            let chosen = counts.best(length, quota, parameters.score, &known);
            lengths.push(Length {
                words: length,
                in_corpus: counts.totals[length],
                frequent: counts.candidates(length),
                in_list: chosen.len(),
            });
            list.extend(chosen);
        }
        if list.is_empty() {
            return Err(StageError::input(
                job.corpus.display(),
                format!(
                    "no n-gram occurs {} times in the corpus",
                    parameters.min_count
                ),
                "lower min_count, or give more text",
            ));
        }
        if (list.len() as u64) < parameters.size {
            context.note(format!(
                "the list has {} n-grams, fewer than the {} allowed: no more occur {} times, length by length",
                list.len(),
                parameters.size,
                parameters.min_count
            ));
        }
        write(context.output(), &list, &lengths)
    }
}

/// The reading of a corpus, twice: for its words, and for n-grams of the frequent ones.
struct Job<'a> {
    corpus: &'a Path,
    context: &'a Context,
    scratch: &'a Path,
    room: usize,
    min_count: u64,
}

impl Job<'_> {
    /// Passes all documents to `take`.
    fn read(
        &self,
        pass: u64,
        mut take: impl FnMut(&str) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let documents = corpus::read(self.corpus)?;
        let total = documents.documents();
        let mut done = 0;
        for batch in documents {
            self.context.keep_going()?;
            let batch = batch?;
            for document in &batch {
                take(&document.text)?;
            }
            done += batch.len() as u64;
            self.context
                .progress(pass * total + done, 2 * total, "document", "");
        }
        Ok(())
    }

    /// Returns the words that occur often enough. One that does not is in no n-gram that does.
    fn known(&self, words: &mut Words<'_>) -> Result<Known, StageError> {
        let mut counter = Counter::new(self.scratch.join("words"), self.room)?;
        let mut amount = 0_u64;
        let mut key = Vec::new();
        self.read(0, |text| {
            words.of(text, |word| match word {
                Some(word) => {
                    amount += 1;
                    key.clear();
                    key.extend(word.iter().flat_map(|id| id.to_be_bytes()));
                    counter.add(&key)
                }
                None => Ok(()),
            })
        })?;
        self.context.tell(&Event::Worked {
            amount: amount as f64,
            unit: "word".into(),
        });
        let mut known = Known::default();
        counter.finish(|key, count| {
            if count < self.min_count {
                return Ok(());
            }
            let word = numbers(key);
            match words.spelling(&word) {
                Some(spelling) => known.add(&word, spelling, count),
                None => Ok(()),
            }
        })?;
        Ok(known)
    }

    /// Counts the n-grams of known words, and all n-grams by length.
    fn counts(&self, words: &mut Words<'_>, known: &Known) -> Result<Counts, StageError> {
        let mut counts = Counts::default();
        let mut counters = Vec::with_capacity(LONGEST - 1);
        for length in 2..=LONGEST {
            let folder = self.scratch.join(format!("{length}-grams"));
            counters.push(Counter::new(folder, self.room / (LONGEST - 1))?);
        }
        let mut window = Window::default();
        self.read(1, |text| {
            window.clear();
            words.of(text, |word| {
                let Some(word) = word else {
                    window.clear();
                    return Ok(());
                };
                window.push(known.number(word));
                for length in 1..=window.words() {
                    counts.totals[length] += 1;
                }
                window.each_ngram(|length, key| counters[length - 2].add(key))
            })
        })?;
        for counter in counters {
            self.context.keep_going()?;
            counter.finish(|key, count| {
                if count >= self.min_count {
                    counts.push(&numbers(key), count);
                }
                Ok(())
            })?;
        }
        Ok(counts)
    }
}

/// The last words read.
#[derive(Default)]
struct Window {
    /// Their numbers, the latest at the end; `None` for a rare word.
    last: VecDeque<Option<u32>>,
    key: Vec<u8>,
}

impl Window {
    fn clear(&mut self) {
        self.last.clear();
    }

    fn push(&mut self, number: Option<u32>) {
        if self.last.len() == LONGEST {
            self.last.pop_front();
        }
        self.last.push_back(number);
    }

    fn words(&self) -> usize {
        self.last.len()
    }

    /// Passes the n-grams that end here and have no rare word to `take`: number of words, and key.
    fn each_ngram(
        &mut self,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let known = self.last.iter().rev().take_while(|number| number.is_some());
        for length in 2..=known.count() {
            self.key.clear();
            let numbers = self.last.iter().skip(self.last.len() - length).flatten();
            self.key
                .extend(numbers.flat_map(|number| number.to_be_bytes()));
            take(length, &self.key)?;
        }
        Ok(())
    }
}

/// Returns the numbers of a key.
fn numbers(key: &[u8]) -> Vec<u32> {
    let (numbers, _) = key.as_chunks::<4>();
    numbers
        .iter()
        .map(|bytes| u32::from_be_bytes(*bytes))
        .collect()
}

fn write(folder: &Path, list: &[Chosen], lengths: &[Length]) -> Result<(), StageError> {
    let mut text = String::new();
    for ngram in list {
        text += &ngram.text;
        text.push('\n');
    }
    let path = folder.join(LIST);
    fs::write(&path, text).map_err(io_error(&path))?;
    let columns: Vec<Values> = vec![
        list.iter().map(|ngram| ngram.text.as_str()).collect(),
        list.iter().map(|ngram| ngram.words as i64).collect(),
        list.iter().map(|ngram| ngram.count as i64).collect(),
        list.iter().map(|ngram| ngram.score).collect(),
    ];
    columnar::write(&folder.join(TABLE), &Schema::of(COLUMNS), columns)?;
    contract::write_json(&folder.join(SUMMARY), lengths)
}

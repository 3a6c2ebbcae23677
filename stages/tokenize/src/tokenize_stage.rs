//! The stage kind `tokenize`: a corpus as blocks of token ids.
//!
//! As in fairseq's `sample-break-mode none`, the documents of a split form one stream, each ended by `[SEP]`. The stream is cut
//! after every `sequence_length` - 1 ids, wherever that falls, and `[CLS]` is put before each block; with a byte-level BPE these are
//! `</s>` and `<s>`.
//!
//! A document is for validation if its random number, which depends on its index alone, is below `validation_share`. If that
//! leaves a split empty because there are few documents, all documents form one stream instead, and its last blocks are for
//! validation: the share asked for, and at least one block if there are two.

use std::sync::{Mutex, PoisonError};

use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, OutputFile, Params,
    Reads, Signature, Sizes, Stage, StageError,
};
use kernels::Stream;
use rayon::prelude::*;
use serde::Deserialize;

use crate::blocks::{COLUMNS, SUMMARY};
use crate::documents::{Batch, Documents};
use crate::files;
use crate::pack::{LEAST_IDS, Packer};
use crate::words::{Cut, WordEncoder};
use crate::{Split, Summary, Tokenizer};

/// Turns a corpus into blocks of token ids.
pub struct TokenizeStage;

#[derive(Deserialize)]
struct Parameters {
    sequence_length: usize,
    validation_share: f64,
}

const FIELDS: &[Field] = &[
    Field::new(
        "corpus",
        FieldType::Input(ArtifactType::Corpus),
        FieldDefault::Required,
        "the documents",
    ),
    Field::new(
        "tokenizer",
        FieldType::Input(ArtifactType::Tokenizer),
        FieldDefault::Required,
        "what turns text into ids",
    ),
    Field::new(
        "sequence_length",
        FieldType::Integer {
            min: 3,
            max: 1 << 16,
        },
        FieldDefault::Integer(128),
        "ids in a block, [CLS] included",
    )
    .keyed_as("length")
    .formerly("length"),
    Field::new(
        "validation_share",
        FieldType::Number { min: 0.0, max: 0.5 },
        FieldDefault::Number(0.01),
        "share of the documents set aside to measure the loss on; 0 sets none aside",
    ),
];

/// The files of a tokens artifact.
const FILES: &[OutputFile] = &[
    OutputFile::table(
        "train-*.parquet",
        COLUMNS,
        "the blocks to train on, a row each",
    ),
    OutputFile::table(
        "validation-*.parquet",
        COLUMNS,
        "the blocks to measure the loss on, a row each",
    ),
    OutputFile::new(
        SUMMARY,
        "how many documents, blocks and ids there are, and how long blocks are",
    ),
    OutputFile::new("tokenizer/*", "the tokenizer that made them"),
];

impl Stage for TokenizeStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "tokenize",
            version: 2,
            about: "Turns documents into blocks of token ids, and sets some aside for validation.",
            fields: FIELDS,
            output: ArtifactType::Tokens,
            numerics: None,
            files: FILES,
        }
    }

    /// Number of ids in a block.
    fn size(&self, params: &Params, _: &Sizes) -> Option<f64> {
        let parameters: Parameters = params.parse().ok()?;
        Some(parameters.sequence_length as f64)
    }

    fn reads(&self, input: &str) -> Reads {
        match input {
            "tokenizer" => files::READS,
            _ => Reads::default(),
        }
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let Parameters {
            sequence_length: length,
            validation_share,
        } = params.parse()?;
        let tokenizer = Tokenizer::load(inputs.path("tokenizer")?)?;
        let documents = Documents::open(inputs.path("corpus")?)?;
        let job = Job {
            tokenizer: &tokenizer,
            documents: &documents,
            length,
            context,
        };
        let (mut summary, ids) = job.write(Division::ByDocument {
            share: validation_share,
        })?;
        if summary.train_blocks + summary.validation_blocks == 0 {
            return Err(documents.without_text());
        }
        let one_is_empty = summary.train_blocks == 0 || summary.validation_blocks == 0;
        if one_is_empty && validation_share > 0.0 {
            context.note(too_few(&summary, ids, validation_share));
            let train = blocks_before_validation(ids, length, validation_share);
            (summary, _) = job.write(Division::AtTheEnd { train })?;
        }
        let amount = (summary.train_tokens + summary.validation_tokens) as f64;
        context.tell(&Event::Worked {
            amount,
            unit: "token".into(),
        });
        contract::write_json(&context.output().join(SUMMARY), &summary)?;
        tokenizer.copy_files(&context.output().join("tokenizer"))
    }
}

/// Returns, in words, the number of documents, and how many such documents are needed for validation to fill a block.
fn too_few(summary: &Summary, ids: u64, share: f64) -> String {
    // With documents for five blocks on average, chance leaves a block unfilled in one of 150 corpora.
    const ENOUGH: f64 = 5.0;
    let documents = summary.train_documents + summary.validation_documents;
    let mean = ids as f64 / documents.max(1) as f64;
    let per_block = (summary.length as f64 / mean.max(1.0)).max(1.0);
    let needed = (ENOUGH * per_block / share).ceil();
    format!(
        "too few documents to set some aside ({documents}; a share of {share} takes some {needed} of such a length): \
         validation takes the last blocks"
    )
}

/// How the text is divided between training and validation.
#[derive(Clone, Copy)]
enum Division {
    /// Each document is for validation with this probability.
    ByDocument { share: f64 },
    /// The first `train` blocks are for training, those after them for validation.
    AtTheEnd { train: u64 },
}

struct Job<'a> {
    tokenizer: &'a Tokenizer,
    documents: &'a Documents,
    length: usize,
    context: &'a Context,
}

impl Job<'_> {
    /// Writes the blocks, and returns their summary and the number of ids in the streams.
    fn write(&self, division: Division) -> Result<(Summary, u64), StageError> {
        let specials = self.tokenizer.specials();
        let packer = |split| Packer::new(self.context.output(), split, specials.cls, self.length);
        let (mut train, mut validation) = (packer(Split::Train)?, packer(Split::Validation)?);
        let mut documents = [0_u64; 2];
        let encoders: Vec<Mutex<WordEncoder<'_>>> = (0..rayon::current_num_threads().max(1))
            .map(|_| Mutex::new(WordEncoder::new(self.tokenizer)))
            .collect();
        let draws = Stream::new(0, "validation documents");
        self.documents.for_each(|batch| {
            self.context.keep_going()?;
            for (place, mut ids) in encode(batch, self.tokenizer.cut(), &encoders)
                .into_iter()
                .enumerate()
            {
                if ids.is_empty() {
                    continue;
                }
                ids.push(specials.sep);
                let index = batch.first + place as u64;
                match division {
                    Division::ByDocument { share } => {
                        let mut draws = draws.draws(0, index as u32, (index >> 32) as u32);
                        let is_validation = draws.chance(share);
                        documents[usize::from(is_validation)] += 1;
                        if is_validation {
                            validation.push(&ids)?;
                        } else {
                            train.push(&ids)?;
                        }
                    }
                    Division::AtTheEnd { train: blocks } => {
                        documents[0] += 1;
                        let (full, filled) = train.position();
                        let room = (blocks - full) * (self.length as u64 - 1) - filled as u64;
                        let here = ids.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                        train.push(&ids[..here])?;
                        validation.push(&ids[here..])?;
                    }
                }
            }
            let done = batch.first + batch.len() as u64;
            self.context
                .progress(done, self.documents.total(), "document", "");
            Ok(())
        })?;
        let ids = train.ids + validation.ids;
        let (train_blocks, train_tokens) = train.finish()?;
        let (validation_blocks, validation_tokens) = validation.finish()?;
        let summary = Summary {
            length: self.length,
            vocab_size: self.tokenizer.vocabulary(),
            train_blocks,
            validation_blocks,
            train_tokens,
            validation_tokens,
            train_documents: documents[0],
            validation_documents: documents[1],
        };
        Ok((summary, ids))
    }
}

/// Returns the number of blocks before those for validation, if `ids` ids form one stream.
fn blocks_before_validation(ids: u64, length: usize, share: f64) -> u64 {
    let inside = length as u64 - 1;
    let blocks = ids / inside + u64::from(ids % inside >= LEAST_IDS as u64);
    let validation = (share * blocks as f64).round() as u64;
    blocks - validation.max(1).min(blocks.saturating_sub(1))
}

/// Returns the ids of each document. Texts are encoded in parallel, and each result has a fixed place.
fn encode(batch: &Batch, cut: Option<Cut>, encoders: &[Mutex<WordEncoder<'_>>]) -> Vec<Vec<u32>> {
    let pieces = batch.pieces(cut);
    let encoded: Vec<Vec<u32>> = pieces
        .par_iter()
        .map(|(_, text)| {
            let thread = rayon::current_thread_index().unwrap_or(0) % encoders.len();
            let mut encoder = encoders[thread]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            encoder.encode(text)
        })
        .collect();
    let mut documents = vec![Vec::new(); batch.len()];
    for ((place, _), ids) in pieces.iter().zip(encoded) {
        if documents[*place].is_empty() {
            documents[*place] = ids;
        } else {
            documents[*place].extend(ids);
        }
    }
    documents
}

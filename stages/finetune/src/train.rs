//! A run from its inputs to its scores.

use std::path::Path;

use benchmarks::{Kind, Task};
use contract::{Context, OutputFile, StageError};
use contrastive::Supervised;
use encoder::Encoder;
use metrics::scores;
use tokenize::Tokenizer;
use training::{Epochs, Start, log};

use crate::class_contrast::ContrastiveFinetuning;
use crate::examples::{self, Reader};
use crate::held_out;
use crate::kept::{self, Kept};
use crate::model::Model;
use crate::objective::{Finetuning, TRAINING_COLUMNS, VALIDATION, VALIDATION_COLUMNS};
use crate::parameters::Parameters;
use crate::predictions;

/// The files that fine-tuning writes.
pub(crate) const FILES: &[OutputFile] = &[
    scores::DOCUMENTED,
    OutputFile::log(
        log::FILE,
        TRAINING_COLUMNS,
        "the training, a row for each update",
    ),
    OutputFile::log(
        VALIDATION,
        VALIDATION_COLUMNS,
        "measurements on the way, as `validate_every` says",
    )
    .when("validate_every is not 0"),
    metrics::predictions::DOCUMENTED,
    OutputFile::new(
        "*.tsv",
        "the predictions on the test split, as GLUE's server takes them: RTE.tsv, MNLI-m.tsv",
    )
    .light()
    .when("the benchmark has its test split (test = true)"),
    OutputFile::new(
        "model/*",
        "the encoder with its head and its tokenizer, and task.json, which says what its outputs are",
    )
    .when("keep_model is set"),
];

/// What becomes of the encoder after the last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Its scores are kept alone.
    Scores,
    /// It is written beside them, as a Hugging Face folder without a head.
    Encoder,
}

/// Trains the encoder in the folder `encoder` on the benchmark artifact `data` and writes scores, predictions and the
/// log to the context's output folder.
///
/// Must be called on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// # Errors
/// When a folder has wrong contents, or a prediction is not finite; and the errors of [`training::train`].
pub(crate) fn train(
    parameters: &Parameters,
    (encoder, data): (&Path, &Path),
    keeps: Keeps,
    context: &Context,
) -> Result<(), StageError> {
    let options = &parameters.training;
    let mut task = benchmarks::read_labelled(data)?;
    examples::limit(
        &mut task,
        parameters.train_examples,
        parameters.eval_examples,
    );
    if parameters.contrastive > 0.0 && task.kind != Kind::Classification {
        return Err(StageError::input(
            "contrastive",
            format!(
                "the task `{}` has scores, and examples of one class are compared",
                task.name
            ),
            "give a task with classes, or leave contrastive out",
        ));
    }
    let held_out = held_out::set_aside(&mut task, parameters.held_out)?;
    let folder = encoder;
    let encoder = Encoder::load_unless_stopped(folder, context)?
        .with_precision(options.precision.resolve()?)
        .with_dropout(
            options.dropout,
            options.attention_dropout,
            parameters.head_dropout,
        )?;
    let tokenizer = Tokenizer::load(folder)?;
    let reader = Reader::new(&tokenizer, encoder.config(), parameters.max_length)?;
    let train = reader.read(&task.train);
    reader.note_cut("training", &train, context);
    let kept = Kept::of(&task, parameters.pooling, reader.max_length());
    let model = Model::new(encoder, &kept, options.seed)?;

    let epochs = Epochs::new(options.seed, train.len())?;
    let updates = epochs.updates(parameters.batch) * parameters.epochs;
    let measured = held_out.as_ref().unwrap_or(&task);
    let examples = match options.validate_every {
        0 => Vec::new(),
        _ => reader.read(&measured.validation),
    };
    let mut finetuning = Finetuning {
        model: &model,
        examples: &train,
        batch: parameters.batch,
        epochs,
        measured: (measured, &examples),
    };
    if parameters.contrastive > 0.0 {
        let mut objective = ContrastiveFinetuning {
            finetuning,
            weight: parameters.contrastive,
            contrast: Supervised {
                temperature: parameters.contrastive_temperature,
            },
        };
        training::train(&mut objective, options, updates, Start::New, context)?;
    } else {
        training::train(&mut finetuning, options, updates, Start::New, context)?;
    }
    if keeps == Keeps::Encoder {
        let encoder = model.encoder();
        encoder.save_body(context.output())?;
        tokenizer.copy_files_for(encoder.config().max_length(), context.output())?;
    }
    if parameters.keep_model {
        kept.write(&model, &tokenizer, &context.output().join(kept::FOLDER))?;
    }
    score(&task, held_out.as_ref(), &model, &reader, context)?;
    for split in benchmarks::read_tests(data)? {
        let examples = reader.read(&split.examples);
        reader.note_cut("test", &examples, context);
        predictions::write_test(context.output(), &task, &split, &model.predict(&examples)?)?;
    }
    Ok(())
}

/// Predicts the development splits and the held-out examples, and writes predictions and scores.
fn score(
    task: &Task,
    held_out: Option<&Task>,
    model: &Model,
    reader: &Reader<'_>,
    context: &Context,
) -> Result<(), StageError> {
    let validation = reader.read(&task.validation);
    let mismatched = task.validation_mismatched.as_ref();
    let mismatched = mismatched.map(|examples| reader.read(examples));
    let scored = validation.iter().chain(mismatched.iter().flatten());
    reader.note_cut("development", scored, context);
    let validation = model.predict(&validation)?;
    let mismatched = match mismatched {
        Some(examples) => Some(model.predict(&examples)?),
        None => None,
    };
    let mut splits = vec![("validation", &task.validation[..], &validation[..])];
    if let (Some(examples), Some(found)) = (&task.validation_mismatched, &mismatched) {
        splits.push(("validation_mismatched", examples, found));
    }
    let mut all = task.scores(&validation, mismatched.as_deref())?;
    let predicted;
    if let Some(held_out) = held_out {
        predicted = model.predict(&reader.read(&held_out.validation))?;
        all.extend(held_out::scores(held_out, &predicted)?);
        splits.push((held_out::SPLIT, &held_out.validation, &predicted));
    }
    predictions::write(context.output(), task, &splits)?;
    scores::write(context.output(), &all)
}

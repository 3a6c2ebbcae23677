//! A run from its inputs to its scores.

use std::path::Path;

use benchmarks::{Question, SpanTask};
use contract::{Context, StageError};
use encoder::Encoder;
use kernels::Stream;
use metrics::{predictions, scores};
use tokenize::Tokenizer;
use training::{Epochs, Start};

use crate::decode::Rules;
use crate::files;
use crate::kept::{self, Kept};
use crate::model::Model;
use crate::objective::{FindingSpans, Questions};
use crate::parameters::Parameters;
use crate::windows::{Asked, Lengths, Reader, Window};

/// Trains the encoder in the folder `encoder` on the benchmark artifact `data` and writes scores, answers and the log to the context's
/// output folder.
///
/// Must be called on a thread with a deep stack ([`encoder::with_deep_stack`]).
///
/// # Errors
/// When a folder has wrong contents, or a score is not finite; and the errors of [`training::train`].
pub(crate) fn train(
    parameters: &Parameters,
    encoder: &Path,
    data: &Path,
    context: &Context,
) -> Result<(), StageError> {
    let options = &parameters.training;
    let mut task = benchmarks::read_spans(data)?;
    limit(
        &mut task,
        parameters.train_examples,
        parameters.eval_examples,
    );
    let folder = encoder;
    let encoder = Encoder::load_unless_stopped(folder, context)?
        .with_precision(options.precision.resolve()?)
        .with_dropout(options.dropout, options.attention_dropout, 0.0)?;
    let tokenizer = Tokenizer::load(folder)?;
    tokenizer.check_embedded(encoder.config().vocab_size, folder)?;
    let lengths = Lengths {
        sequence: parameters.max_length,
        question: parameters.question_length,
        stride: parameters.stride,
    };
    let reader = Reader::new(&tokenizer, encoder.config(), lengths)?;
    let asked = reader.read(&task.train)?;
    note(&task.train, &asked, "training", true, context);
    let windows: Vec<Window> = asked.into_iter().flat_map(|asked| asked.windows).collect();
    let asked = reader.read(&task.validation)?;
    note(&task.validation, &asked, "development", false, context);
    let measured = || Questions {
        task: &task,
        asked: &asked,
        rules: Rules {
            n_best: parameters.n_best,
            longest: parameters.answer_length,
            threshold: task.unanswerable.then_some(parameters.null_threshold),
        },
    };
    let model = Model::new(encoder, options.seed)?;
    let epochs = Epochs::new(options.seed, windows.len())?;
    let updates = epochs.updates(parameters.batch) * parameters.epochs;
    let mut objective = FindingSpans {
        model: &model,
        windows: &windows,
        batch: parameters.batch,
        epochs,
        measured: measured(),
    };
    training::train(&mut objective, options, updates, Start::New, context)?;

    let questions = measured();
    if parameters.keep_model {
        let kept = Kept {
            task: task.name.clone(),
            lengths,
            rules: questions.rules,
        };
        kept.write(&model, &tokenizer, &context.output().join(kept::FOLDER))?;
    }
    let all: usize = asked.iter().map(|asked| asked.windows.len()).sum();
    let found = questions.answer(&model, |done| {
        context.progress(done as u64, all as u64, "window", String::new());
        context.keep_going()
    })?;
    let folder = context.output();
    files::write(folder, &task.validation, &found)?;
    let odds = found.iter().map(|one| one.null_odds).enumerate();
    let odds: Vec<(usize, f64)> = odds
        .filter_map(|(place, odds)| Some((place, odds?)))
        .collect();
    let answers: Vec<Option<String>> = found.into_iter().map(|one| Some(one.answer)).collect();
    predictions::write_answers(folder, &task.rows_of(&answers)?)?;
    let mut all = task.scores(&answers)?;
    if parameters.best_threshold && task.unanswerable {
        all.extend(task.best_scores(&answers, &odds)?);
    }
    scores::write(folder, &all)
}

/// Keeps `train` training questions, drawn in the same way for every seed, in the file's order, and the first `validation` development
/// questions. 0 keeps all.
fn limit(task: &mut SpanTask, train: usize, validation: usize) {
    if train > 0 && train < task.train.len() {
        let mut draws = Stream::new(0, "training questions").draws(0, 0, 0);
        let mut kept = draws.choose(task.train.len(), train);
        kept.sort_unstable();
        task.train = kept.iter().map(|&at| task.train[at].clone()).collect();
    }
    if validation > 0 {
        task.validation.truncate(validation);
    }
}

/// Notes how many questions were cut, and how many answers no window holds whole, if any.
fn note(questions: &[Question], asked: &[Asked], split: &str, is_trained: bool, context: &Context) {
    let all = questions.len();
    let cut = asked.iter().filter(|asked| asked.is_cut).count();
    if cut > 0 {
        context.note(format!("{cut} of {all} {split} questions were cut"));
    }
    let is_lost = |(question, asked): &(&Question, &Asked)| {
        !question.answers.is_empty() && asked.windows.iter().all(|window| window.target == [0, 0])
    };
    let lost = questions.iter().zip(asked).filter(is_lost).count();
    if is_trained && lost > 0 {
        context.note(format!(
            "no window holds the whole answer of {lost} of {all} {split} questions, which are trained on as if they had none"
        ));
    }
}

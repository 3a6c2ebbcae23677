//! A run that was stopped and resumed ends with the same bytes as an uninterrupted one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contract::{Context, Event, Inputs, Observer, StageError};
use serde_json::{Value, json};

use crate::artifact::{assert_same, run, run_in, run_on, tokens};

/// Asks for a stop after a number of steps.
struct StopAfter(u64, Arc<AtomicBool>);

impl Observer for StopAfter {
    fn observe(&self, event: &Event) {
        if matches!(event, Event::Progress { done, .. } if *done == self.0) {
            self.1.store(true, Ordering::Relaxed);
        }
    }
}

pub(crate) fn stopped_after(folder: &Path, tokens: &Path, steps: u64, given: Value) {
    stopped_after_on(folder, &Inputs::from([("tokens", tokens)]), steps, given);
}

pub(crate) fn stopped_after_on(folder: &Path, inputs: &Inputs, steps: u64, given: Value) {
    let stop = Arc::new(AtomicBool::new(false));
    let context = Context::in_folder(folder)
        .unwrap()
        .with_observer(Box::new(StopAfter(steps, Arc::clone(&stop))))
        .with_stop(stop);
    let stopped = run_on(&context, inputs, given);
    assert!(
        matches!(stopped, Err(StageError::Interrupted)),
        "{stopped:?}"
    );
}

fn parameters() -> Value {
    json!({
        "validate_every": 2,
        "checkpoint_every": 2,
        "max_grad_norm": 1.0,
        "masking": {"corrupt": 0.1, "predict": 0.3, "random": 0.1, "keep": 0.1},
    })
}

#[test]
fn an_interruption_leaves_no_trace_in_the_artifact() {
    let tokens = tokens(30);
    let straight = run(tokens.path(), parameters()).unwrap();
    for steps in [3, 6] {
        let folder = tempfile::tempdir().unwrap();
        stopped_after(folder.path(), tokens.path(), steps, parameters());
        run_in(
            &Context::in_folder(folder.path()).unwrap(),
            tokens.path(),
            parameters(),
        )
        .unwrap();
        assert_same(straight.path(), folder.path());
    }
}

/// After a kill, the last regular checkpoint is some updates behind, as it is here after the newest one is removed.
#[test]
fn updates_after_the_last_checkpoint_are_made_again() {
    let tokens = tokens(30);
    let straight = run(tokens.path(), parameters()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    stopped_after(folder.path(), tokens.path(), 5, parameters());
    fs::remove_dir_all(folder.path().join("checkpoints/after-0000000005")).unwrap();
    assert!(folder.path().join("checkpoints/after-0000000004").exists());
    run_in(
        &Context::in_folder(folder.path()).unwrap(),
        tokens.path(),
        parameters(),
    )
    .unwrap();
    assert_same(straight.path(), folder.path());
}

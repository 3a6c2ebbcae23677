//! The number of threads changes no byte.
//!
//! A process reads the number of threads of its arithmetic once, at its start, so each run has a process of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use contract::Context;
use serde_json::json;

use crate::artifact::{assert_same, run_in, tokens};
use crate::masking::{masked, run_masked};

const TOKENS: &str = "PRETRAIN_TEST_TOKENS";
const FOLDER: &str = "PRETRAIN_TEST_FOLDER";

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let tokens = tokens(40);
    let folders = [1, 2].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env::current_exe().unwrap())
            .args([
                "threads::a_run_in_a_process_of_its_own",
                "--exact",
                "--ignored",
            ])
            .env("RAYON_NUM_THREADS", threads.to_string())
            .env(TOKENS, tokens.path())
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        folder
    });
    for name in ["plain", "contrast"]
        .into_iter()
        .chain(masked().map(|(name, _)| name))
    {
        let [one, two] = [0, 1].map(|thread: usize| folders[thread].path().join(name));
        assert_same(&one, &two);
    }
}

/// Does nothing unless the test above started its process.
#[test]
#[ignore = "a process that `cargo test -p pretrain --test run one_thread_and_two` starts"]
fn a_run_in_a_process_of_its_own() {
    let (Some(tokens), Some(folder)) = (env::var_os(TOKENS), env::var_os(FOLDER)) else {
        return;
    };
    let folder = Path::new(&folder);
    let context = |name: &str| {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        Context::in_folder(&folder).unwrap()
    };
    let tokens = PathBuf::from(tokens);
    let given = json!({"steps": 3, "batch": 32, "size": "tiny"});
    run_in(&context("plain"), &tokens, given).unwrap();
    let given = json!({"steps": 3, "batch": 32, "size": "tiny", "contrast": {"weight": 1.0}});
    run_in(&context("contrast"), &tokens, given).unwrap();
    for (name, masking) in masked() {
        let given = json!({"steps": 2, "batch": 16, "masking": masking});
        run_masked(&context(name), &tokens, given).unwrap();
    }
}

//! What is refused, what must not leave, and what an end in the middle leaves.

use std::fs;

use super::*;

#[test]
fn what_cannot_be_taken_is_refused_with_what_to_do() {
    let project = made(&["stage:contrast", "stage:first"]);
    let to = |stage: &str, more: &[&str]| {
        let mut arguments = vec!["export", stage, "--to", "model"];
        arguments.extend(more);
        project.pipe(&arguments)
    };
    refused(
        to("stage:tokens", &[]),
        "holds no model: a stage of kind tokenize makes tokens",
    )
    .says("name a stage that makes an encoder: pretrain, contrast");
    refused(to("stage:contrast[pooling=max]", &[]), "no result yet")
        .says("pipe run 'stage:contrast[pooling=max]'");
    refused(
        to("stage:first", &["--for", "masked-lm"]),
        "no head that predicts tokens",
    );
    refused(
        to("stage:contrast", &["--for", "sound"]),
        "cannot be taken for `sound`",
    )
    .says("sentences, masked-lm, encoder; or task");
    refused(
        to("stage:first", &["--for", "task", "--pooling", "mean"]),
        "a folder for task has the pooling",
    )
    .says("leave --pooling out");
    refused(
        to("stage:contrast", &["--for", "encoder", "--pooling", "cls"]),
        "has no pooling",
    );
    refused(to("all", &[]), "all is not the result of one stage");
    let both = [
        "export",
        "stage:contrast",
        "stage:pretrain",
        "--to",
        "model",
    ];
    refused(project.pipe(&both), "the model of one stage");
    refused(
        to("stage:contrast", &["-o", "x.tar"]),
        "cannot be used with",
    );
    assert!(!project.join("model").exists());
    project.write("model/mine.txt", "mine");
    refused(to("stage:contrast", &[]), "is there already, and not empty");
    assert_eq!(names(&project, "model"), ["mine.txt"]);

    let encode = |more: &[&str]| {
        let mut arguments = vec!["encode", "stage:contrast", "texts.txt"];
        arguments.extend(more);
        project.pipe(&arguments)
    };
    refused(encode(&["--to", "a.txt"]), "its ending does not say");
    refused(
        encode(&["--to", "a.npy", "--pooling", "min"]),
        "--pooling: ",
    );
    refused(
        encode(&["--to", "a.npy", "--max-length", "2"]),
        "no token of a sentence would be seen",
    );
    project.write("a.npy", "mine");
    refused(encode(&["--to", "a.npy"]), "is there already");
    refused(
        project.pipe(&["encode", "nowhere", "texts.txt", "--to", "b.npy"]),
        "no such folder: nowhere",
    );
    refused(
        project.pipe(&["encode", "stage:tokens", "texts.txt", "--to", "b.npy"]),
        "makes tokens, and no encoder",
    );
    project.write("empty.txt", "");
    refused(
        project.pipe(&["encode", "stage:contrast", "empty.txt", "--to", "b.npy"]),
        "has no line",
    );
}

#[test]
fn a_kill_leaves_nothing_half() {
    let project = made(&["stage:pretrain"]);
    // The folder to be written to cannot be made complete: its parent allows nothing more after the first files.
    project.write("blocked", "a file");
    let ended = project.pipe(&["export", "stage:pretrain", "--to", "blocked/model"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let ended = project.pipe(&["export", "stage:pretrain", "--to", "blocked"]);
    refused(ended, "is there already, and no folder");
    for wait in [0.0, 0.02, 0.05, 0.1, 0.2] {
        let pipe = env!("CARGO_BIN_EXE_pipe");
        project.sh(&format!(
            "rm -rf out; {pipe} export stage:pretrain --to out >/dev/null 2>&1 & p=$!; sleep {wait}; kill -9 $p; wait $p 2>/dev/null; true"
        ));
        if project.join("out").exists() {
            assert!(
                project.join("out/README.md").exists(),
                "the folder is whole"
            );
        }
    }
}

#[test]
fn no_place_of_this_machine_leaves_with_a_model() {
    let project = made(&["stage:pretrain"]);
    // The text of the world, given as a file of the user's elsewhere.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let secret = elsewhere.path().join("secret/wik");
    fs::create_dir_all(secret.parent().expect("above")).expect("made");
    fs::write(&secret, "the king saw a dog\n".repeat(400)).expect("written");
    project.edit("source = \"@world/text\"", "source = \"${text}\"");
    project.edit("[vars]\n", "[vars]\ntext = \"@world/text\"\n");
    let set = format!("text={}", secret.display());
    let relative = format!(
        "text={}{}",
        "../".repeat(project.path().components().count() - 1),
        secret.strip_prefix("/").expect("absolute").display()
    );
    let brackets = format!("stage:pretrain[{set}]");
    project
        .pipe(&["run", "stage:pretrain", "--set", &set])
        .code(0);
    project.pipe(&["run", &brackets]).code(0);
    for (place, arguments) in [
        ("a", &["stage:pretrain", "--set", &set][..]),
        ("b", &["stage:pretrain", "--set", &relative]),
        ("c", &[&brackets]),
    ] {
        let mut export = vec!["export", "--to", place];
        export.extend(arguments);
        project.pipe(&export).code(0);
        let card = fs::read_to_string(project.join(place).join("README.md")).expect("a card");
        assert!(!card.contains("secret"), "{card}");
        assert!(!card.contains(" /") && !card.contains("=/"), "{card}");
        assert!(card.contains("PATH/TO/wik"), "{card}");
        assert!(card.contains("In the place of `PATH/TO/`"), "{card}");
        assert!(card.contains("| wik | yours | `"), "{card}");
    }
}

#[test]
fn markup_of_others_stays_text() {
    let project = Project::beyond_tokens(PIPELINE);
    project.edit("[vars]\n", "[vars]\nnote = \"x\"\n");
    project.edit(
        "[stage.sentences]",
        "[stage.own]\nuse = \"command\"\nargv = [\"sh\", \"-c\", \"cp -r {given}/. {output}\", \"${note}\"]\n\
         inputs = { given = \"@pretrain\" }\nmakes = \"encoder\"\n\n[stage.sentences]",
    );
    let set = "note=<i>_a_ [x](y) `\n```\n# b | c";
    project.pipe(&["run", "stage:own", "--set", set]).code(0);
    project
        .pipe(&["export", "stage:own", "--set", set, "--to", "model"])
        .code(0);
    let card = fs::read_to_string(project.join("model/README.md")).expect("a card");
    let title = card
        .lines()
        .find(|line| line.starts_with("# "))
        .expect("a title");
    assert!(title.contains("\\<i\\>\\_a\\_ \\[x\\]"), "{title}");
    assert!(
        card.contains("$'note=<i>_a_ [x](y) `\\n```\\n# b | c'"),
        "{card}"
    );
    assert!(
        !card.lines().any(|line| line == "# b" || line == "```x"),
        "{card}"
    );
    let fences = card.lines().filter(|line| line.starts_with("```"));
    assert_eq!(fences.count(), 6, "three blocks, none ended early: {card}");
    assert!(
        !card.contains("The same declaration gives the same bytes"),
        "nobody knows what a program does: {card}"
    );
}

#[test]
fn nothing_is_written_into_the_store_nor_left_after_an_error() {
    let project = made(&["stage:finetune", "stage:sts", "stage:first"]);
    project.write("pairs.tsv", "sentence1\tsentence2\na\tb\n");
    fs::create_dir(project.join("filled")).expect("made");
    let before = project.files(".pipe").len();
    for arguments in [
        &["export", "stage:pretrain", "--to", ".pipe/model"][..],
        &["export", "stage:sts", "--mteb", ".pipe/objects/m"],
        &[
            "encode",
            "stage:pretrain",
            "texts.txt",
            "--to",
            "filled/../.pipe/a.npy",
        ],
        &[
            "predict",
            "stage:finetune",
            "pairs.tsv",
            "--to",
            ".pipe/a.tsv",
        ],
    ] {
        refused(project.pipe(arguments), "lies in the store");
    }
    let after = project.files(".pipe");
    let left = after
        .iter()
        .any(|file| file.ends_with("a.npy") || file.ends_with("a.tsv"));
    assert!(
        !left && !project.join(".pipe/model").exists(),
        "{before}: {after:?}"
    );

    for arguments in [
        &["encode", "stage:pretrain", "nofile", "--to", "new/a.npy"][..],
        &[
            "predict",
            "stage:finetune",
            "nofile.tsv",
            "--to",
            "new/x/a.tsv",
        ],
        &[
            "export",
            "stage:first",
            "--for",
            "masked-lm",
            "--to",
            "new/x/m",
        ],
    ] {
        assert_eq!(project.pipe(arguments).code, Some(2));
        assert!(!project.join("new").exists(), "{arguments:?}");
    }
    refused(
        project.pipe(&["encode", "stage:pretrain", "filled", "--to", "a.npy"]),
        "filled is a folder, and no text",
    )
    .says("name a file of text");
    refused(
        project.pipe(&["predict", "stage:finetune", "pairs.tsv", "--to", "a.txt"]),
        "its ending does not say",
    );
    project
        .pipe(&["predict", "stage:finetune", "pairs.tsv", "--to", "a.csv"])
        .code(0);
    let text = fs::read_to_string(project.join("a.csv")).expect("a file");
    assert!(
        text.starts_with("row,prediction,entailment,not_entailment\n0,"),
        "{text}"
    );

    // A folder that is there is filled and stays: the shell in it sees the files.
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let seen = project.sh(&format!(
        "chmod 2750 filled; cd filled; {pipe} export stage:pretrain -f ../pipeline.toml --to . >/dev/null && ls -A && stat -c %a ."
    ));
    let seen = seen.code(0).stdout;
    assert!(
        seen.contains("config.json\n") && !seen.contains(".pipe-"),
        "{seen}"
    );
    assert!(seen.ends_with("2750\n"), "{seen}");
}

//! Parquet files that others have written are read, or refused by file and column.

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use support::Project;

/// A tokenizer of a corpus of the user's.
const PIPELINE: &str = r#"
[stage.tokenizer]
use = "tokenizer"
corpus = "corpus"
vocab_size = 40
"#;

fn parquet(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let columns = columns
        .iter()
        .map(|(name, values)| (*name, Arc::clone(values)));
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("closed")
}

fn texts() -> Vec<(&'static str, ArrayRef)> {
    let texts = ["the cat sat on the mat", "the dog sat on the cat"];
    vec![("text", Arc::new(StringArray::from_iter_values(texts)))]
}

#[test]
fn files_of_others_are_read_or_told_by_file_and_column() {
    let project = Project::with(PIPELINE);
    fs::create_dir(project.join("corpus")).expect("made");
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values([1, 2]));
    let whole = parquet(&texts());
    let mut damaged = whole.clone();
    // The damage is in the first page.
    damaged[20..40].fill(0xff);
    let mut shown = String::new();
    for (what, bytes) in [
        ("no such column", parquet(&[("body", Arc::clone(&numbers))])),
        ("another type", parquet(&[("text", Arc::clone(&numbers))])),
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("damaged", damaged),
        ("empty", Vec::new()),
        ("comma-separated", b"text\nthe cat sat\n".to_vec()),
    ] {
        fs::write(project.join("corpus/a.parquet"), bytes).expect("written");
        let ended = project.pipe(&["run", "stage:tokenizer"]).code(2);
        let lines = ended.stderr.lines();
        let told = lines.filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
        let told: Vec<&str> = told.collect();
        let told = told
            .join("\n")
            .replace(project.path().to_str().expect("UTF-8"), "PROJECT");
        writeln!(shown, "{what}\n{told}\n").expect("a text");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("internal error"), "{}", ended.stderr);
    }
    insta::assert_snapshot!(shown);

    // The file has other types of text, other columns, and rows without a text.
    let missing = StringArray::from_iter([Some("the cat sat on the mat"), None]);
    let large = LargeStringArray::from_iter_values(["the cat sat on the mat"; 2]);
    for column in [Arc::new(missing) as ArrayRef, Arc::new(large)] {
        let bytes = parquet(&[("id", Arc::clone(&numbers)), ("text", column)]);
        let mut file = File::create(project.join("corpus/a.parquet")).expect("made");
        std::io::Write::write_all(&mut file, &bytes).expect("written");
        project.pipe(&["run", "stage:tokenizer"]).code(0);
    }
}

//! Test splits of GLUE, whose labels its server keeps, and files of predictions in the form that it takes: a line each of index and
//! prediction, in the spelling of the task's labels.

use std::fmt::Write as _;
use std::path::Path;

use contract::StageError;

use crate::glue::{find_folder, name, not_empty, open, sentence};
use crate::layout::{Answer, Columns, LAYOUTS, Layout, Quirk};
use crate::table::Table;
use crate::{Example, Prediction, Task};

/// A test split.
#[derive(Clone, Debug, PartialEq)]
pub struct TestSplit {
    /// `test`, or `test_mismatched` for MNLI's second one.
    pub name: &'static str,
    /// The examples, by the indices that the server knows. Their labels mean nothing.
    pub examples: Vec<Example>,
}

/// The names of test splits: of all tasks, and of MNLI's other genres.
pub(crate) const SPLITS: [&str; 2] = ["test", "test_mismatched"];
/// The file in which Microsoft's release has what became the test split of MRPC.
const MICROSOFT: &str = "msr_paraphrase_test.txt";

/// Reads the test splits of a task.
pub(crate) fn read(source: &Path, layout: &Layout) -> Result<Vec<TestSplit>, StageError> {
    let folder = find_folder(source, layout)?;
    let files = match layout.mismatched {
        Some(_) => &["test_matched.tsv", "test_mismatched.tsv"][..],
        None => &["test.tsv"],
    };
    let splits = SPLITS.into_iter().zip(files).map(|(name, file)| {
        let mut path = folder.join(file);
        if layout.quirk == Quirk::MicrosoftRelease && !path.exists() {
            path = folder.join(MICROSOFT);
        }
        let examples = read_split(&path, layout)?;
        Ok(TestSplit { name, examples })
    });
    splits.collect()
}

/// Reads one file. Every row counts: the server takes no file that lacks one.
fn read_split(path: &Path, layout: &Layout) -> Result<Vec<Example>, StageError> {
    let file = open(path)?;
    let columns = match layout.columns {
        Columns::Named {
            sentence1,
            sentence2,
            ..
        } => [Some(sentence1), sentence2],
        // These files have a header all the same.
        Columns::Positions { .. } => [Some("sentence"), None],
    };
    let columns: Vec<&str> = columns.into_iter().flatten().collect();
    let index = match layout.naming {
        ["id"] => "id",
        _ => "index",
    };
    let table = Table::with_header(&file, &columns, &[index])?;
    let (mut examples, mut names) = (Vec::new(), Vec::new());
    for row in table.rows() {
        let row = row?;
        examples.push(Example {
            id: String::new(),
            label: 0.0,
            sentence1: sentence(row.fields[0], layout),
            sentence2: row.fields.get(1).map(|text| sentence(text, layout)),
        });
        names.push((row.name, row.number));
    }
    name(&mut examples, names);
    not_empty(examples, path)
}

/// Returns the name and the text of the file that GLUE's server takes for predictions of a test split; `None` for a task that is none
/// of GLUE's, or has other classes.
pub fn submission(
    task: &Task,
    split: &TestSplit,
    predictions: &[Prediction],
) -> Option<(String, String)> {
    let layout = LAYOUTS.iter().find(|layout| layout.task == task.name)?;
    let folder = layout.folder;
    let file = match (layout.mismatched, split.name == SPLITS[0]) {
        (None, _) => format!("{folder}.tsv"),
        (Some(_), true) => format!("{folder}-m.tsv"),
        (Some(_), false) => format!("{folder}-mm.tsv"),
    };
    let mut text = String::from("index\tprediction\n");
    for (example, prediction) in split.examples.iter().zip(predictions) {
        let prediction = match layout.answer {
            Answer::Classes(classes) => classes.get(prediction.value as usize)?.0.to_owned(),
            // The shortest decimal number that is the prediction, which has 32 bits.
            Answer::Score(least, most) => (prediction.value.clamp(least, most) as f32).to_string(),
        };
        let _ = writeln!(text, "{}\t{prediction}", example.id);
    }
    Some((file, text))
}

//! The Microsoft Research Paraphrase Corpus as released: `msr_paraphrase_train.txt` and `msr_paraphrase_test.txt`.

use std::collections::BTreeSet;
use std::path::Path;

use contract::StageError;

use crate::glue::{example, name, not_empty, open};
use crate::layout::Layout;
use crate::table::Table;
use crate::{Example, glue};

/// Reads the release. If GLUE's `dev_ids.tsv` lies beside the files, the training file is split as GLUE splits it. Otherwise
/// the release's own split is used, and its test part is the validation split.
pub(crate) fn read_release(
    folder: &Path,
    layout: &Layout,
    notes: &mut Vec<String>,
) -> Result<(Vec<Example>, Vec<Example>), StageError> {
    let train_file = folder.join("msr_paraphrase_train.txt");
    if !train_file.is_file() {
        return Err(StageError::input(
            folder.display(),
            "neither `train.tsv` nor `msr_paraphrase_train.txt` in it",
            "complete the task's folder with GLUE's download script",
        ));
    }
    let identifiers_file = folder.join("dev_ids.tsv");
    if !identifiers_file.is_file() {
        let test_file = folder.join("msr_paraphrase_test.txt");
        notes.push(format!(
            "{}: no `train.tsv` and no `dev_ids.tsv`, so the release's own test part is the \
             validation split",
            folder.display()
        ));
        return Ok((
            glue::read_split(&train_file, layout, notes)?,
            glue::read_split(&test_file, layout, notes)?,
        ));
    }
    let identifiers_file = open(&identifiers_file)?;
    let held_out: BTreeSet<(&str, &str)> = identifiers_file
        .lines()
        .filter_map(|(_, line)| line.trim().split_once('\t'))
        .collect();
    let file = open(&train_file)?;
    let columns = ["Quality", "#1 String", "#2 String", "#1 ID", "#2 ID"];
    let (mut examples, mut names, mut is_held_out) = (Vec::new(), Vec::new(), Vec::new());
    for row in Table::with_header(&file, &columns, layout.naming)?.rows() {
        let mut row = row?;
        is_held_out.push(held_out.contains(&(row.fields[3], row.fields[4])));
        row.fields.truncate(3);
        examples.push(example(&row, layout)?);
        names.push((row.name, row.number));
    }
    name(&mut examples, names);
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for (example, is_held_out) in examples.into_iter().zip(is_held_out) {
        let split = if is_held_out {
            &mut validation
        } else {
            &mut train
        };
        split.push(example);
    }
    Ok((
        not_empty(train, &train_file)?,
        not_empty(validation, identifiers_file.path())?,
    ))
}

//! What tables look like: on a terminal, in Markdown, in Parquet.

#![allow(clippy::unwrap_used)]

use std::fs::File;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use metrics::scores::{HUNDREDFOLD, PERCENT, PERPLEXITY};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tabulate::{Cell, Column, Published, Row, Table};

fn cell(values: &[f64]) -> Cell {
    Cell {
        values: values.to_vec(),
        ..Cell::default()
    }
}

fn beside(mut cell: Cell, value: f64, decimals: usize, verified: bool) -> Cell {
    let source = if verified {
        "talk, Chen, AAAI 2022 workshop"
    } else {
        "recollection"
    }
    .to_owned();
    cell.published = Some(Published {
        value,
        decimals,
        source,
        verified,
    });
    cell
}

fn lacking(mut cell: Cell, reason: &str) -> Cell {
    cell.reasons.push(reason.to_owned());
    cell
}

/// A sweep with everything that can happen to a cell.
fn sweep() -> Table {
    let failed = "pretrain[m=0.8] failed, see store/logs/1f2e.log";
    Table {
        name: "masking-rate".to_owned(),
        title: "masking rate, uniform masking".to_owned(),
        keys: vec!["m".to_owned()],
        rows: vec![
            Row::new(["0.15"]),
            Row::new(["0.4"]),
            Row::new(["0.8"]),
            Row::new(["majority class"]),
        ],
        columns: vec![
            Column::new("perplexity", "perplexity", PERPLEXITY),
            Column::new("MNLI", "accuracy", PERCENT),
            Column::new("STS-B", "spearman", HUNDREDFOLD),
        ],
        cells: vec![
            vec![
                beside(cell(&[17.91]), 17.7, 1, true),
                beside(cell(&[52.31, 53.12, 51.52]), 84.2, 1, true),
                beside(cell(&[31.5, 30.25, 33.125]), 87.7, 1, false),
            ],
            vec![
                beside(cell(&[69.96]), 69.4, 1, true),
                beside(
                    lacking(cell(&[54.0, 55.0]), "finetune[seed=2] was stopped"),
                    84.5,
                    1,
                    true,
                ),
                beside(cell(&[36.0, 36.0, 36.0]), 88.2, 1, false),
            ],
            vec![
                lacking(beside(cell(&[]), 1141.4, 1, true), failed),
                lacking(beside(cell(&[]), 80.8, 1, true), failed),
                lacking(cell(&[]), failed),
            ],
            vec![Cell::default(), cell(&[35.45]), cell(&[0.0])],
        ],
        notes: vec!["profile laptop".to_owned()],
    }
}

/// A table of correlations too wide for a small terminal.
fn sts() -> Table {
    let sets = [
        "STS12", "STS13", "STS14", "STS15", "STS16", "STS-B", "SICK-R", "avg.",
    ];
    let row = |start: f64, published: bool| -> Vec<Cell> {
        (0..sets.len())
            .map(|set| {
                let start = start + set as f64;
                let own = cell(&[start, start + 0.5, start + 1.3]);
                if published {
                    beside(own, 68.4 + set as f64, 2, true)
                } else {
                    own
                }
            })
            .collect()
    };
    Table {
        name: "sts".to_owned(),
        keys: vec!["encoder".to_owned(), "pooling".to_owned()],
        rows: vec![
            Row::new(["mini", "first-last"]),
            Row::new(["random", "mean"]),
        ],
        columns: sets
            .iter()
            .map(|set| Column::new(*set, "spearman", HUNDREDFOLD))
            .collect(),
        cells: vec![row(41.0, true), row(20.0, false)],
        ..Table::default()
    }
}

#[test]
fn a_sweep_on_a_terminal() {
    insta::assert_snapshot!(sweep().terminal(100));
}

#[test]
fn a_sweep_in_markdown() {
    insta::assert_snapshot!(sweep().markdown());
}

#[test]
fn wide_tables_are_stacked_and_then_cut() {
    let wide = sts().terminal(200);
    let stacked = sts().terminal(120);
    let cut = sts().terminal(80);
    insta::assert_snapshot!(stacked);
    insta::assert_snapshot!(cut);
    for (rendered, width) in [(wide, 200), (stacked, 120), (cut, 80)] {
        assert!(
            rendered.lines().all(|line| line.chars().count() <= width),
            "{rendered}"
        );
    }
}

#[test]
fn decimals_follow_the_declaration_then_the_paper_then_the_unit() {
    let mut table = sweep();
    // The paper prints STS-B with one decimal.
    assert!(table.markdown().contains("| 36.0 ± 0.0 (88.2?) |"));
    for cells in &mut table.cells {
        cells[2].published = None;
    }
    assert!(table.markdown().contains("| 36.00 ± 0.00 |"));
    table.columns[2].decimals = Some(3);
    assert!(table.markdown().contains("| 36.000 ± 0.000 |"));
}

#[test]
fn markdown_syntax_in_names_stays_text() {
    let mut table = sweep();
    table.columns[1].label = "a|b_c".to_owned();
    assert!(table.markdown().contains(r"| a\|b\_c |"));
}

#[test]
fn parquet_holds_the_unrounded_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("masking-rate.parquet");
    sweep().parquet(&path).unwrap();
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap())
        .unwrap()
        .build()
        .unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 12);
    let text = |name: &str, row: usize| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .value(row)
            .to_owned()
    };
    let number = |name: &str, row: usize| {
        let column = batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    };
    assert_eq!(
        (text("row", 4), text("column", 4)),
        ("0.4".to_owned(), "MNLI".to_owned())
    );
    assert_eq!(number("mean", 4), Some(54.5));
    assert_eq!(number("standard_deviation", 4), Some(0.5f64.sqrt()));
    assert_eq!(number("published", 4), Some(84.5));
    assert_eq!(text("missing", 4), "finetune[seed=2] was stopped");
    let values = batch
        .column_by_name("values")
        .unwrap()
        .as_list::<i32>()
        .value(4);
    assert_eq!(values.as_primitive::<Float64Type>().values(), &[54.0, 55.0]);
    assert!(
        !batch
            .column_by_name("published_verified")
            .unwrap()
            .as_boolean()
            .value(2)
    );
    // One value has no spread; a missing cell has no mean.
    assert_eq!(number("standard_deviation", 0), None);
    assert_eq!(number("mean", 6), None);
    assert_eq!(number("published", 10), None);
}

#[test]
fn tables_out_of_shape_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = sweep();
    table.cells[1].pop();
    let error = table
        .parquet(&folder.path().join("t.parquet"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "table masking-rate: row `0.4` has 2 cells for 3 columns"
    );
    let mut table = sweep();
    table.cells[3][1].values[0] = f64::NAN;
    let error = table.check().unwrap_err().to_string();
    assert_eq!(
        error,
        "table masking-rate: row `majority class` has a value that is not finite"
    );
}

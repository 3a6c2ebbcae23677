//! Tables as they are rendered: on a terminal, in Markdown, in Parquet.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use metrics::scores::{HUNDREDFOLD, PERCENT, PERPLEXITY};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tables::{
    Bindings, Cell, Citation, Column, Export, Footnote, Mark, Published, Row, Table, Variables,
};

fn cell(values: &[f64]) -> Cell {
    Cell {
        values: values.to_vec(),
        ..Cell::default()
    }
}

fn beside(mut cell: Cell, value: f64, decimals: usize, verified: bool) -> Cell {
    let (number, source) = if verified {
        ("table 1", "talk, Chen, AAAI 2022 workshop")
    } else {
        ("table 2", "recollection")
    };
    cell.published = Some(Published {
        value,
        decimals,
        citation: Citation {
            paper: "Wettig, Gao, Zhong, Chen: Should You Mask 15%? (EACL 2023)".to_owned(),
            number: number.to_owned(),
            source: source.to_owned(),
        },
        verified,
    });
    cell
}

fn lacking(mut cell: Cell, reason: &str) -> Cell {
    cell.reasons.push(reason.to_owned());
    cell
}

/// A sweep with every kind of cell.
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
        footnotes: Vec::new(),
        comparisons: Vec::new(),
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
fn marks_stand_between_a_score_and_its_notes() {
    let mut table = noted();
    table.cells[0][0].mark = Some(Mark::Better);
    table.cells[1][1].mark = Some(Mark::Worse);
    insta::assert_snapshot!(table.terminal(120));
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

/// A table with notes that concern all of it, a column, a row, and some cells.
fn noted() -> Table {
    let mut table = sweep();
    let note = |stage: &str, jobs: &[&str], message: &str| Footnote {
        stage: stage.to_owned(),
        jobs: jobs.iter().map(|job| (*job).to_owned()).collect(),
        who: match jobs {
            [job] => (*job).to_owned(),
            jobs => format!("{stage} ({} jobs)", jobs.len()),
        },
        message: message.to_owned(),
    };
    table.footnotes = vec![
        note("corpus", &["corpus"], "4 files left out"),
        note(
            "finetune",
            &["finetune[seed=0]", "finetune[seed=1]"],
            "12 of 96 examples were cut to 64 tokens",
        ),
        note("majority", &["majority"], "it is one"),
        note("pretrain", &["pretrain[m=0.4]"], "the loss was clipped"),
    ];
    for (row, cells) in table.cells.iter_mut().enumerate() {
        for (column, cell) in cells.iter_mut().enumerate() {
            if !cell.values.is_empty() {
                cell.footnotes.push(0);
            }
            let concerned = [column == 1, row == 3, row == 1 && column == 0];
            let more = concerned.iter().enumerate().filter(|(_, it)| **it);
            cell.footnotes.extend(more.map(|(place, _)| place + 1));
        }
    }
    table
}

#[test]
fn notes_stand_where_they_concern() {
    insta::assert_snapshot!(noted().markdown());
}

#[test]
fn there_is_an_end_to_notes() {
    let mut table = noted();
    table.footnotes = vec![table.footnotes[0].clone(); 500];
    let text = table.markdown();
    assert!(text.contains("- 480 more notes of stages stand in the table's provenance"));
    assert!(text.lines().count() < 50);
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
fn texts_are_broken_where_a_table_is_too_wide() {
    let mut table = sweep();
    table.columns[2] = Column::new("example", "", "");
    let text = |text: &str| Cell {
        texts: vec![text.to_owned()],
        ..Cell::default()
    };
    table.cells[0][2] = text("the king and the [MASK] saw a dog in the old garden of the town");
    table.cells[1][2] = text("the [MASK] and the");
    let wide = table.terminal(160);
    let line = "the king and the [MASK] saw a dog in the old garden of the town";
    assert!(wide.contains(line), "{wide}");
    let narrow = table.terminal(80);
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 80),
        "{narrow}"
    );
    insta::assert_snapshot!(narrow);
}

#[test]
fn markdown_syntax_in_names_stays_text() {
    let mut table = sweep();
    table.columns[1].label = "a|b_c".to_owned();
    assert!(table.markdown().contains(r"| a\|b\_c \[1\] |"));
}

/// The sweep with the variables of its rows, columns and seeds.
fn exported() -> Export {
    let bound = |pairs: &[(&str, Value)]| -> Bindings {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    };
    let rates = [Some(0.15), Some(0.4), Some(0.8), None];
    let tasks = ["none", "mnli", "sts,b"];
    let rows = rates.iter().map(|rate| {
        let cells = tasks.iter().map(|task| {
            let rate = rate.map(|rate| ("m", json!(rate)));
            let task = ("task", json!(task));
            let common = [("lr", json!(1)), ("value", json!(true))];
            let pairs: Vec<_> = common.into_iter().chain(rate).chain([task]).collect();
            let seeds = (0..3).map(|seed| bound(&[("seed", json!(seed))]));
            Variables {
                cell: bound(&pairs),
                scores: seeds.collect(),
            }
        });
        cells.collect()
    });
    let mut table = noted();
    table.rows[3].labels[0] = "a \"quoted\", label".to_owned();
    table.export(&rows.collect::<Vec<_>>()).unwrap()
}

#[test]
fn parquet_holds_a_row_for_each_score_and_a_column_for_each_variable() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&exported().parquet().unwrap()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut reader = reader.build().unwrap();
    let batch = reader.next().unwrap().unwrap();
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let text = |name: &str, row: usize| column(name).as_string::<i32>().value(row).to_owned();
    let number = |name: &str, row: usize| {
        let column = column(name).as_primitive::<Float64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    };
    // The scores: two perplexities, three and two accuracies, twice three correlations, three cells without a score, and the last row.
    assert_eq!(batch.num_rows(), 7 + 6 + 3 + 3);
    let rows = (0..batch.num_rows()).filter(|row| text("row", *row) == "0.4");
    let accuracies: Vec<usize> = rows.filter(|row| text("task", *row) == "mnli").collect();
    let [first, second] = accuracies[..] else {
        panic!("{accuracies:?}");
    };
    assert_eq!(
        [number("value", first), number("value", second)],
        [Some(54.0), Some(55.0)]
    );
    for row in [first, second] {
        assert_eq!(number("m", row), Some(0.4));
        assert_eq!(number("mean", row), Some(54.5));
        assert_eq!(number("standard_deviation", row), Some(0.5f64.sqrt()));
        assert_eq!(number("published", row), Some(84.5));
        assert_eq!(text("missing", row), "finetune[seed=2] was stopped");
        assert!(column("published_verified").as_boolean().value(row));
        assert_eq!(column("n").as_primitive::<Int64Type>().value(row), 2);
        // The values are whole, so the column holds whole numbers. The variable `value`, like the fixed column, has another name.
        assert_eq!(column("lr").as_primitive::<Int64Type>().value(row), 1);
        assert!(column("variable_value").as_boolean().value(row));
    }
    let seeds = column("seed").as_primitive::<Int64Type>();
    assert_eq!([seeds.value(first), seeds.value(second)], [0, 1]);
    // The last row binds no `m`, has a single score, and a cell without a score still has a row.
    let last = batch.num_rows() - 1;
    assert_eq!(number("m", last), None);
    assert_eq!(number("standard_deviation", last), None);
    assert_eq!(number("published", last), None);
    let lacking = (0..batch.num_rows()).filter(|row| number("value", *row).is_none());
    assert_eq!(lacking.count(), 4);
}

#[test]
fn csv_has_the_same_columns() {
    insta::assert_snapshot!(exported().csv());
}

#[test]
fn tables_out_of_shape_are_refused() {
    let mut table = sweep();
    table.cells[1].pop();
    let error = table.export(&[]).err().unwrap().to_string();
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

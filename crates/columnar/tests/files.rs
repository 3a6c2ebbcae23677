//! Values that are written are read back unchanged, and a file that is not Parquet is named for what it is.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use columnar::{Encoding, IntegerLists, Reader, Schema, Values, Writer, encode, write};
use contract::{Column, ColumnType, StageError};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

const COLUMNS: &[Column] = &[
    Column::new("text", ColumnType::Text, ""),
    Column::new("title", ColumnType::Text, "").nullable(),
    Column::new("count", ColumnType::Integer, ""),
    Column::new("loss", ColumnType::Number, ""),
    Column::new("main", ColumnType::Bool, ""),
    Column::new("ids", ColumnType::Integers, ""),
    Column::new("vector", ColumnType::Numbers, ""),
];
const REMEDY: &str = "make it anew";

#[derive(Clone, Debug)]
struct Row {
    text: String,
    title: Option<String>,
    count: i64,
    loss: f64,
    main: bool,
    ids: Vec<i32>,
    vector: Vec<f32>,
}

fn row() -> impl Strategy<Value = Row> {
    let lists = (vec(any::<i32>(), 0..5), vec(any::<f32>(), 0..5));
    let plain = ("\\PC{0,8}", any::<Option<String>>());
    let numbers = (any::<i64>(), any::<f64>(), any::<bool>());
    (plain, numbers, lists).prop_map(|((text, title), (count, loss, main), (ids, vector))| Row {
        text,
        title,
        count,
        loss,
        main,
        ids,
        vector,
    })
}

fn values(rows: &[Row]) -> Vec<Values> {
    let mut ids = IntegerLists::new();
    for row in rows {
        row.ids.iter().for_each(|id| ids.push(*id));
        ids.end_row();
    }
    vec![
        rows.iter().map(|row| row.text.as_str()).collect(),
        rows.iter().map(|row| row.title.as_deref()).collect(),
        rows.iter().map(|row| row.count).collect(),
        rows.iter().map(|row| row.loss).collect(),
        rows.iter().map(|row| row.main).collect(),
        ids.take(),
        rows.iter().map(|row| row.vector.as_slice()).collect(),
    ]
}

/// Formats the rows of batches; floating-point numbers by their bits, so that NaN equals NaN.
fn read(batches: columnar::Batches) -> Vec<String> {
    let mut found = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        let (texts, titles) = (
            batch.texts("text").unwrap(),
            batch.optional_texts("title").unwrap(),
        );
        let (counts, losses) = (
            batch.integers("count").unwrap(),
            batch.numbers("loss").unwrap(),
        );
        let mains = batch.bools("main").unwrap();
        let ids: Vec<_> = batch.integer_lists("ids").unwrap().iter().collect();
        let vectors: Vec<_> = batch.number_lists("vector").unwrap().iter().collect();
        assert_eq!(batch.any_numbers("count").unwrap().len(), batch.rows());
        found.extend((0..batch.rows()).map(|row| {
            shown(&Row {
                text: texts.get(row).to_owned(),
                title: titles.get_optional(row).map(str::to_owned),
                count: counts[row],
                loss: losses[row],
                main: mains[row],
                ids: ids[row].to_vec(),
                vector: vectors[row].to_vec(),
            })
        }));
    }
    found
}

fn shown(row: &Row) -> String {
    let vector: Vec<u32> = row.vector.iter().map(|number| number.to_bits()).collect();
    let Row {
        text,
        title,
        count,
        loss,
        main,
        ids,
        ..
    } = row;
    let loss = loss.to_bits();
    format!("{text:?} {title:?} {count} {loss} {main} {ids:?} {vector:?}")
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_to_the_bit(
        groups in vec(vec(row(), 1..20), 0..4),
        dictionary in any::<bool>(),
        statistics in any::<bool>(),
    ) {
        let (_folder, path) = place();
        let encoding = Encoding { dictionary, statistics };
        let make = |path: &Path| {
            let mut writer =
                Writer::create(path.to_path_buf(), &Schema::of(COLUMNS), encoding).unwrap();
            for rows in &groups {
                writer.write(values(rows)).unwrap();
                writer.end_group().unwrap();
            }
            writer.finish().unwrap();
        };
        make(&path);
        let file = Reader::open(&path, REMEDY).unwrap();
        let lengths: Vec<u64> = groups.iter().map(|rows| rows.len() as u64).collect();
        prop_assert_eq!(file.groups(), lengths);
        let all: Vec<Vec<String>> =
            groups.iter().map(|rows| rows.iter().map(shown).collect()).collect();
        prop_assert_eq!(read(file.batches().unwrap()), all.concat());
        prop_assert_eq!(file.rows() as usize, all.concat().len());
        for (at, rows) in all.iter().enumerate() {
            prop_assert_eq!(&read(file.group(at).unwrap()), rows);
            let odd: Vec<usize> = (0..rows.len()).filter(|place| place % 3 == 1).collect();
            let picked: Vec<String> = odd.iter().map(|place| rows[*place].clone()).collect();
            prop_assert_eq!(read(file.pick(at, odd).unwrap()), picked);
        }
        let again = path.with_extension("again");
        make(&again);
        prop_assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
    }
}

#[test]
fn a_damaged_file_is_refused_or_read_and_never_a_panic() {
    let (_folder, path) = place();
    let row = |count: i64| Row {
        text: format!("text {count}"),
        title: (count % 3 == 0).then(|| "a title".to_owned()),
        count,
        loss: 1.0 / count as f64,
        main: count % 2 == 0,
        ids: (0..count as i32 % 4).collect(),
        vector: vec![0.5; 2],
    };
    let rows: Vec<Row> = (1..30).map(row).collect();
    let whole = encode(&Schema::of(COLUMNS), values(&rows)).unwrap();
    let check = |bytes: &[u8]| -> Result<(), StageError> {
        fs::write(&path, bytes).unwrap();
        for batch in Reader::open(&path, REMEDY)?.batches()? {
            let batch = batch?;
            batch.texts("text")?;
            batch.integer_lists("ids")?.iter().for_each(drop);
            batch.number_lists("vector")?.iter().for_each(drop);
        }
        Ok(())
    };
    let refused = |result: Result<(), StageError>| match result {
        Err(StageError::Input { place, .. }) => place == path.display().to_string(),
        _ => false,
    };
    let mut unnoticed = 0;
    for at in 0..whole.len() {
        assert!(refused(check(&whole[..at])), "cut short to {at}");
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        match check(&bytes) {
            // Parquet pages have no check sums here, so such damage is found only by the store's digests.
            Ok(()) => unnoticed += 1,
            result => assert!(refused(result), "byte {at}"),
        }
    }
    assert!(unnoticed < whole.len(), "nothing is refused");
}

/// Returns the error from reading all columns of a file that holds `bytes`.
fn said(bytes: &[u8]) -> String {
    let (_folder, path) = place();
    fs::write(&path, bytes).unwrap();
    let read = || -> Result<(), StageError> {
        for batch in Reader::open(&path, REMEDY)?.batches()? {
            let batch = batch?;
            batch.texts("text")?;
            batch.integers("count")?;
            batch.numbers("loss")?;
            batch.bools("main")?;
            batch.integer_lists("ids")?;
            batch.number_lists("vector")?;
        }
        Ok(())
    };
    let error = read().unwrap_err();
    assert!(matches!(error, StageError::Input { .. }), "{error:?}");
    let said = error.to_string();
    let rest = said.strip_prefix(&format!("{}: ", path.display()));
    rest.unwrap_or_else(|| panic!("the file is not named: {said}"))
        .to_owned()
}

#[test]
fn errors_name_file_and_column() {
    let of = |columns: Vec<(&str, ColumnType, Values)>| {
        let schema = columns
            .iter()
            .map(|(name, holds, _)| ((*name).to_owned(), *holds));
        let schema = Schema::nullable(schema);
        encode(
            &schema,
            columns.into_iter().map(|column| column.2).collect(),
        )
        .unwrap()
    };
    let text = || ("text", ColumnType::Text, ["a"].into_iter().collect());
    assert_eq!(
        said(&of(vec![(
            "other",
            ColumnType::Bool,
            [true].into_iter().collect()
        )])),
        "there is no column `text`"
    );
    assert_eq!(
        said(&of(vec![(
            "text",
            ColumnType::Integer,
            [1_i64].into_iter().collect()
        )])),
        "column `text` is of type int64, not utf8"
    );
    assert_eq!(
        said(&of(vec![
            text(),
            ("count", ColumnType::Number, [1.0].into_iter().collect())
        ])),
        "column `count` is of type double, not int64"
    );
    assert_eq!(
        said(&of(vec![(
            "text",
            ColumnType::Text,
            [Some("a"), None].into_iter().collect()
        )])),
        "column `text` has rows without a value"
    );
    let whole = encode(&Schema::of(COLUMNS), values(&[])).unwrap();
    assert!(
        said(&whole[..whole.len() - 9])
            .starts_with("a Parquet file that is damaged or cut short: ")
    );
    assert!(
        said(b"PAR1 but not really").starts_with("a Parquet file that is damaged or cut short: ")
    );
    assert!(said(b"accuracy,84.5\n").starts_with("not a Parquet file: "));
    assert!(said(b"").starts_with("not a Parquet file: "));
    // A pointer or a page in place of a large file is named as such.
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    assert!(said(pointer).contains("Git LFS"), "{}", said(pointer));
}

#[test]
fn what_cannot_be_read_at_all_is_the_system_s_word() {
    let (folder, path) = place();
    for path in [&*path, folder.path()] {
        let error = Reader::open(path, REMEDY).unwrap_err();
        assert!(
            matches!(&error, StageError::Io { path: named, .. } if named == path),
            "{error:?}"
        );
    }
}

#[test]
fn a_full_disk_is_told_from_a_failure_at_every_step() {
    // Every write to /dev/full fails with "no space left on device".
    let full = Path::new("/dev/full");
    let rows: Vec<Row> = (0..20_000)
        .map(|count| Row {
            text: format!(
                "{:x}",
                i64::wrapping_mul(count, 0x9e37_79b9_7f4a_7c15_u64 as i64)
            ),
            title: None,
            count,
            loss: (count as f64).sqrt(),
            main: true,
            ids: vec![],
            vector: vec![],
        })
        .collect();
    let is_full = |error: StageError| {
        assert!(error.is_full(), "{error:?}");
        assert!(error.to_string().starts_with("/dev/full: "), "{error}");
    };
    is_full(write(full, &Schema::of(COLUMNS), values(&rows[..1])).unwrap_err());
    let begin = || {
        Writer::create(
            full.to_path_buf(),
            &Schema::of(COLUMNS),
            Encoding::default(),
        )
        .unwrap()
    };
    let mut writer = begin();
    writer.write(values(&rows)).unwrap();
    is_full(writer.end_group().unwrap_err());
    let mut writer = begin();
    writer.write(values(&rows)).unwrap();
    is_full(writer.finish().unwrap_err());
}

#[test]
fn values_that_are_not_the_columns_are_refused() {
    let schema = Schema::of(&COLUMNS[2..4]);
    let counts = || [1_i64].into_iter().collect::<Values>();
    let losses = || [0.5].into_iter().collect::<Values>();
    assert!(encode(&schema, vec![counts(), losses()]).is_ok());
    let nothing = [None::<i64>].into_iter().collect();
    for values in [
        vec![counts()],
        vec![losses(), counts()],
        vec![counts(), [0.5, 0.25].into_iter().collect()],
        vec![nothing, losses()],
    ] {
        let told = encode(&schema, values).unwrap_err();
        assert!(matches!(told, StageError::Failed(_)), "{told:?}");
    }
}

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Float64Builder, Int64Array, ListBuilder, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use contract::{StageError, io_error};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::{Cell, Column, Row, Table};

impl Table {
    /// Writes the table to a Parquet file, one row per cell from the top left, numbers unrounded.
    ///
    /// Columns: `table`, `row` (labels joined by `, `), `column`, `metric`, `unit`: utf8; `n`: int64; `mean`,
    /// `standard_deviation`, `published`: double, null where there is none; `published_source`: utf8;
    /// `published_verified`: bool; `values`: list of double, in the order of the seeds; `missing`: utf8, the reasons
    /// why scores are lacking, joined by `; `, null where none is.
    ///
    /// # Errors
    /// When the table is out of shape ([`Table::check`]) or the file cannot be written.
    pub fn parquet(&self, path: &Path) -> Result<(), StageError> {
        self.check()?;
        let failed = |error: &dyn std::fmt::Display| {
            StageError::failed(format!("{}: {error}", path.display()))
        };
        let schema = Arc::new(schema());
        let batch = RecordBatch::try_new(Arc::clone(&schema), self.arrays())
            .map_err(|error| failed(&error))?;
        let level = ZstdLevel::try_new(1).map_err(|error| failed(&error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties))
            .map_err(|error| failed(&error))?;
        writer.write(&batch).map_err(|error| failed(&error))?;
        writer.close().map_err(|error| failed(&error))?;
        fs::write(path, bytes).map_err(io_error(path))
    }

    /// Returns the file's columns, in the order of the schema.
    fn arrays(&self) -> Vec<ArrayRef> {
        let cells: Vec<(&Row, &Column, &Cell)> = self
            .rows
            .iter()
            .zip(&self.cells)
            .flat_map(|(row, cells)| {
                self.columns
                    .iter()
                    .zip(cells)
                    .map(move |(column, cell)| (row, column, cell))
            })
            .collect();
        let text = |get: &dyn Fn(&Row, &Column, &Cell) -> Option<String>| -> ArrayRef {
            Arc::new(
                cells
                    .iter()
                    .map(|(row, column, cell)| get(row, column, cell))
                    .collect::<StringArray>(),
            )
        };
        let number = |get: &dyn Fn(&Cell) -> Option<f64>| -> ArrayRef {
            Arc::new(
                cells
                    .iter()
                    .map(|(_, _, cell)| get(cell))
                    .collect::<Float64Array>(),
            )
        };
        let verified = |cell: &Cell| Some(cell.published.as_ref()?.verified);
        let mut values = ListBuilder::new(Float64Builder::new()).with_field(Field::new(
            "item",
            DataType::Float64,
            false,
        ));
        for (_, _, cell) in &cells {
            values.values().append_slice(&cell.values);
            values.append(true);
        }
        vec![
            text(&|_, _, _| Some(self.name.clone())),
            text(&|row, _, _| Some(row.labels.join(", "))),
            text(&|_, column, _| Some(column.label.clone())),
            text(&|_, column, _| Some(column.metric.clone())),
            text(&|_, column, _| Some(column.unit.clone())),
            Arc::new(
                cells
                    .iter()
                    .map(|(_, _, cell)| cell.values.len() as i64)
                    .collect::<Int64Array>(),
            ),
            number(&|cell| Some(cell.summary()?.mean)),
            number(&|cell| cell.summary()?.standard_deviation),
            number(&|cell| Some(cell.published.as_ref()?.value)),
            text(&|_, _, cell| Some(cell.published.as_ref()?.source.clone())),
            Arc::new(
                cells
                    .iter()
                    .map(|(_, _, cell)| verified(cell))
                    .collect::<BooleanArray>(),
            ),
            Arc::new(values.finish()),
            text(&|_, _, cell| (!cell.reasons.is_empty()).then(|| cell.reasons.join("; "))),
        ]
    }
}

fn schema() -> Schema {
    let values = DataType::List(Arc::new(Field::new("item", DataType::Float64, false)));
    Schema::new(vec![
        Field::new("table", DataType::Utf8, false),
        Field::new("row", DataType::Utf8, false),
        Field::new("column", DataType::Utf8, false),
        Field::new("metric", DataType::Utf8, false),
        Field::new("unit", DataType::Utf8, false),
        Field::new("n", DataType::Int64, false),
        Field::new("mean", DataType::Float64, true),
        Field::new("standard_deviation", DataType::Float64, true),
        Field::new("published", DataType::Float64, true),
        Field::new("published_source", DataType::Utf8, true),
        Field::new("published_verified", DataType::Boolean, true),
        Field::new("values", values, false),
        Field::new("missing", DataType::Utf8, true),
    ])
}

//! Comma-separated values, as RFC 4180 has them but for lines that end in a single line feed.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;

/// Writes texts, numbers and truth values; numbers with as many digits as tell them from all others.
pub(crate) fn write(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| quoted(field.name()));
    let mut lines = vec![names.collect::<Vec<_>>().join(",")];
    for row in 0..batch.num_rows() {
        let columns = batch.columns().iter();
        let fields: Vec<String> = columns.map(|column| field(column, row)).collect();
        lines.push(fields.join(","));
    }
    lines.join("\n") + "\n"
}

fn field(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        _ => quoted(column.as_string::<i32>().value(row)),
    }
}

/// Quotes what would be read otherwise; an empty text too, which is not null.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(['"', ',', '\n', '\r']) && text.trim() == text;
    if plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

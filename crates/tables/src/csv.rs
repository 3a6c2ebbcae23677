//! Comma-separated values by RFC 4180, except that lines end in a single line feed.

use crate::series::Series;

/// Writes columns with their names in the first line; numbers with as many digits as distinguish them from all others.
pub(crate) fn write(columns: &[(String, Series)]) -> String {
    let names = columns.iter().map(|(name, _)| quoted(name));
    let mut lines = vec![names.collect::<Vec<_>>().join(",")];
    for row in 0..columns.first().map_or(0, |(_, series)| series.len()) {
        let fields = columns.iter().map(|(_, series)| field(series, row));
        lines.push(fields.collect::<Vec<_>>().join(","));
    }
    lines.join("\n") + "\n"
}

/// Returns a value as text; an empty text where the row has no value.
fn field(series: &Series, row: usize) -> String {
    let field = match series {
        Series::Texts(values) => values[row].as_deref().map(quoted),
        Series::Integers(values) => values[row].map(|value| value.to_string()),
        Series::Numbers(values) => values[row].map(|value| format!("{value:?}")),
        Series::Bools(values) => values[row].map(|value| value.to_string()),
    };
    field.unwrap_or_default()
}

/// Quotes a text that a reader would misread without quotes. That includes an empty text, which would be read as null.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(['"', ',', '\n', '\r']) && text.trim() == text;
    if plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

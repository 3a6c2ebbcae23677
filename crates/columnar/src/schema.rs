//! The columns of a file.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use contract::{Column, ColumnType};

/// The names and types of a file's columns, in their order.
#[derive(Clone, Debug)]
pub struct Schema(pub(crate) SchemaRef);

impl Schema {
    /// The columns as they are documented.
    pub fn of(columns: &[Column]) -> Self {
        let fields = columns
            .iter()
            .map(|column| Field::new(column.name, arrow_type(column.holds), column.nullable));
        Self::new(fields)
    }

    /// Columns whose names are known only when the program runs; each may have nothing in a row.
    pub fn nullable(columns: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        let columns = columns.into_iter();
        Self::new(columns.map(|(name, holds)| Field::new(name, arrow_type(holds), true)))
    }

    fn new(fields: impl Iterator<Item = Field>) -> Self {
        let fields: Vec<Field> = fields.collect();
        Self(Arc::new(arrow::datatypes::Schema::new(fields)))
    }
}

/// Returns the type as Arrow has it.
pub(crate) fn arrow_type(holds: ColumnType) -> DataType {
    match holds {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Integers | ColumnType::Numbers => DataType::List(item(holds)),
    }
}

/// Returns the element of a list. Its name is a part of a file's bytes: these are the names that files have always had.
pub(crate) fn item(holds: ColumnType) -> FieldRef {
    Arc::new(match holds {
        ColumnType::Integers => Field::new("element", DataType::Int32, false),
        _ => Field::new("item", DataType::Float32, false),
    })
}

/// Returns how a type is called in messages: as the documentation calls it, if it is one of ours.
pub(crate) fn type_name(found: &DataType) -> String {
    const ALL: [ColumnType; 4] = [
        ColumnType::Text,
        ColumnType::Integer,
        ColumnType::Number,
        ColumnType::Bool,
    ];
    match found {
        DataType::List(item) => format!("list<{}>", type_name(item.data_type())),
        DataType::Float32 => "float".to_owned(),
        found => match ALL.iter().find(|holds| arrow_type(**holds) == *found) {
            Some(holds) => holds.name().to_owned(),
            None => found.to_string().to_lowercase(),
        },
    }
}

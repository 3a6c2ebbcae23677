//! The columns of a file.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use contract::{Column, ColumnType};

/// The names and types of a file's columns, in their order.
#[derive(Clone, Debug)]
pub struct Schema(pub(crate) SchemaRef);

impl Schema {
    /// Makes the schema of documented columns.
    pub fn of(columns: &[Column]) -> Self {
        let fields = columns
            .iter()
            .map(|column| Field::new(column.name, arrow_type(column.holds), column.nullable));
        Self::new(fields)
    }

    /// Makes the schema of columns whose names are known only at run time; a row may have no value in any of them.
    pub fn nullable(columns: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        let columns = columns.into_iter();
        Self::new(columns.map(|(name, holds)| Field::new(name, arrow_type(holds), true)))
    }

    fn new(fields: impl Iterator<Item = Field>) -> Self {
        let fields: Vec<Field> = fields.collect();
        Self(Arc::new(arrow::datatypes::Schema::new(fields)))
    }
}

/// Returns the Arrow type for a column type.
pub(crate) fn arrow_type(holds: ColumnType) -> DataType {
    match holds {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Integers | ColumnType::Numbers => DataType::List(item(holds)),
    }
}

/// Returns the element field of a list. Its name is part of a file's bytes, so it must stay what it is.
pub(crate) fn item(holds: ColumnType) -> FieldRef {
    Arc::new(match holds {
        ColumnType::Integers => Field::new("element", DataType::Int32, false),
        _ => Field::new("item", DataType::Float32, false),
    })
}

/// Returns the name of an Arrow type for messages: the documentation's name where there is one.
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

//! Values of a column, for writing.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float32Builder, Float64Array, Int32Builder, Int64Array,
    ListBuilder, StringArray,
};
use contract::ColumnType;

use crate::schema::item;

/// The values of one column, collected from whole numbers, numbers, truth values, texts (each also as `Option`, where `None`
/// stands for no value) or lists of 32-bit floats: `rows.iter().map(|row| row.loss).collect()`.
#[derive(Clone)]
pub struct Values(pub(crate) ArrayRef);

/// Implements collecting values of a type into an Arrow array.
macro_rules! gathered {
    ($($from:ty => $gather:expr;)*) => {$(
        impl<'a> FromIterator<$from> for Values {
            fn from_iter<I: IntoIterator<Item = $from>>(values: I) -> Self {
                let gather: fn(I::IntoIter) -> _ = $gather;
                Self(Arc::new(gather(values.into_iter())))
            }
        }
    )*};
}

gathered! {
    i64 => Int64Array::from_iter_values;
    Option<i64> => Int64Array::from_iter;
    f64 => Float64Array::from_iter_values;
    Option<f64> => Float64Array::from_iter;
    bool => |values| BooleanArray::from_iter(values.map(Some));
    Option<bool> => BooleanArray::from_iter;
    &'a str => StringArray::from_iter_values;
    Option<&'a str> => StringArray::from_iter;
}

impl<'a> FromIterator<&'a [f32]> for Values {
    fn from_iter<I: IntoIterator<Item = &'a [f32]>>(rows: I) -> Self {
        let item = item(ColumnType::Numbers);
        let mut lists = ListBuilder::new(Float32Builder::new()).with_field(item);
        for row in rows {
            lists.values().append_slice(row);
            lists.append(true);
        }
        Self(Arc::new(lists.finish()))
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} × {}", self.0.len(), self.0.data_type())
    }
}

/// A column of lists of whole numbers that grows element by element.
#[derive(Debug)]
pub struct IntegerLists(ListBuilder<Int32Builder>);

impl IntegerLists {
    /// Makes a column without rows.
    pub fn new() -> Self {
        let lists = ListBuilder::new(Int32Builder::new());
        Self(lists.with_field(item(ColumnType::Integers)))
    }

    /// Adds an element to the current row.
    pub fn push(&mut self, element: i32) {
        self.0.values().append_value(element);
    }

    /// Ends the current row and begins the next.
    pub fn end_row(&mut self) {
        self.0.append(true);
    }

    /// Returns the column of all rows that have ended, and begins a new, empty column.
    pub fn take(&mut self) -> Values {
        Values(Arc::new(self.0.finish()))
    }
}

impl Default for IntegerLists {
    fn default() -> Self {
        Self::new()
    }
}

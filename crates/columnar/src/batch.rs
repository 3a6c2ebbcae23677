//! Rows read from a file, by column.

use std::fmt;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, ListArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};
use contract::{ColumnType, StageError};

use crate::reader::Source;
use crate::schema::{arrow_type, type_name};

/// Some rows of a file. A column is asked for by name and type. It is an error, which names file and column, if the file has no
/// such column, if the column is of another type or, unless the method says otherwise, if a row has no value in it.
pub struct Batch {
    rows: RecordBatch,
    source: Source,
}

/// A column of texts.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a>(&'a StringArray);

/// A column of lists.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a, T> {
    ends: &'a [i32],
    elements: &'a [T],
}

impl Batch {
    pub(crate) fn new(rows: RecordBatch, source: Source) -> Self {
        Self { rows, source }
    }

    /// Returns how many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there is a column of that name and type.
    pub fn has(&self, name: &str, holds: ColumnType) -> bool {
        let column = self.rows.column_by_name(name);
        column.is_some_and(|column| *column.data_type() == arrow_type(holds))
    }

    /// Whether there is a column of that name, of whatever type.
    pub fn has_any(&self, name: &str) -> bool {
        self.rows.column_by_name(name).is_some()
    }

    /// Returns the columns of numbers or truth values of any width, in the file's order, as other programs write them: names and
    /// values, NaN where a row has none.
    pub fn all_numbers(&self) -> Vec<(&str, Vec<f64>)> {
        let schema = self.rows.schema_ref();
        let columns = schema.fields().iter().zip(self.rows.columns());
        let numbers = columns.filter_map(|(field, column)| {
            let holds = column.data_type();
            if !holds.is_numeric() && *holds != DataType::Boolean {
                return None;
            }
            let column = cast(column, &DataType::Float64).ok()?;
            let column = column.as_primitive_opt::<Float64Type>()?;
            let values = column.iter().map(|value| value.unwrap_or(f64::NAN));
            Some((field.name().as_str(), values.collect()))
        });
        numbers.collect()
    }

    /// Returns a column of texts or whole numbers of any width, as other programs write names.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn names(&self, name: &str) -> Result<Vec<String>, StageError> {
        let column = self.rows.column_by_name(name);
        if let Some(column) = column.filter(|column| column.data_type().is_integer())
            && let Ok(texts) = cast(column, &DataType::Utf8)
            && let Some(texts) = texts.as_string_opt::<i32>()
        {
            let texts: &StringArray = self.full(name, texts)?;
            return Ok(texts
                .iter()
                .map(|text| text.unwrap_or_default().to_owned())
                .collect());
        }
        let texts = self.texts(name)?;
        Ok((0..self.rows())
            .map(|row| texts.get(row).to_owned())
            .collect())
    }

    /// Returns a column of texts, numbers, dates or truth values as other programs write them, as texts: `7` for the number 7.0 as
    /// well. `None` where a row has no value.
    ///
    /// # Errors
    /// When there is no such column, or it is of another type: lists, tables, bytes.
    pub fn as_written(&self, name: &str) -> Result<Vec<Option<String>>, StageError> {
        self.column(name, ColumnType::Text, |column| {
            let holds = column.data_type();
            if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
                return Some(shown(numbers));
            }
            if let Some(numbers) = column.as_primitive_opt::<Float32Type>() {
                return Some(shown(numbers));
            }
            if holds.is_nested() || matches!(holds, DataType::Binary | DataType::FixedSizeBinary(_))
            {
                return None;
            }
            let texts = cast(column, &DataType::Utf8).ok()?;
            let texts = texts.as_string_opt::<i32>()?.iter();
            Some(texts.map(|text| text.map(str::to_owned)).collect())
        })
    }

    /// Returns a column of whole numbers.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn integers(&self, name: &str) -> Result<&[i64], StageError> {
        let column = self.column(name, ColumnType::Integer, |column| {
            column.as_primitive_opt::<Int64Type>()
        })?;
        Ok(self.full(name, column)?.values())
    }

    /// Returns a column of numbers.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn numbers(&self, name: &str) -> Result<&[f64], StageError> {
        let column = self.column(name, ColumnType::Number, |column| {
            column.as_primitive_opt::<Float64Type>()
        })?;
        Ok(self.full(name, column)?.values())
    }

    /// Returns a column of numbers or whole numbers as numbers.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn any_numbers(&self, name: &str) -> Result<Vec<f64>, StageError> {
        match self.has(name, ColumnType::Integer) {
            true => Ok(self
                .integers(name)?
                .iter()
                .map(|value| *value as f64)
                .collect()),
            false => Ok(self.numbers(name)?.to_vec()),
        }
    }

    /// Returns a column of truth values.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn bools(&self, name: &str) -> Result<Vec<bool>, StageError> {
        let column = self.column(name, ColumnType::Bool, |column| column.as_boolean_opt())?;
        let column: &BooleanArray = self.full(name, column)?;
        Ok(column.values().iter().collect())
    }

    /// Returns a column of texts.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn texts(&self, name: &str) -> Result<Texts<'_>, StageError> {
        let Texts(column) = self.optional_texts(name)?;
        Ok(Texts(self.full(name, column)?))
    }

    /// Returns a column of texts in which a row may have no value.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn optional_texts(&self, name: &str) -> Result<Texts<'_>, StageError> {
        let text = |column| AsArray::as_string_opt::<i32>(column);
        Ok(Texts(self.column(name, ColumnType::Text, text)?))
    }

    /// Returns a column of lists of whole numbers.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn integer_lists(&self, name: &str) -> Result<Lists<'_, i32>, StageError> {
        self.lists::<Int32Type>(name, ColumnType::Integers)
    }

    /// Returns a column of lists of 32-bit floats.
    ///
    /// # Errors
    /// When there is no such column, or a row has no value in it.
    pub fn number_lists(&self, name: &str) -> Result<Lists<'_, f32>, StageError> {
        self.lists::<Float32Type>(name, ColumnType::Numbers)
    }

    fn lists<P: ArrowPrimitiveType>(
        &self,
        name: &str,
        holds: ColumnType,
    ) -> Result<Lists<'_, P::Native>, StageError> {
        let (lists, elements) = self.column(name, holds, |column| {
            let lists: &ListArray = column.as_list_opt::<i32>()?;
            Some((lists, lists.values().as_primitive_opt::<P>()?))
        })?;
        self.full(name, lists)?;
        let elements: &ScalarBuffer<P::Native> = self.full(name, elements)?.values();
        Ok(Lists {
            ends: lists.value_offsets(),
            elements,
        })
    }

    /// Returns the column of that name, converted by `typed` to the type `holds`.
    fn column<'a, A>(
        &'a self,
        name: &str,
        holds: ColumnType,
        typed: impl FnOnce(&'a ArrayRef) -> Option<A>,
    ) -> Result<A, StageError> {
        let column = self.rows.column_by_name(name);
        let column =
            column.ok_or_else(|| self.source.wrong(format!("there is no column `{name}`")))?;
        typed(column).ok_or_else(|| {
            self.source.wrong(format!(
                "column `{name}` is of type {}, not {}",
                type_name(column.data_type()),
                holds.name()
            ))
        })
    }

    /// Returns the column if every row has a value in it.
    fn full<'a, A: Array>(&self, name: &str, column: &'a A) -> Result<&'a A, StageError> {
        match column.null_count() {
            0 => Ok(column),
            _ => Err(self
                .source
                .wrong(format!("column `{name}` has rows without a value"))),
        }
    }
}

/// Returns numbers in the shortest form that reads as the same number.
fn shown<P: ArrowPrimitiveType>(numbers: &PrimitiveArray<P>) -> Vec<Option<String>>
where
    P::Native: fmt::Display,
{
    let numbers = numbers.iter();
    numbers.map(|one| one.map(|one| one.to_string())).collect()
}

impl fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Batch of {} rows", self.rows())
    }
}

impl<'a> Texts<'a> {
    /// Returns the text of a row; an empty text where the row has no value.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn get(self, row: usize) -> &'a str {
        self.0.value(row)
    }

    /// Returns the text of a row; `None` where the row has no value.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn get_optional(self, row: usize) -> Option<&'a str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

impl<'a, T> Lists<'a, T> {
    /// Returns the lists, row by row.
    pub fn iter(self) -> impl Iterator<Item = &'a [T]> {
        let Self { ends, elements } = self;
        ends.windows(2)
            .map(move |ends| &elements[ends[0] as usize..ends[1] as usize])
    }
}

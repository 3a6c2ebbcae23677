//! Products of matrices, each element summed in the one order of the numerics class.

mod pack;
mod product;
#[cfg(test)]
mod tests;
mod tile;

pub use product::{multiply, multiply_here, multiply_with};

/// A matrix of 32-bit floats in memory: rows side by side or columns side by side, with any distance between them.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    /// Distances between neighbours in a column and in a row; one of them is 1.
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The `[rows, columns]` matrix whose rows lie one after the other.
    ///
    /// # Panics
    /// When `data` is too short.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::with_stride(data, rows, columns, columns)
    }

    /// The `[rows, columns]` matrix whose rows begin `stride` floats apart.
    ///
    /// # Panics
    /// When `data` is too short or rows overlap.
    pub fn with_stride(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(
            stride >= columns || rows < 2,
            "rows of {columns} floats overlap at distances of {stride}"
        );
        let needed = if rows == 0 || columns == 0 {
            0
        } else {
            (rows - 1) * stride + columns
        };
        assert!(
            data.len() >= needed,
            "a [{rows}, {columns}] matrix with stride {stride} in {} floats",
            data.len()
        );
        Self {
            data,
            rows,
            columns,
            row_stride: stride,
            column_stride: 1,
        }
    }

    /// The matrix with rows and columns exchanged; nothing moves.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

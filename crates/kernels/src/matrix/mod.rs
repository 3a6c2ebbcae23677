//! Products of matrices. Each element is summed in the one order of the numerics class.

mod dot;
mod factor;
mod pack;
mod panels;
mod product;
#[cfg(test)]
mod tests;
mod tile;
mod variant;

pub use factor::{Factor, with_factors};
pub use panels::{Panels, multiply_panels, round_rows, split_panels};
pub use product::{ROW_BLOCK, multiply, multiply_here, multiply_with};

/// How the operands of a product are rounded before they are multiplied. Sums are always of 32-bit floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats, without rounding.
    #[default]
    F32,
    /// bfloat16, rounded to nearest, ties to even. Pairs are multiplied and added as by the instruction VDPBF16PS.
    Bf16,
}

impl Precision {
    /// Whether this CPU has instructions for the precision; without them it is emulated, exactly but slowly.
    pub fn is_native(self) -> bool {
        match self {
            Self::F32 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Bf16 => std::arch::is_x86_feature_detected!("avx512bf16"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Bf16 => false,
        }
    }
}

/// A view of a matrix of 32-bit floats, in row-major or column-major order with any distance between rows or columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    /// Distances between neighbours in a column and in a row. One of the two is 1.
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Makes an `[rows, columns]` matrix whose rows follow each other without gaps.
    ///
    /// # Panics
    /// When `data` is too short.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::with_stride(data, rows, columns, columns)
    }

    /// Makes an `[rows, columns]` matrix whose rows begin `stride` floats apart.
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

    /// Returns `count` neighbouring columns from column `first` on.
    ///
    /// # Panics
    /// When the matrix has fewer columns.
    #[must_use]
    fn columns(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.columns, "columns of a matrix");
        let start = (first * self.column_stride).min(self.data.len());
        Self {
            data: &self.data[start..],
            columns: count,
            ..self
        }
    }

    /// Returns the transposed matrix as a view, without moving elements.
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

//! Products of matrices, each element summed in the one order of the numerics class.

mod dot;
mod pack;
mod product;
#[cfg(test)]
mod tests;
mod tile;
mod variant;

pub use product::{ROW_BLOCK, multiply, multiply_here, multiply_with};

/// How the operands of a product are rounded before they are multiplied; sums are of 32-bit floats in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Not at all.
    #[default]
    F32,
    /// To bfloat16, to nearest, ties to even; as the instruction VDPBF16PS multiplies and adds pairs of them.
    Bf16,
}

impl Precision {
    /// Returns whether this CPU has instructions for it; otherwise they are imitated, exactly but slowly.
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

    /// Some neighbouring columns.
    ///
    /// # Panics
    /// When there are fewer.
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

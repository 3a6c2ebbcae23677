//! The innermost loop: a small tile of the product, kept in registers.

use crate::simd::{Floats, Simd, WIDTH};

use super::dot::Dot;
use super::pack::{Left, pack_left};

/// Number of packed words of k that are multiplied at a time. Any number gives the same bits, since sums go on from stored
/// values. A larger number reads and writes the product less often; a block of rows of this depth still fits into the
/// second-level cache.
pub(super) const KC: usize = 1024;

/// A block of rows of a product, the work of one thread at a time.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Element (0, 0) of the left matrix's rows in this block.
    pub(super) left: *const f32,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
    pub(super) rows: usize,
    /// The whole right matrix, packed by `pack_right`.
    pub(super) right: *const f32,
    /// Number of columns of the product, those of the right matrix.
    pub(super) columns: usize,
    /// First and end of the range of the right matrix's panels to multiply with.
    pub(super) panels: (usize, usize),
    /// Length of the sums.
    pub(super) depth: usize,
    /// Number of steps of k in a packed word. It can exceed 1 only in packed panels.
    pub(super) per_word: usize,
    /// Element (0, 0) of the product's rows in this block.
    pub(super) product: *mut f32,
    pub(super) product_stride: usize,
    pub(super) accumulate: bool,
}

impl Block {
    /// Whether the innermost loop can read the left matrix without packing. It cannot in column-major order, nor at strides at
    /// which the rows of a tile share few sets of the first-level cache and evict each other.
    fn is_direct(&self) -> bool {
        self.per_word == 1 && self.column_stride == 1 && !self.row_stride.is_multiple_of(512)
    }

    /// Returns how many floats of scratch memory [`block`] needs for tiles of `tile_rows` rows.
    pub(super) fn room(&self, tile_rows: usize) -> usize {
        let packed = if self.is_direct() {
            self.rows % tile_rows
        } else {
            self.rows
        };
        let words = self.depth.div_ceil(self.per_word).min(KC);
        packed.div_ceil(tile_rows) * Left::new(self.column_stride == 1, words, tile_rows).tile
    }
}

/// Computes a block, with register tiles of `M` rows and `V` vectors.
///
/// # Safety
/// All elements that the block names must lie in memory that is valid for reading, and for the product also for writing.
/// Nothing else may use the product's elements during the call. `right` must have been packed for panels of `V · WIDTH` columns.
#[inline(always)]
pub(super) unsafe fn block<S: Simd, D: Dot<S>, const M: usize, const V: usize>(
    simd: S,
    block: Block,
    packed: &mut [f32],
) {
    if block.depth == 0 && block.accumulate {
        return;
    }
    let mut start = 0;
    loop {
        let depth = (KC * D::PER_WORD).min(block.depth - start);
        // SAFETY: the caller's promise.
        unsafe { depth_block::<S, D, M, V>(simd, &block, start, depth, packed) };
        start += depth;
        if start == block.depth {
            break;
        }
    }
}

/// Continues the sums over `depth` columns of the left matrix from column `start` on.
#[inline(always)]
unsafe fn depth_block<S: Simd, D: Dot<S>, const M: usize, const V: usize>(
    simd: S,
    block: &Block,
    start: usize,
    depth: usize,
    packed: &mut [f32],
) {
    let direct = block.is_direct();
    let full = block.rows / M * M;
    let add = block.accumulate || start > 0;
    // SAFETY: offsets stay inside the matrices that the caller vouches for.
    unsafe {
        let left = block.left.add(start * block.column_stride);
        let strides = (block.row_stride, block.column_stride);
        if direct {
            let rest = left.add(full * block.row_stride);
            pack_left::<S, D, M>(simd, rest, strides, block.rows - full, depth, packed);
        } else {
            pack_left::<S, D, M>(simd, left, strides, block.rows, depth, packed);
        }
        let words = depth.div_ceil(D::PER_WORD);
        let layout = Left::new(block.column_stride == 1, words, M);
        let all_words = block.depth.div_ceil(D::PER_WORD);
        for panel in block.panels.0..block.panels.1 {
            let column = panel * V * WIDTH;
            let columns = (block.columns - column).min(V * WIDTH);
            let first = start / D::PER_WORD;
            let right = block.right.add(column * all_words + first * V * WIDTH);
            let mut row = 0;
            while row < block.rows {
                let rows = (block.rows - row).min(M);
                let at = (row * block.product_stride) + column;
                let target = Target {
                    first: block.product.add(at),
                    stride: block.product_stride,
                    rows,
                    columns,
                    add,
                };
                if direct && rows == M {
                    let left = left.add(row * block.row_stride);
                    tile::<S, D, M, V>(simd, words, left, block.row_stride, 1, right, target);
                } else {
                    let place = if direct { 0 } else { row / M * layout.tile };
                    let left = packed.as_ptr().add(place);
                    let (row, word) = (layout.row, layout.word);
                    tile::<S, D, M, V>(simd, words, left, row, word, right, target);
                }
                row += M;
            }
        }
    }
}

/// Multiplies `M` rows with as many columns of a panel as the target has.
#[inline(always)]
unsafe fn tile<S: Simd, D: Dot<S>, const M: usize, const V: usize>(
    simd: S,
    words: usize,
    left: *const f32,
    row_stride: usize,
    column_stride: usize,
    right: *const f32,
    target: Target,
) {
    let factors = Factors {
        words,
        left,
        row_stride,
        column_stride,
        right,
        right_vectors: V,
    };
    // SAFETY: the caller's promise.
    unsafe {
        // Whole tiles, the common case, have code of their own: their sums never leave the registers.
        if target.rows == M && target.columns == V * WIDTH {
            let sums = if target.add {
                chains::<S, D, M, V>(simd, factors, target.load(simd))
            } else {
                chains::<S, D, M, V>(simd, factors, [[simd.splat(0.0); V]; M])
            };
            target.store(sums);
        } else if V == 2 && target.columns <= WIDTH {
            let start = target.load_part::<S, M, 1>(simd);
            target.store_part(chains::<S, D, M, 1>(simd, factors, start));
        } else {
            let start = target.load_part::<S, M, V>(simd);
            target.store_part(chains::<S, D, M, V>(simd, factors, start));
        }
    }
}

/// The two factors of a tile's product.
#[derive(Clone, Copy)]
pub(super) struct Factors {
    pub(super) words: usize,
    pub(super) left: *const f32,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
    pub(super) right: *const f32,
    /// Number of vectors in a panel.
    pub(super) right_vectors: usize,
}

/// Continues the sum of each element by one chain of steps, k ascending.
#[inline(always)]
pub(super) unsafe fn chains<S: Simd, D: Dot<S>, const M: usize, const V: usize>(
    simd: S,
    factors: Factors,
    mut sums: [[S::F; V]; M],
) -> [[S::F; V]; M] {
    let Factors {
        words,
        mut left,
        row_stride,
        column_stride,
        mut right,
        right_vectors,
    } = factors;
    for _ in 0..words {
        // SAFETY: `left` and `right` move over the columns and rows that the caller vouches for.
        unsafe {
            let mut vectors = [simd.splat(0.0); V];
            for (place, vector) in vectors.iter_mut().enumerate() {
                *vector = simd.load(&*right.add(place * WIDTH).cast());
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = simd.splat(*left.add(row * row_stride));
                for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                    *sum = D::step(simd, x, vector, *sum);
                }
            }
            left = left.add(column_stride);
            right = right.add(right_vectors * WIDTH);
        }
    }
    sums
}

/// The place of a tile in the product.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) first: *mut f32,
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Whether the sums continue from the product's present values.
    pub(super) add: bool,
}

impl Target {
    /// Returns the part of one row that lies in the tile.
    ///
    /// # Safety
    /// The row must lie in the product, and only this thread may use it.
    #[inline(always)]
    unsafe fn row<'a>(self, row: usize) -> &'a mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), self.columns) }
    }

    /// Returns the present values of a whole tile.
    ///
    /// # Safety
    /// As for [`block`].
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd, const M: usize, const V: usize>(
        self,
        simd: S,
    ) -> [[S::F; V]; M] {
        let mut sums = [[simd.splat(0.0); V]; M];
        for (row, sums) in sums.iter_mut().enumerate() {
            for (place, sum) in sums.iter_mut().enumerate() {
                let at = row * self.stride + place * WIDTH;
                // SAFETY: the caller's promise; the tile is whole.
                *sum = simd.load(unsafe { &*self.first.add(at).cast() });
            }
        }
        sums
    }

    /// Stores a whole tile.
    ///
    /// # Safety
    /// As for [`block`].
    #[inline(always)]
    pub(super) unsafe fn store<F: Floats, const M: usize, const V: usize>(self, sums: [[F; V]; M]) {
        // By reference: iterators over the arrays themselves would move them through memory.
        for (row, sums) in sums.iter().enumerate() {
            for (place, &sum) in sums.iter().enumerate() {
                let at = row * self.stride + place * WIDTH;
                // SAFETY: the caller's promise; the tile is whole.
                sum.store(unsafe { &mut *self.first.add(at).cast() });
            }
        }
    }

    /// Returns the values from which the sums start, for a tile that may lack rows and columns.
    ///
    /// # Safety
    /// As for [`block`].
    #[inline(always)]
    pub(super) unsafe fn load_part<S: Simd, const M: usize, const V: usize>(
        self,
        simd: S,
    ) -> [[S::F; V]; M] {
        let mut sums = [[simd.splat(0.0); V]; M];
        if !self.add {
            return sums;
        }
        for (row, sums) in sums.iter_mut().enumerate().take(self.rows) {
            // SAFETY: the caller's promise.
            let (vectors, rest) = unsafe { self.row(row) }.as_chunks();
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = simd.load(vector);
            }
            if let Some(sum) = sums.get_mut(vectors.len())
                && !rest.is_empty()
            {
                *sum = simd.load_part(rest, 0.0);
            }
        }
        sums
    }

    /// Stores the rows and columns that the tile has.
    ///
    /// # Safety
    /// As for [`block`].
    #[inline(always)]
    pub(super) unsafe fn store_part<F: Floats, const M: usize, const V: usize>(
        self,
        sums: [[F; V]; M],
    ) {
        for (row, sums) in sums.iter().enumerate().take(self.rows) {
            // SAFETY: the caller's promise.
            let (vectors, rest) = unsafe { self.row(row) }.as_chunks_mut();
            for (vector, &sum) in vectors.iter_mut().zip(sums) {
                sum.store(vector);
            }
            if let Some(&sum) = sums.get(vectors.len())
                && !rest.is_empty()
            {
                sum.store_part(rest);
            }
        }
    }
}

//! Splits a product into blocks and gives them to the threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::parallel::Share;

use super::tile::Block;
use super::variant::Variant;
use super::{Matrix, Precision};
use crate::workspace::{Place, with_scratch};

/// Number of rows that a product hands to its epilogue at a time. Any number gives the same bits. This one is a multiple of the
/// rows of every instruction set's register tile (6, 8, 2), and small enough for a block to stay in cache.
pub const ROW_BLOCK: usize = 96;

/// Number of packed words of k per packed part of the right matrix, where sums are longer than the product has rows, as in the
/// gradients of weights: the part stays in cache from packing to use. Any number gives the same bits.
const DEPTH: usize = 512;

/// Computes `a · b` into `c`, `[a.rows, b.columns]` with the rows one after the other. If `accumulate`, the product is added:
/// the sums go on from the values in `c`.
///
/// # Panics
/// When shapes disagree.
pub fn multiply(
    precision: Precision,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    accumulate: bool,
) {
    let whole = Product::new(Variant::current(precision), a, b, c, b.columns, accumulate);
    let most = DEPTH * whole.variant.per_word();
    if a.columns <= most || a.columns <= a.rows {
        return whole.share(c);
    }
    for start in (0..a.columns).step_by(most) {
        let depth = most.min(a.columns - start);
        let part = Product {
            a: a.columns(start, depth),
            b: b.transposed().columns(start, depth).transposed(),
            accumulate: accumulate || start > 0,
            ..whole
        };
        part.share(c);
    }
}

/// Computes `a · b` into `c` like [`multiply`], and calls `epilogue` with each block of [`ROW_BLOCK`] rows as soon as it is
/// complete, while it is in cache. The arguments are the range of the rows, the rows, and the block's item of `extras`.
///
/// # Panics
/// When shapes disagree.
pub fn multiply_with<E: Send>(
    precision: Precision,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    accumulate: bool,
    extras: impl IndexedParallelIterator<Item = E>,
    epilogue: impl Fn(Range<usize>, &mut [f32], E) + Sync,
) {
    let product = Product::new(Variant::current(precision), a, b, c, b.columns, accumulate);
    assert_eq!(
        extras.len(),
        a.rows.div_ceil(ROW_BLOCK),
        "one extra per block of rows"
    );
    product.with_packed(true, |packed| {
        c.par_chunks_mut((ROW_BLOCK * b.columns).max(1))
            .zip(extras)
            .with_max_len(1)
            .enumerate()
            .share(|(row_block, (c, extra))| {
                let rows = product.rows(row_block);
                // SAFETY: the chunk holds these rows, and only this task uses it.
                unsafe { product.run(packed, rows.clone(), 0..product.panels(), c.as_mut_ptr()) };
                epilogue(rows, c, extra);
            });
    });
}

/// Computes `a · b` into `c` like [`multiply`], on the calling thread alone. The rows of `c` begin `stride` floats apart.
///
/// # Panics
/// When shapes disagree.
pub fn multiply_here(
    precision: Precision,
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    stride: usize,
    accumulate: bool,
) {
    let product = Product::new(Variant::current(precision), a, b, c, stride, accumulate);
    product.with_packed(false, |packed| product.run_here(packed, c));
}

/// A product of two matrices whose shapes fit.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    variant: Variant,
    a: Matrix<'a>,
    b: Matrix<'a>,
    stride: usize,
    accumulate: bool,
}

impl<'a> Product<'a> {
    /// Checks that the shapes fit, and that `c` has room for the rows, `stride` floats apart.
    pub(super) fn new(
        variant: Variant,
        a: Matrix<'a>,
        b: Matrix<'a>,
        c: &[f32],
        stride: usize,
        accumulate: bool,
    ) -> Self {
        assert_eq!(a.columns, b.rows, "a matrix product's inner dimensions");
        assert!(stride >= b.columns, "rows of the product overlap");
        let needed = match (a.rows, b.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => (rows - 1) * stride + columns,
        };
        assert!(
            c.len() >= needed,
            "room for a [{}, {}] product",
            a.rows,
            b.columns
        );
        Self {
            variant,
            a,
            b,
            stride,
            accumulate,
        }
    }

    /// Computes the product with all threads.
    fn share(&self, c: &mut [f32]) {
        let (rows, columns) = (self.a.rows, self.b.columns);
        self.with_packed(true, |packed| {
            let panels = self.panels();
            let threads = rayon::current_num_threads();
            // Blocks of one height, as many for each thread. The left matrix is packed block by block, so a product is cut along
            // the columns, too, only where it has too few rows.
            let wanted = rows.div_ceil(ROW_BLOCK).max(2 * threads);
            let height = rows.div_ceil(wanted.next_multiple_of(threads));
            let height = match threads {
                1 => ROW_BLOCK,
                _ => height.next_multiple_of(self.variant.tile_rows()),
            };
            let blocks = rows.div_ceil(height.max(1));
            let cuts = match threads {
                1 => 1,
                _ => (2 * threads)
                    .div_ceil(blocks.max(1))
                    .clamp(1, panels.max(1)),
            };
            let place = Shared::new(c);
            (0..blocks * cuts)
                .into_par_iter()
                .with_max_len(1)
                .share(|task| {
                    let (block, cut) = (task / cuts, task % cuts);
                    let rows = block * height..rows.min((block + 1) * height);
                    let panels = panels * cut / cuts..panels * (cut + 1) / cuts;
                    // SAFETY: `c` has room for all rows (`Product::new`); no two tasks share a row and a panel.
                    unsafe {
                        self.run(packed, rows.clone(), panels, place.at(rows.start * columns));
                    };
                });
        });
    }

    fn panels(&self) -> usize {
        self.variant.panels(self.b)
    }

    fn rows(&self, row_block: usize) -> Range<usize> {
        let first = row_block * ROW_BLOCK;
        first..self.a.rows.min(first + ROW_BLOCK)
    }

    /// Calls `work` with the right matrix packed into panels.
    fn with_packed<R>(&self, parallel: bool, work: impl FnOnce(&[f32]) -> R) -> R {
        with_scratch(Place::Right, self.variant.room(self.b), |packed| {
            self.variant.pack_all(self.b, packed, parallel);
            work(packed)
        })
    }

    /// Computes the product on the calling thread, with the right matrix as [`Variant::pack_all`] has packed it.
    pub(super) fn run_here(&self, packed: &[f32], c: &mut [f32]) {
        // SAFETY: `c` has room for all rows (`Product::new`).
        unsafe { self.run(packed, 0..self.a.rows, 0..self.panels(), c.as_mut_ptr()) };
    }

    /// Computes some rows, in some panels, of the product; `place` points to the first of these rows.
    ///
    /// # Safety
    /// All of these rows and columns must be writable from `place` on, and nothing else may use them during the call. `packed`
    /// must come from [`Product::with_packed`].
    unsafe fn run(
        &self,
        packed: &[f32],
        rows: Range<usize>,
        panels: Range<usize>,
        place: *mut f32,
    ) {
        let a = &self.a;
        let block = Block {
            left: a.data[(rows.start * a.row_stride).min(a.data.len())..].as_ptr(),
            row_stride: a.row_stride,
            column_stride: a.column_stride,
            rows: rows.len(),
            right: packed.as_ptr(),
            columns: self.b.columns,
            panels: (panels.start, panels.end),
            depth: a.columns,
            per_word: self.variant.per_word(),
            product: place,
            product_stride: self.stride,
            accumulate: self.accumulate,
        };
        // SAFETY: the caller's promise; `Matrix` has checked that its data hold all elements.
        unsafe { self.variant.run(block) };
    }
}

/// A pointer that several tasks share. Each task writes to its own places.
#[derive(Clone, Copy)]
pub(super) struct Shared(*mut f32);

// SAFETY: the pointer is a plain address; each write through it has its own justification.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(floats: &mut [f32]) -> Self {
        Self(floats.as_mut_ptr())
    }

    /// # Safety
    /// The place must lie in the memory that the pointer came from.
    pub(super) unsafe fn at(self, place: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(place) }
    }
}

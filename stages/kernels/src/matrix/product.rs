//! Cuts a product into blocks and gives them to the threads.

use std::ops::Range;

use rayon::prelude::*;

use super::Matrix;
use super::pack::pack_right;
use super::tile::{Block, block};
use crate::numerics::ROW_BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Path, Portable, WIDTH};
use crate::workspace::{Place, with_scratch};

/// Floats that a thread packs at a time, at least: enough to pay for handing the work over.
const PACKED_AT_ONCE: usize = 1 << 14;

/// Computes `a · b` into `c`, `[a.rows, b.columns]` with the rows one after the other; adds to `c` if `accumulate`.
///
/// # Panics
/// When shapes disagree.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32], accumulate: bool) {
    let columns = check(a, b, c, b.columns);
    let path = Path::current();
    with_packed(path, b, true, |packed| {
        let row_blocks = a.rows.div_ceil(ROW_BLOCK);
        let panels = columns.div_ceil(panel_width(path));
        // Few blocks of rows: cut the columns as well, so that every thread has something to do.
        let wanted = (3 * rayon::current_num_threads()).div_ceil(row_blocks.max(1));
        let cuts = if rayon::current_num_threads() == 1 {
            1
        } else {
            wanted.clamp(1, panels.max(1))
        };
        let product = Shared(c.as_mut_ptr());
        (0..row_blocks * cuts)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|task| {
                let (row_block, cut) = (task / cuts, task % cuts);
                let first = row_block * ROW_BLOCK;
                let rows = first..a.rows.min(first + ROW_BLOCK);
                let panels = (panels * cut / cuts, panels * (cut + 1) / cuts);
                // SAFETY: `check` has found room for all rows in `c`; no two tasks share a row and a panel.
                unsafe {
                    let product = product.at(first * columns);
                    run(
                        path,
                        piece(a, b, rows, packed, panels, product, columns, accumulate),
                    );
                }
            });
    });
}

/// Computes `a · b` into `c` as [`multiply`] does, and calls `epilogue` with each block of [`ROW_BLOCK`] rows as soon as
/// it is complete, while it is in cache: with the rows' range, the rows, and what `extras` gives for the block.
///
/// # Panics
/// When shapes disagree.
pub fn multiply_with<E: Send>(
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    accumulate: bool,
    extras: impl IndexedParallelIterator<Item = E>,
    epilogue: impl Fn(Range<usize>, &mut [f32], E) + Sync,
) {
    let columns = check(a, b, c, b.columns);
    assert_eq!(
        extras.len(),
        a.rows.div_ceil(ROW_BLOCK),
        "one extra per block of rows"
    );
    let path = Path::current();
    with_packed(path, b, true, |packed| {
        let panels = (0, columns.div_ceil(panel_width(path)));
        c.par_chunks_mut((ROW_BLOCK * columns).max(1))
            .zip(extras)
            .with_max_len(1)
            .enumerate()
            .for_each(|(row_block, (c, extra))| {
                let first = row_block * ROW_BLOCK;
                let rows = first..a.rows.min(first + ROW_BLOCK);
                // SAFETY: the chunk holds these rows, and is this task's alone.
                unsafe {
                    let product = c.as_mut_ptr();
                    run(
                        path,
                        piece(
                            a,
                            b,
                            rows.clone(),
                            packed,
                            panels,
                            product,
                            columns,
                            accumulate,
                        ),
                    );
                }
                epilogue(rows, c, extra);
            });
    });
}

/// Computes `a · b` into `c` as [`multiply`] does, on the calling thread alone; the rows of `c` begin `stride` apart.
///
/// # Panics
/// When shapes disagree.
pub fn multiply_here(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32], stride: usize, accumulate: bool) {
    let columns = check(a, b, c, stride);
    let path = Path::current();
    with_packed(path, b, false, |packed| {
        let panels = (0, columns.div_ceil(panel_width(path)));
        // SAFETY: `check` has found room for all rows in `c`.
        unsafe {
            run(
                path,
                piece(
                    a,
                    b,
                    0..a.rows,
                    packed,
                    panels,
                    c.as_mut_ptr(),
                    stride,
                    accumulate,
                ),
            );
        }
    });
}

/// Checks that the operands fit, and returns the number of columns.
fn check(a: Matrix<'_>, b: Matrix<'_>, c: &[f32], stride: usize) -> usize {
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
    b.columns
}

/// A pointer that tasks share; each writes to places of its own.
#[derive(Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: it is a plain address; who writes through it says why that is sound.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Safety
    /// The place must lie in the memory that the pointer came from.
    unsafe fn at(self, place: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(place) }
    }
}

#[allow(clippy::too_many_arguments)]
fn piece(
    a: Matrix<'_>,
    b: Matrix<'_>,
    rows: Range<usize>,
    packed: &[f32],
    panels: (usize, usize),
    product: *mut f32,
    product_stride: usize,
    accumulate: bool,
) -> Block {
    Block {
        left: a.data[(rows.start * a.row_stride).min(a.data.len())..].as_ptr(),
        row_stride: a.row_stride,
        column_stride: a.column_stride,
        rows: rows.len(),
        right: packed.as_ptr(),
        columns: b.columns,
        panels,
        depth: a.columns,
        product,
        product_stride,
        accumulate,
    }
}

/// Calls `work` with the right matrix packed into panels.
fn with_packed<R>(path: Path, b: Matrix<'_>, parallel: bool, work: impl FnOnce(&[f32]) -> R) -> R {
    let width = panel_width(path);
    let panel = (width * b.rows).max(1);
    let count = b.columns.div_ceil(width) * width * b.rows;
    with_scratch(Place::Right, count, |packed| {
        let one = |(index, packed): (usize, &mut [f32])| pack_panel(path, b, index * width, packed);
        if parallel && count > PACKED_AT_ONCE {
            let together = PACKED_AT_ONCE.div_ceil(panel);
            packed
                .par_chunks_mut(panel)
                .enumerate()
                .with_min_len(together)
                .for_each(one);
        } else {
            packed.chunks_mut(panel).enumerate().for_each(one);
        }
        work(packed)
    })
}

/// Columns of a panel.
fn panel_width(path: Path) -> usize {
    match path {
        Path::Avx512 => 2 * WIDTH,
        Path::Avx2 | Path::PortableFma | Path::Portable => WIDTH,
    }
}

/// Packs the panel that begins at that column.
fn pack_panel(path: Path, b: Matrix<'_>, column: usize, packed: &mut [f32]) {
    let right = b.data[(column * b.column_stride).min(b.data.len())..].as_ptr();
    let strides = (b.row_stride, b.column_stride);
    let columns = b.columns - column;
    // SAFETY: `Matrix` has checked that its data hold all elements; the path is one that this CPU can run.
    unsafe {
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => pack_avx512(right, strides, columns, packed),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => pack_avx2(right, strides, columns, packed),
            _ => pack_right::<Portable, 1>(Portable, right, strides, columns, packed),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn pack_avx512(
    right: *const f32,
    strides: (usize, usize),
    columns: usize,
    packed: &mut [f32],
) {
    // SAFETY: this function runs only where the CPU has the instructions; the rest is the caller's promise.
    unsafe { pack_right::<Avx512, 2>(Avx512::assume(), right, strides, columns, packed) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn pack_avx2(
    right: *const f32,
    strides: (usize, usize),
    columns: usize,
    packed: &mut [f32],
) {
    // SAFETY: as for AVX-512.
    unsafe { pack_right::<Avx2, 1>(Avx2::assume(), right, strides, columns, packed) }
}

/// Computes a block with the path's register tile.
///
/// # Safety
/// As for [`block`]; the right matrix must be packed for this path, which this CPU must be able to run.
unsafe fn run(path: Path, piece: Block) {
    let tile_rows = match path {
        Path::Avx512 => AVX512_ROWS,
        Path::Avx2 => AVX2_ROWS,
        Path::PortableFma | Path::Portable => PORTABLE_ROWS,
    };
    with_scratch(Place::Left, piece.room(tile_rows), |packed| {
        // SAFETY: the caller's promise.
        unsafe {
            match path {
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 => block_avx512(piece, packed),
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 => block_avx2(piece, packed),
                #[cfg(target_arch = "x86_64")]
                Path::PortableFma => block_portable_fma(piece, packed),
                _ => block::<Portable, PORTABLE_ROWS, 1>(Portable, piece, packed),
            }
        }
    });
}

/// Rows of a register tile: as many as the registers hold beside the vectors of the right matrix.
const AVX512_ROWS: usize = 8;
const AVX2_ROWS: usize = 6;
const PORTABLE_ROWS: usize = 2;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn block_avx512(piece: Block, packed: &mut [f32]) {
    // SAFETY: this function runs only where the CPU has the instructions; the rest is the caller's promise.
    unsafe { block::<Avx512, AVX512_ROWS, 2>(Avx512::assume(), piece, packed) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn block_avx2(piece: Block, packed: &mut [f32]) {
    // SAFETY: as for AVX-512.
    unsafe { block::<Avx2, AVX2_ROWS, 1>(Avx2::assume(), piece, packed) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
unsafe fn block_portable_fma(piece: Block, packed: &mut [f32]) {
    // SAFETY: as for AVX-512.
    unsafe { block::<Portable, PORTABLE_ROWS, 1>(Portable, piece, packed) }
}

//! Rows that products sum over, as in the gradients of weights: rounded once, where they are made, and kept in the order in
//! which these products read them.

use rayon::prelude::*;

use crate::parallel::Share;

use super::dot::{Dot, word_floats};
use super::product::{ROW_BLOCK, Shared};
use super::tile::{Factors, Target, chains};
use super::variant::Variant;
use super::{Matrix, Precision};
use crate::rows::load_at;
use crate::simd::{Floats, Simd, WIDTH};

/// Number of columns of a panel: the widest register tile, and a multiple of the rows of every register tile.
const PANEL: usize = 2 * WIDTH;

/// Number of rows whose products are added at a time: a few panels of them stay in the second-level cache. Any number gives the
/// same bits, since sums go on from stored values.
const TOGETHER: usize = 12 * ROW_BLOCK;

/// The most panels of the left factor that a task takes: the more, the fewer times the right factor is read.
const GROUP: usize = 4;

/// The fewest multiplications of a task, so that handing it over pays.
const LEAST: usize = 1 << 17;

/// Rows rounded to bfloat16: blocks of `height` rows, of these panels of 32 columns, `[pairs of rows][32]` words each. A word holds
/// two neighbouring rows. Columns that fill up the last panel are zero, and so is the partner of an odd last row.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    words: &'a [f32],
    rows: usize,
    columns: usize,
    height: usize,
}

impl<'a> Panels<'a> {
    /// Returns how many floats `rows` rows of `columns` columns take.
    pub fn room(rows: usize, columns: usize) -> usize {
        rows.div_ceil(2) * columns.next_multiple_of(PANEL)
    }

    /// Takes `words`, each block of which [`round_rows`] has written, for a matrix `[rows, columns]` in blocks of `height` rows.
    ///
    /// # Panics
    /// When the number of words is not [`Panels::room`], or the height is odd or zero.
    pub fn new(words: &'a [f32], rows: usize, columns: usize, height: usize) -> Self {
        assert_eq!(words.len(), Self::room(rows, columns), "words of panels");
        assert!(height > 0 && height.is_multiple_of(2), "pairs of rows");
        Self {
            words,
            rows,
            columns,
            height,
        }
    }

    fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// Returns the place of a panel in the block of rows `block`, which has `pairs` pairs of rows.
    fn place(&self, block: usize, pairs: usize, panel: usize) -> usize {
        (block * (self.height / 2) * self.panels() + panel * pairs) * PANEL
    }

    /// Returns the number of pairs of rows in a block.
    fn pairs(&self, block: usize) -> usize {
        self.height.min(self.rows - block * self.height).div_ceil(2)
    }
}

/// Splits `words`, room for `[rows, columns]`, into its blocks of `height` rows.
///
/// # Panics
/// When `words` is too short.
pub fn split_panels(
    mut words: &mut [f32],
    rows: usize,
    columns: usize,
    height: usize,
) -> Vec<&mut [f32]> {
    let mut blocks = Vec::with_capacity(rows.div_ceil(height));
    for first in (0..rows).step_by(height) {
        let room = Panels::room(height.min(rows - first), columns);
        let (block, rest) = words.split_at_mut(room);
        blocks.push(block);
        words = rest;
    }
    blocks
}

/// Rounds one block of rows, `[rows, columns]`, into its words of [`Panels`].
///
/// # Panics
/// When lengths disagree.
pub fn round_rows(rows: &[f32], columns: usize, words: &mut [f32]) {
    let count = crate::rows::count(rows.len(), columns);
    assert_eq!(
        words.len(),
        Panels::room(count, columns),
        "words of a block"
    );
    if count > 0 {
        Variant::current(Precision::Bf16).round(Matrix::new(rows, count, columns), words);
    }
}

/// Adds `leftᵀ · right` to `product`, `[left's columns, right's columns]`, and the sums down the columns of `left` to `sums`: the
/// gradients of a map's weight and bias from the rounded gradient of its output and its rounded input.
///
/// # Panics
/// When shapes disagree.
pub fn multiply_panels(left: Panels<'_>, right: Panels<'_>, product: &mut [f32], sums: &mut [f32]) {
    assert_eq!(
        (left.rows, left.height),
        (right.rows, right.height),
        "rows of two factors"
    );
    assert_eq!(product.len(), left.columns * right.columns, "a product");
    assert_eq!(sums.len(), left.columns, "sums down columns");
    let (panels, across) = (left.panels(), right.panels());
    if left.rows == 0 || across == 0 {
        return;
    }
    let variant = Variant::current(Precision::Bf16);
    // A task takes a few panels of the left factor, and the right one's panels as a whole while there are enough tasks.
    let threads = rayon::current_num_threads();
    let group = (panels / (2 * threads)).clamp(1, GROUP);
    let groups = panels.div_ceil(group);
    let most = (panels * across * PANEL * PANEL * left.rows / LEAST).max(1);
    let cuts = (2 * threads).min(most).div_ceil(groups).clamp(1, across);
    let place = Shared::new(product);
    (0..cuts * groups)
        .into_par_iter()
        .with_max_len(1)
        .zip(sums_of_tasks(sums, group, cuts))
        .share(|(task, sums)| {
            let (first, cut) = (task / cuts * group, task % cuts);
            let task = Task {
                left,
                right,
                down: (first, panels.min(first + group)),
                across: (across * cut / cuts, across * (cut + 1) / cuts),
                // SAFETY: the product has a row for each of the panels' columns; no two tasks share a row and a panel.
                product: unsafe { place.at(first * PANEL * right.columns) },
            };
            // SAFETY: as above.
            unsafe { variant.run_panels(task, sums) };
        });
}

/// Gives the sums of each group of panels to the first of its tasks.
fn sums_of_tasks(sums: &mut [f32], group: usize, cuts: usize) -> rayon::vec::IntoIter<&mut [f32]> {
    let mut of_tasks: Vec<&mut [f32]> = Vec::new();
    for sums in sums.chunks_mut(group * PANEL) {
        of_tasks.push(sums);
        of_tasks.extend((1..cuts).map(|_| &mut [][..]));
    }
    of_tasks.into_par_iter()
}

/// The products of a range of panels of the left factor with a range of panels of the right one.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    left: Panels<'a>,
    right: Panels<'a>,
    /// First and end of the ranges.
    down: (usize, usize),
    across: (usize, usize),
    /// Column 0 of the left panels' first row in the product.
    product: *mut f32,
}

/// Rounds a block of rows; see [`round_rows`].
#[inline(always)]
pub(super) fn round<S: Simd, D: Dot<S>>(simd: S, rows: Matrix<'_>, words: &mut [f32]) {
    let columns = rows.columns;
    let size = rows.rows.div_ceil(2) * PANEL;
    for (pair, lines) in rows.data.chunks(2 * columns).enumerate() {
        let (even, odd) = lines.split_at(columns);
        for (panel, words) in words.chunks_exact_mut(size).enumerate() {
            let (targets, _) = words[pair * PANEL..].as_chunks_mut();
            for (vector, target) in targets.iter_mut().enumerate().take(PANEL / WIDTH) {
                let first = (panel * PANEL + vector * WIDTH).min(columns);
                let even = load_at(simd, &even[first..], 0, 0.0);
                let odd = load_at(simd, &odd[first.min(odd.len())..], 0, 0.0);
                D::word(simd, even, odd).store(target);
            }
        }
    }
}

/// Computes a task with register tiles of `M` rows and `V` vectors, and adds the sums down the left panels' columns to `sums`, which
/// may be empty.
///
/// # Safety
/// The rows and panels of the product must be writable, and nothing else may use them during the call.
#[inline(always)]
pub(super) unsafe fn multiply_panel<S: Simd, D: Dot<S>, const M: usize, const V: usize>(
    simd: S,
    task: Task<'_>,
    sums: &mut [f32],
) {
    let Task { left, right, .. } = task;
    let blocks = left.rows.div_ceil(left.height);
    let together = (TOGETHER / left.height).max(1);
    let rows = (task.down.1 * PANEL).min(left.columns) - task.down.0 * PANEL;
    for start in (0..blocks).step_by(together) {
        let blocks = start..blocks.min(start + together);
        for (place, sums) in sums.chunks_mut(PANEL).enumerate() {
            add_columns(simd, left, task.down.0 + place, blocks.clone(), sums);
        }
        for panel in task.across.0..task.across.1 {
            for vector in (0..PANEL / WIDTH).step_by(V) {
                let column = panel * PANEL + vector * WIDTH;
                if column >= right.columns {
                    break;
                }
                for row in (0..rows).step_by(M) {
                    let target = Target {
                        // SAFETY: the row and the column lie in the product.
                        first: unsafe { task.product.add(row * right.columns + column) },
                        stride: right.columns,
                        rows: (rows - row).min(M),
                        columns: (right.columns - column).min(V * WIDTH),
                        add: true,
                    };
                    let whole = target.rows == M && target.columns == V * WIDTH;
                    // SAFETY: the caller's promise.
                    let mut chain = unsafe {
                        if whole {
                            target.load(simd)
                        } else {
                            target.load_part::<S, M, V>(simd)
                        }
                    };
                    for block in blocks.clone() {
                        let words = left.pairs(block);
                        let down = task.down.0 + row / PANEL;
                        let place = left.place(block, words, down) + row % PANEL;
                        let across = right.place(block, words, panel) + vector * WIDTH;
                        let factors = Factors {
                            words,
                            left: left.words[place..].as_ptr(),
                            row_stride: 1,
                            column_stride: PANEL,
                            right: right.words[across..].as_ptr(),
                            right_vectors: PANEL / WIDTH,
                        };
                        // SAFETY: the panels hold `words` words of every column.
                        chain = unsafe { chains::<S, D, M, V>(simd, factors, chain) };
                    }
                    // SAFETY: the caller's promise.
                    unsafe {
                        if whole {
                            target.store(chain);
                        } else {
                            target.store_part(chain);
                        }
                    }
                }
            }
        }
    }
}

/// Adds the rows of some blocks in one panel to `sums`, in order.
#[inline(always)]
fn add_columns<S: Simd>(
    simd: S,
    left: Panels<'_>,
    panel: usize,
    blocks: std::ops::Range<usize>,
    sums: &mut [f32],
) {
    for vector in 0..sums.len().div_ceil(WIDTH) {
        let mut sum = load_at(simd, sums, vector, 0.0);
        for block in blocks.clone() {
            let pairs = left.pairs(block);
            let words = &left.words[left.place(block, pairs, panel)..][..pairs * PANEL];
            for words in words.chunks_exact(PANEL) {
                let [even, odd] = word_floats(simd, load_at(simd, words, vector, 0.0));
                sum = sum + even + odd;
            }
        }
        crate::rows::store_at(sums, vector, sum);
    }
}

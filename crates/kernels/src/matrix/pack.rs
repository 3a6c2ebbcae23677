//! Copies of the operands in the order in which the innermost loop reads them.

use super::dot::Dot;
use crate::rows::load_at;
use crate::simd::{Floats, Simd, WIDTH};

/// Where the rows of a packed left matrix lie.
#[derive(Clone, Copy)]
pub(super) struct Left {
    /// Distance between the first rows of neighbouring tiles.
    pub(super) tile: usize,
    /// Distances between neighbouring rows of a tile, and between neighbouring words of a row.
    pub(super) row: usize,
    pub(super) word: usize,
}

impl Left {
    /// Returns the layout for tiles of `tile_rows` rows of `words` words. A matrix in row-major order stays in it: nothing has to
    /// change places. Its rows are a line of the cache further apart than whole vectors take, so that the rows of a tile do not
    /// share a set of the cache. A matrix in column-major order becomes panels, `[tile][words][tile_rows]`.
    pub(super) fn new(by_rows: bool, words: usize, tile_rows: usize) -> Self {
        if by_rows {
            let row = words.next_multiple_of(WIDTH) + WIDTH;
            Self {
                tile: tile_rows * row,
                row,
                word: 1,
            }
        } else {
            Self {
                tile: tile_rows * words,
                row: 1,
                word: tile_rows,
            }
        }
    }
}

/// Packs rows of the left matrix into the layout of [`Left::new`] for tiles of `M` rows. Rows missing in the last tile hold
/// arbitrary values, and their products are dropped.
///
/// # Safety
/// `rows · depth` elements must be readable at the strides, one of which is 1.
#[inline(always)]
pub(super) unsafe fn pack_left<S: Simd, D: Dot<S>, const M: usize>(
    simd: S,
    left: *const f32,
    (row_stride, column_stride): (usize, usize),
    rows: usize,
    depth: usize,
    packed: &mut [f32],
) {
    let layout = Left::new(column_stride == 1, depth.div_ceil(D::PER_WORD), M);
    if column_stride == 1 {
        for row in 0..rows {
            // SAFETY: the caller vouches for the elements of the row.
            let line = unsafe { std::slice::from_raw_parts(left.add(row * row_stride), depth) };
            let (targets, _) = packed[row * layout.row..].as_chunks_mut();
            for (steps, target) in line.chunks(WIDTH * D::PER_WORD).zip(targets) {
                words::<S, D>(simd, steps).store(target);
            }
        }
        return;
    }
    // Packs as many panels at a time as fit into a vector, and walks along the lines in memory, so that each read begins where
    // the last one ended.
    let together = WIDTH / M * M;
    let (groups, runs) = (rows.div_ceil(together), depth.div_ceil(WIDTH));
    for at in 0..groups * runs {
        let (row, k) = (at % groups * together, at / groups * WIDTH);
        let (count, steps) = (together.min(rows - row), WIDTH.min(depth - k));
        // SAFETY: rows and columns stay below the counts that the caller vouches for.
        let lines = unsafe {
            lines(
                simd,
                left.add(row + k * column_stride),
                column_stride,
                steps,
                count,
            )
        };
        let panels = &mut packed[row / M * layout.tile..];
        let mut step = 0;
        while step < steps {
            // Lines beyond the last step are zero.
            let odd = lines[(step + D::PER_WORD - 1).min(WIDTH - 1)];
            let mut lanes = [0.0; WIDTH];
            D::word(simd, lines[step], odd).store(&mut lanes);
            let (groups, _) = lanes.as_chunks::<M>();
            let at = (k + step) / D::PER_WORD * layout.word;
            for (panel, group) in groups.iter().enumerate().take(count.div_ceil(M)) {
                panels[panel * layout.tile + at..][..M].copy_from_slice(group);
            }
            step += D::PER_WORD;
        }
    }
}

/// Packs one panel of the right matrix, up to `V` vectors of columns: `[words][V · WIDTH]`. Missing columns are zero, and
/// their products are dropped.
///
/// # Safety
/// `depth · columns` elements must be readable at the strides, one of which is 1.
#[inline(always)]
pub(super) unsafe fn pack_right<S: Simd, D: Dot<S>, const V: usize>(
    simd: S,
    right: *const f32,
    (row_stride, column_stride): (usize, usize),
    depth: usize,
    columns: usize,
    packed: &mut [f32],
) {
    let width = V * WIDTH;
    // Number of steps of k that are packed at a time: a vector of rows, or of words of each column.
    let together = match column_stride {
        1 => WIDTH,
        _ => WIDTH * D::PER_WORD,
    };
    for vector in 0..V {
        let first = vector * WIDTH;
        let count = columns.saturating_sub(first).min(WIDTH);
        let mut k = 0;
        while k < depth {
            let steps = together.min(depth - k);
            // SAFETY: rows and columns stay below the counts that the caller vouches for.
            let packed_words = unsafe {
                let first = right.add(k * row_stride + first.min(columns) * column_stride);
                if column_stride == 1 {
                    joined::<S, D>(simd, lines(simd, first, row_stride, steps, count))
                } else {
                    let mut lines = [simd.splat(0.0); WIDTH];
                    for (index, line) in lines.iter_mut().enumerate().take(count) {
                        let start = first.add(index * column_stride);
                        *line = words::<S, D>(simd, std::slice::from_raw_parts(start, steps));
                    }
                    simd.transpose(lines)
                }
            };
            let targets = &mut packed[k / D::PER_WORD * width + first..];
            // By reference: an iterator over the array itself would move it through memory.
            let count = steps.div_ceil(D::PER_WORD);
            for (index, word) in packed_words.iter().enumerate().take(count) {
                if let Some(target) = targets[index * width..].first_chunk_mut() {
                    word.store(target);
                }
            }
            k += steps;
        }
    }
}

/// Packs neighbouring steps of a row or column into the words of a vector, in order.
#[inline(always)]
fn words<S: Simd, D: Dot<S>>(simd: S, steps: &[f32]) -> S::F {
    let later = if steps.len() > WIDTH {
        load_at(simd, steps, 1, 0.0)
    } else {
        simd.splat(0.0)
    };
    D::line(simd, load_at(simd, steps, 0, 0.0), later)
}

/// Joins lines of neighbouring steps to lines of words.
#[inline(always)]
fn joined<S: Simd, D: Dot<S>>(simd: S, lines: [S::F; WIDTH]) -> [S::F; WIDTH] {
    let mut result = [simd.splat(0.0); WIDTH];
    for (index, word) in result.iter_mut().enumerate().take(WIDTH / D::PER_WORD) {
        let step = index * D::PER_WORD;
        *word = D::word(simd, lines[step], lines[step + D::PER_WORD - 1]);
    }
    result
}

/// Reads up to sixteen lines of up to sixteen neighbouring floats; missing elements are zero.
#[inline(always)]
unsafe fn lines<S: Simd>(
    simd: S,
    first: *const f32,
    stride: usize,
    count: usize,
    length: usize,
) -> [S::F; WIDTH] {
    let mut result = [simd.splat(0.0); WIDTH];
    if count == WIDTH && length == WIDTH {
        // The usual case of whole lines is several times as fast without the checks below.
        for (index, line) in result.iter_mut().enumerate() {
            // SAFETY: the caller vouches for the lines.
            *line = simd.load(unsafe { &*first.add(index * stride).cast() });
        }
        return result;
    }
    for (index, line) in result.iter_mut().enumerate() {
        if index < count {
            // SAFETY: the caller vouches for the lines.
            let source = unsafe { std::slice::from_raw_parts(first.add(index * stride), length) };
            *line = match source.first_chunk() {
                Some(full) => simd.load(full),
                None => simd.load_part(source, 0.0),
            };
        }
    }
    result
}

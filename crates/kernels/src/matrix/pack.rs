//! Copies of the operands in the order in which the innermost loop reads them.

use super::dot::Dot;
use crate::simd::{Floats, Simd, WIDTH};

/// Packs rows of the left matrix into panels of `M` rows: `[panel][words][M]`. Rows missing in the last panel are zero, and
/// their products are dropped.
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
    // Packs as many panels at a time as fit into a vector.
    let together = WIDTH / M * M;
    let words = depth.div_ceil(D::PER_WORD);
    let (groups, runs) = (rows.div_ceil(together), depth.div_ceil(WIDTH));
    for at in 0..groups * runs {
        // Walks along the lines in memory, so that each read begins where the last one ended.
        let (group, run) = if row_stride == 1 {
            (at % groups, at / groups)
        } else {
            (at / runs, at % runs)
        };
        let (row, k) = (group * together, run * WIDTH);
        let (count, steps) = (together.min(rows - row), WIDTH.min(depth - k));
        // SAFETY: rows and columns stay below the counts that the caller vouches for.
        let columns = unsafe {
            let first = left.add(row * row_stride + k * column_stride);
            columns(simd, first, (row_stride, column_stride), count, steps)
        };
        let panels = &mut packed[row * words..];
        let mut step = 0;
        while step < steps {
            // Columns beyond the last step are zero.
            let odd = columns[(step + D::PER_WORD - 1).min(WIDTH - 1)];
            let mut lanes = [0.0; WIDTH];
            D::word(simd, columns[step], odd).store(&mut lanes);
            let (groups, _) = lanes.as_chunks::<M>();
            let at = (k + step) / D::PER_WORD * M;
            for (panel, group) in groups.iter().enumerate().take(count.div_ceil(M)) {
                panels[panel * words * M + at..][..M].copy_from_slice(group);
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
    for vector in 0..V {
        let first = vector * WIDTH;
        let count = columns.saturating_sub(first).min(WIDTH);
        let mut k = 0;
        while k < depth {
            let steps = WIDTH.min(depth - k);
            // SAFETY: rows and columns stay below the counts that the caller vouches for.
            let lines = unsafe {
                let first = right.add(k * row_stride + first.min(columns) * column_stride);
                self::columns(simd, first, (column_stride, row_stride), count, steps)
            };
            let mut step = 0;
            while step < steps {
                let odd = lines[(step + D::PER_WORD - 1).min(WIDTH - 1)];
                let at = (k + step) / D::PER_WORD * width + first;
                if let Some(target) = packed[at..].first_chunk_mut() {
                    D::word(simd, lines[step], odd).store(target);
                }
                step += D::PER_WORD;
            }
            k += steps;
        }
    }
}

/// Reads up to sixteen columns of up to sixteen rows, one vector per column; missing elements are zero.
///
/// # Safety
/// The elements must be readable at the strides, one of which is 1.
#[inline(always)]
unsafe fn columns<S: Simd>(
    simd: S,
    first: *const f32,
    (row_stride, column_stride): (usize, usize),
    rows: usize,
    columns: usize,
) -> [S::F; WIDTH] {
    // SAFETY: the caller vouches for the elements.
    unsafe {
        if row_stride == 1 {
            lines(simd, first, column_stride, columns, rows)
        } else {
            simd.transpose(lines(simd, first, row_stride, rows, columns))
        }
    }
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

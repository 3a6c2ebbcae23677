//! Copies of the operands in the order in which the innermost loop reads them.

use crate::simd::{Floats, Simd, WIDTH};

/// Packs rows of the left matrix into panels of `M` rows: `[panel][depth][M]`. Rows that a last panel lacks are zero;
/// their products are dropped.
///
/// # Safety
/// `rows · depth` elements must be readable at the strides, one of which is 1.
#[inline(always)]
pub(super) unsafe fn pack_left<S: Simd, const M: usize>(
    simd: S,
    left: *const f32,
    (row_stride, column_stride): (usize, usize),
    rows: usize,
    depth: usize,
    packed: &mut [f32],
) {
    let full = rows / M * M;
    // SAFETY: rows and columns stay below the counts that the caller vouches for.
    unsafe {
        if row_stride == 1 {
            for k in 0..depth {
                let line = std::slice::from_raw_parts(left.add(k * column_stride), full);
                let (groups, _) = line.as_chunks::<M>();
                for (panel, group) in groups.iter().enumerate() {
                    packed[panel * depth * M + k * M..][..M].copy_from_slice(group);
                }
            }
        } else {
            // As many panels at a time as fit into a transposition.
            let together = WIDTH / M * M;
            let mut row = 0;
            while row < full {
                let count = together.min(full - row);
                let mut k = 0;
                while k < depth {
                    let steps = WIDTH.min(depth - k);
                    let source = left.add(row * row_stride + k);
                    let turned = transposed(simd, source, row_stride, count, steps);
                    for (step, column) in turned.iter().enumerate().take(steps) {
                        let mut lanes = [0.0; WIDTH];
                        column.store(&mut lanes);
                        let (groups, _) = lanes[..count].as_chunks::<M>();
                        for (panel, group) in groups.iter().enumerate() {
                            let at = (row + panel * M) * depth + (k + step) * M;
                            packed[at..][..M].copy_from_slice(group);
                        }
                    }
                    k += steps;
                }
                row += count;
            }
        }
        let rest = left.add(full * row_stride);
        let strides = (row_stride, column_stride);
        pack_left_part::<M>(
            rest,
            strides,
            rows - full,
            depth,
            &mut packed[full * depth..],
        );
    }
}

/// Packs fewer than `M` rows into one panel.
///
/// # Safety
/// As for [`pack_left`].
#[inline(always)]
pub(super) unsafe fn pack_left_part<const M: usize>(
    left: *const f32,
    (row_stride, column_stride): (usize, usize),
    rows: usize,
    depth: usize,
    packed: &mut [f32],
) {
    if rows == 0 {
        return;
    }
    for (k, group) in packed[..depth * M].chunks_exact_mut(M).enumerate() {
        for (row, target) in group.iter_mut().enumerate() {
            *target = if row < rows {
                // SAFETY: below the counts that the caller vouches for.
                unsafe { *left.add(row * row_stride + k * column_stride) }
            } else {
                0.0
            };
        }
    }
}

/// Packs one panel of the right matrix, up to `V` vectors of columns: `[depth][V · WIDTH]`. Columns that it lacks are
/// zero; their products are dropped.
///
/// # Safety
/// `depth · columns` elements must be readable at the strides, one of which is 1.
#[inline(always)]
pub(super) unsafe fn pack_right<S: Simd, const V: usize>(
    simd: S,
    right: *const f32,
    (row_stride, column_stride): (usize, usize),
    columns: usize,
    packed: &mut [f32],
) {
    let width = V * WIDTH;
    for vector in 0..V {
        let first = vector * WIDTH;
        let count = columns.saturating_sub(first).min(WIDTH);
        if count == 0 {
            for line in packed.chunks_exact_mut(width) {
                line[first..][..WIDTH].fill(0.0);
            }
            continue;
        }
        // SAFETY: rows and columns stay below the counts that the caller vouches for.
        unsafe {
            let right = right.add(first * column_stride);
            if column_stride == 1 {
                for (k, line) in packed.chunks_exact_mut(width).enumerate() {
                    let source = std::slice::from_raw_parts(right.add(k * row_stride), count);
                    let value = match source.first_chunk() {
                        Some(full) => simd.load(full),
                        None => simd.load_part(source, 0.0),
                    };
                    if let Some(target) = line[first..].first_chunk_mut() {
                        value.store(target);
                    }
                }
            } else {
                for (group, lines) in packed.chunks_mut(width * WIDTH).enumerate() {
                    let steps = lines.len() / width;
                    let source = right.add(group * WIDTH);
                    let turned = transposed(simd, source, column_stride, count, steps);
                    for (line, column) in lines.chunks_exact_mut(width).zip(turned) {
                        if let Some(target) = line[first..].first_chunk_mut() {
                            column.store(target);
                        }
                    }
                }
            }
        }
    }
}

/// Reads up to sixteen rows of up to sixteen floats, and returns the columns; what is missing is zero.
#[inline(always)]
unsafe fn transposed<S: Simd>(
    simd: S,
    first: *const f32,
    stride: usize,
    rows: usize,
    columns: usize,
) -> [S::F; WIDTH] {
    let mut lines = [simd.splat(0.0); WIDTH];
    for (row, line) in lines.iter_mut().enumerate() {
        if row < rows {
            // SAFETY: the caller vouches for the rows.
            let source = unsafe { std::slice::from_raw_parts(first.add(row * stride), columns) };
            *line = match source.first_chunk() {
                Some(full) => simd.load(full),
                None => simd.load_part(source, 0.0),
            };
        }
    }
    simd.transpose(lines)
}

//! Blocks of rows. A task takes one block through several operations in turn, so that it stays in the cache between them.

use std::ops::Range;

use kernels::ROW_BLOCK;

/// Splits `values`, `[rows, width]`, into blocks of [`ROW_BLOCK`] rows. With a width of 0 the blocks are empty.
pub(super) fn split(values: &mut [f32], rows: usize, width: usize) -> Vec<&mut [f32]> {
    split_at_height(values, rows, width, ROW_BLOCK)
}

/// Splits `values` like [`split`], into blocks of `height` rows.
pub(super) fn split_at_height(
    mut values: &mut [f32],
    rows: usize,
    width: usize,
    height: usize,
) -> Vec<&mut [f32]> {
    let mut blocks = Vec::with_capacity(rows.div_ceil(height));
    for first in (0..rows).step_by(height) {
        let count = height.min(rows - first);
        let (block, rest) = values.split_at_mut(count * width);
        blocks.push(block);
        values = rest;
    }
    blocks
}

/// Returns the rows of the block `index` out of `rows` rows.
pub(super) fn range(index: usize, rows: usize) -> Range<usize> {
    let first = index * ROW_BLOCK;
    first..rows.min(first + ROW_BLOCK)
}

/// Returns the rows `rows` of `values`, whose rows have `width` floats.
pub(super) fn part<'a>(values: &'a [f32], rows: &Range<usize>, width: usize) -> &'a [f32] {
    &values[rows.start * width..rows.end * width]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_all_rows_in_order() {
        for (rows, width) in [
            (0, 3),
            (1, 3),
            (ROW_BLOCK, 2),
            (2 * ROW_BLOCK + 5, 3),
            (7, 0),
        ] {
            let mut values: Vec<f32> = (0..rows * width).map(|value| value as f32).collect();
            let all = values.clone();
            let blocks = split(&mut values, rows, width);
            let mut end = 0;
            for (index, block) in blocks.iter().enumerate() {
                let range = range(index, rows);
                assert_eq!(range.start, end);
                end = range.end;
                assert_eq!(*block, part(&all, &range, width));
            }
            assert_eq!(end, rows);
        }
    }
}

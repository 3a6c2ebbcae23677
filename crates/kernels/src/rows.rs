//! Access to a row by vectors of sixteen elements, with a partial vector at the end.

use crate::simd::{Floats, Simd, WIDTH};

/// Returns how many vectors cover `length` elements; the last one may be partial.
#[inline(always)]
pub(crate) fn vectors(length: usize) -> usize {
    length.div_ceil(WIDTH)
}

/// Returns the vector at element `16 · place`; lanes beyond the row are `fill`.
#[inline(always)]
pub(crate) fn load_at<S: Simd>(simd: S, row: &[f32], place: usize, fill: f32) -> S::F {
    let rest = &row[place * WIDTH..];
    match rest.first_chunk() {
        Some(vector) => simd.load(vector),
        None => simd.load_part(rest, fill),
    }
}

/// Stores the vector at element `16 · place`; lanes beyond the row are dropped.
#[inline(always)]
pub(crate) fn store_at<F: Floats>(row: &mut [f32], place: usize, value: F) {
    let rest = &mut row[place * WIDTH..];
    match rest.first_chunk_mut() {
        Some(vector) => value.store(vector),
        None => value.store_part(rest),
    }
}

/// Returns how many rows of `width` elements make up `length` elements.
///
/// # Panics
/// When `length` is not a whole number of rows.
#[inline(always)]
pub(crate) fn count(length: usize, width: usize) -> usize {
    let rows = length.checked_div(width).unwrap_or(0);
    assert!(
        rows * width == length,
        "{length} elements are no rows of {width}"
    );
    rows
}

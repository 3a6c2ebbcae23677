//! Embedding tables: rows looked up by index and summed, and gradients added back to the rows.

use rayon::prelude::*;

use crate::parallel::Share;

use crate::rows::{count, load_at, store_at, vectors};
use crate::simd::dispatched;

/// A table row that gets gradients from more tokens than this is split among threads, in parts of [`COLUMNS`] columns.
const MANY: usize = 256;
/// Number of columns in a part of a row.
const COLUMNS: usize = 64;

dispatched! {
    /// Fills `out`, `[tokens, width]`, with the sums of three embeddings per token t: row `indices[0][t]` of `tables[0]` (words)
    /// plus row `indices[1][t]` of `tables[1]` (positions), plus row `indices[2][t]` of `tables[2]` (types).
    ///
    /// # Panics
    /// When lengths disagree or an index is not below its table's number of rows.
    pub fn embed<S>(simd: _, tables: [&[f32]; 3], indices: [&[u32]; 3], width: usize, out: &mut [f32]) {
        let tokens = indices[0].len();
        assert!(
            indices[1].len() == tokens && indices[2].len() == tokens && out.len() == tokens * width,
            "{} sums of {tokens}, {} and {} embeddings of width {width}",
            out.len(), indices[1].len(), indices[2].len()
        );
        for table in tables {
            count(table.len(), width);
        }
        if width == 0 {
            return;
        }
        for (token, out) in out.chunks_exact_mut(width).enumerate() {
            let first = row(tables[0], indices[0][token], width);
            let second = row(tables[1], indices[1][token], width);
            let third = row(tables[2], indices[2][token], width);
            for place in 0..vectors(width) {
                let sum = load_at(simd, first, place, 0.0) + load_at(simd, second, place, 0.0);
                store_at(out, place, sum + load_at(simd, third, place, 0.0));
            }
        }
    }

    /// Adds to `target` the columns from `column` on of the rows of `tokens`, in the order given.
    fn add_rows<S>(simd: _, target: &mut [f32], rows: &[f32], width: usize, column: usize, tokens: &[Place]) {
        for &(_, token) in tokens {
            let row = &rows[token as usize * width + column..][..target.len()];
            for place in 0..vectors(target.len()) {
                let sum = load_at(simd, target, place, 0.0) + load_at(simd, row, place, 0.0);
                store_at(target, place, sum);
            }
        }
    }
}

/// Returns row `index` of a table.
#[inline(always)]
fn row(table: &[f32], index: u32, width: usize) -> &[f32] {
    let start = index as usize * width;
    assert!(
        start < table.len(),
        "index {index} is none of the {} rows of a table",
        table.len() / width
    );
    &table[start..start + width]
}

/// A row of the table, and a token whose gradient is added to it.
type Place = (u32, u32);

/// Adds row t of `rows`, `[tokens, width]`, to row `indices[t]` of `table`, for every token t, in parallel. Each element of
/// the table adds its tokens in ascending order.
///
/// # Panics
/// When lengths disagree or an index is not below the table's number of rows.
pub fn scatter_add(table: &mut [f32], width: usize, indices: &[u32], rows: &[f32]) {
    let size = count(table.len(), width);
    assert!(
        rows.len() == indices.len() * width,
        "{} elements for {} rows of {width}",
        rows.len(),
        indices.len()
    );
    if width == 0 {
        return;
    }
    let tokens = u32::try_from(indices.len()).expect("at most u32::MAX tokens");
    let mut places: Vec<Place> = indices.iter().copied().zip(0..tokens).collect();
    places.par_sort_unstable();
    if let Some(&(last, _)) = places.last() {
        assert!(
            (last as usize) < size,
            "index {last} is none of the {size} rows of a table"
        );
    }
    // One piece of work per table row with tokens, or several pieces for a row with many tokens.
    let mut work = Vec::new();
    let (mut table, mut passed) = (table, 0);
    for tokens in places.chunk_by(|a, b| a.0 == b.0) {
        let index = tokens[0].0 as usize;
        let (target, rest) = table[(index - passed) * width..].split_at_mut(width);
        (table, passed) = (rest, index + 1);
        let columns = if tokens.len() > MANY { COLUMNS } else { width };
        for (part, target) in target.chunks_mut(columns).enumerate() {
            work.push((target, part * columns, tokens));
        }
    }
    work.into_par_iter()
        .share(|(target, column, tokens)| add_rows(target, rows, width, column, tokens));
}

//! Right factors that are packed once for products of many blocks of rows.

use super::product::Product;
use super::variant::Variant;
use super::{Matrix, Precision};
use crate::workspace::{Place, with_scratch};

/// The right factor of products, packed. Threads share it, and each multiplies blocks of rows that are in its cache.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    variant: Variant,
    matrix: Matrix<'a>,
    packed: &'a [f32],
}

/// Calls `work` with the matrices packed as right factors.
pub fn with_factors<const N: usize, R>(
    precision: Precision,
    matrices: [Matrix<'_>; N],
    work: impl FnOnce([Factor<'_>; N]) -> R,
) -> R {
    let variant = Variant::current(precision);
    let rooms = matrices.map(|matrix| variant.room(matrix));
    with_scratch(Place::Factors, rooms.iter().sum(), |packed| {
        let mut start = 0;
        for (matrix, room) in matrices.into_iter().zip(rooms) {
            variant.pack_all(matrix, &mut packed[start..start + room], true);
            start += room;
        }
        let (packed, mut start) = (&*packed, 0);
        work(std::array::from_fn(|place| {
            let packed = &packed[start..start + rooms[place]];
            start += rooms[place];
            Factor {
                variant,
                matrix: matrices[place],
                packed,
            }
        }))
    })
}

impl Factor<'_> {
    /// Computes `a` times the factor into `c`, whose rows follow each other, like [`crate::multiply`] but on the calling thread
    /// alone.
    ///
    /// # Panics
    /// When shapes disagree.
    pub fn multiply(&self, a: Matrix<'_>, c: &mut [f32], accumulate: bool) {
        let columns = self.matrix.columns;
        let product = Product::new(self.variant, a, self.matrix, c, columns, accumulate);
        product.run_here(self.packed, c);
    }
}

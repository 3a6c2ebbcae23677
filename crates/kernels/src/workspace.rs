//! Scratch memory that each thread keeps from one call to the next.

use std::cell::Cell;

use crate::simd::WIDTH;

/// A cache line of floats. Scratch memory is made of these, so that no vector spans two lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; WIDTH]);

/// A slot of a thread's scratch memory. Uses that overlap in time must name different slots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Left,
    Right,
    Factors,
    Scores,
}

thread_local! {
    static SCRATCH: [Cell<Vec<Line>>; 4] = const { [const { Cell::new(Vec::new()) }; 4] };
}

/// Calls `work` with `count` floats with arbitrary values, aligned to a cache line.
///
/// `work` may wait for other threads, and this thread may meanwhile run other work that uses the same place. That work gets new
/// memory, since a place is empty while its memory is in use.
pub(crate) fn with_scratch<R>(place: Place, count: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut lines = SCRATCH.with(|scratch| scratch[place as usize].take());
    let needed = count.div_ceil(WIDTH);
    if lines.len() < needed {
        // `resize` would copy the old contents, which are not needed.
        lines = vec![Line([0.0; WIDTH]); needed];
    }
    // SAFETY: a `Line` is `WIDTH` floats without padding, so `needed` of them are `needed · WIDTH` floats. The slice borrows the
    // vector.
    #[allow(unsafe_code)]
    let floats =
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), needed * WIDTH) };
    let result = work(&mut floats[..count]);
    SCRATCH.with(|scratch| {
        let other = scratch[place as usize].take();
        scratch[place as usize].set(if other.len() > lines.len() {
            other
        } else {
            lines
        });
    });
    result
}

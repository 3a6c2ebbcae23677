//! Scratch memory that threads keep from one call to the next.

use std::cell::Cell;

use crate::simd::WIDTH;

/// A cache line of floats: what scratch memory is made of, so that vectors never straddle two lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; WIDTH]);

/// A place of a thread's scratch memory. Uses that overlap in time name different places.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Left,
    Right,
    Scores,
}

thread_local! {
    static SCRATCH: [Cell<Vec<Line>>; 3] = const { [const { Cell::new(Vec::new()) }; 3] };
}

/// Calls `work` with `count` floats of whatever value, aligned to a cache line.
///
/// `work` may wait for other threads, and this thread may then run other work that comes by here: it takes memory of its
/// own, since the place is empty while in use.
pub(crate) fn with_scratch<R>(place: Place, count: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut lines = SCRATCH.with(|scratch| scratch[place as usize].take());
    let needed = count.div_ceil(WIDTH);
    if lines.len() < needed {
        // Not `resize`: what is there need not be copied.
        lines = vec![Line([0.0; WIDTH]); needed];
    }
    // SAFETY: a `Line` is `WIDTH` floats without padding, so `needed` of them are `needed · WIDTH` floats; the borrow is
    // the vector's.
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

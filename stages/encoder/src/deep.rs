//! Room for candle's recursion.
//!
//! candle sorts and drops a computation graph by recursion, one frame per operation on the longest path. The composed
//! operations of a few hundred layers overflow a thread's usual 2 MiB.

use std::thread;

/// Address space for the stack; pages are taken only when touched.
const STACK_BYTES: usize = 512 << 20;

/// Runs `work` on a thread whose stack holds the graph of any encoder, and returns what it returns. A training loop
/// goes in here as a whole.
///
/// # Errors
/// When the system cannot start the thread.
///
/// # Panics
/// When `work` panics, with its panic.
pub fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("deep stack".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)?;
        thread
            .join()
            .or_else(|panic| std::panic::resume_unwind(panic))
    })
}

//! The pool of threads in which training runs, with stacks deep enough for candle's recursion.
//!
//! candle sorts and drops a computation graph by recursion, with one stack frame per operation on the longest path. The composed
//! operations of a few hundred layers overflow a thread's usual 2 MiB. The training loop itself is a job of the pool, because an
//! operation that is started from outside rayon's pool hands its work over and sleeps until the work is done. For a narrow encoder
//! that would cost as much time as the work itself.

use std::error::Error;
use std::io;

/// Address space for each stack. Memory pages are taken only when touched.
const STACK_BYTES: usize = 512 << 20;

/// Runs `work` in a pool of as many threads as rayon would use here, whose stacks hold the graph of any encoder, and
/// returns its result. A whole training loop should be one call.
///
/// # Errors
/// When the system cannot start the threads.
///
/// # Panics
/// When `work` panics, with its panic.
pub fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("compute {number}"))
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|error| {
            let system = error
                .source()
                .and_then(|cause| cause.downcast_ref::<io::Error>());
            // If the pool failed because of the system, the error is the system's.
            match system.and_then(io::Error::raw_os_error) {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::other(error),
            }
        })?;
    Ok(pool.install(work))
}

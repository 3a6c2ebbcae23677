//! Panics of the library that reads.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use parquet::errors::ParquetError;

thread_local! {
    /// Whether a panic of this thread is expected, and told as an error.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Reads by `read`. The library panics over some files that are damaged; who gave the file is told as of any other error, and
/// nothing else is printed. After an error whatever `read` holds may be half-way and is not to be used any more.
pub(crate) fn guarded<T, E>(read: impl FnOnce() -> Result<T, E>) -> Result<T, ParquetError>
where
    ParquetError: From<E>,
{
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                others(info);
            }
        }));
    });
    EXPECTED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(read));
    EXPECTED.set(false);
    match result {
        Ok(result) => result.map_err(ParquetError::from),
        Err(_) => Err(ParquetError::General(
            "its content cannot be decoded".into(),
        )),
    }
}

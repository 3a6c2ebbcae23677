//! Panics of the Parquet library, turned into errors.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use parquet::errors::ParquetError;

thread_local! {
    /// Whether a panic of this thread will be turned into an error, and so must not be printed.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Calls `read` and turns a panic into an error. The library panics over some damaged files; whoever gave the file gets an error
/// as for other bad files, and nothing else is printed. After an error the reader that `read` holds must not be used again, since
/// its state may be inconsistent.
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

//! The program's own variables of the environment: the one place that reads them. One that is empty counts as not set.

use std::env;
use std::ffi::OsString;
use std::fmt;

/// The profile, where `--profile` does not name one.
pub const PROFILE: &str = "PIPE_PROFILE";
/// The store, where `--store` does not name one.
pub const STORE: &str = "PIPE_STORE";
/// Vouches for the locks of a network file system.
pub const STORE_LOCKS: &str = "PIPE_STORE_LOCKS";
/// Where leases of GPUs are kept.
pub const GPU_LOCKS: &str = "PIPE_GPU_LOCKS";
/// How many GPUs there are, in the place of what the driver says.
pub const GPUS: &str = "PIPE_GPUS";
/// The file of a user's settings, in the place of the usual one.
pub const SETTINGS: &str = "PIPE_SETTINGS";
/// The jobs that this process is part of.
pub const INSIDE: &str = "PIPE_INSIDE";

/// What `PIPE_STORE_LOCKS` may say: that one machine at a time uses the store, or that locks hold between all that do.
pub const LOCK_WORDS: [&str; 2] = ["one-host", "all-hosts"];

/// A variable with a value that it may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, with the variable's name.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Returns the value of a variable, unless it is unset or empty.
pub fn os(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the value of a variable that is a text. [`check`] has refused values that are not UTF-8.
pub fn text(name: &str) -> Option<String> {
    os(name)?.into_string().ok()
}

/// Checks that every variable has a value that it may have.
///
/// # Errors
/// Names the first variable that has another, with the values that it may have.
pub fn check() -> Result<(), Wrong> {
    for (name, takes, fits) in [
        (
            PROFILE,
            "a profile, as `pipe list` shows them",
            any as fn(&str) -> bool,
        ),
        (STORE_LOCKS, "one-host, all-hosts or nothing", is_lock_word),
        (
            GPUS,
            "a whole number, or nothing for what the driver says",
            is_number,
        ),
    ] {
        let Some(value) = os(name) else { continue };
        if !value.to_str().is_some_and(fits) {
            return Err(Wrong {
                message: format!("{name} cannot be `{}`", value.to_string_lossy()),
                remedy: format!("it is {takes}"),
            });
        }
    }
    Ok(())
}

fn any(_: &str) -> bool {
    true
}

fn is_lock_word(text: &str) -> bool {
    LOCK_WORDS.contains(&text)
}

fn is_number(text: &str) -> bool {
    text.parse::<usize>().is_ok()
}

//! Exit codes.

use std::process::ExitCode;

use crate::failure::{Failure, FailureKind};

/// How the program ends.
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | all is well; also when nobody reads the output any more |
/// | 1 | a mistake in the program itself |
/// | 2 | the input is wrong: command line, `pipeline.toml`, data |
/// | 10 | a stage failed |
/// | 11 | interrupted: the same command goes on where it stopped |
/// | 12 | the store cannot be used: not writable, not a store, or damaged; a result is not what its job makes |
/// | 13 | no space left on the disk |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All is well.
    #[default]
    Ok = 0,
    /// A mistake in the program itself.
    Bug = 1,
    /// The input is wrong.
    Input = 2,
    /// A stage failed.
    Failed = 10,
    /// Interrupted: the same command goes on where it stopped.
    Interrupted = 11,
    /// The store cannot be used.
    Store = 12,
    /// No space left on the disk.
    Full = 13,
}

impl Exit {
    /// Returns the exit code after these failures: that of the reason to be mended first.
    pub fn after<'f>(failures: impl IntoIterator<Item = &'f Failure>) -> Self {
        let worst = failures.into_iter().map(|failure| failure.kind).max();
        match worst {
            None => Self::Ok,
            Some(FailureKind::Interrupted) => Self::Interrupted,
            Some(FailureKind::Input) => Self::Input,
            Some(FailureKind::Failed) => Self::Failed,
            Some(FailureKind::Bug) => Self::Bug,
            Some(
                FailureKind::Damaged
                | FailureKind::Differs
                | FailureKind::Changed
                | FailureKind::Store,
            ) => Self::Store,
            Some(FailureKind::Full) => Self::Full,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

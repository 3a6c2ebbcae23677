/// What a stage reads of an input that is a file or folder of the user's, outside the store. Whatever else lies there neither
/// enters a key nor is shown to the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// Of a folder, the files that match one of these [`Patterns`](crate::Patterns); `None`: all that are not hidden.
    pub files: Option<&'static [&'static str]>,
    /// The names of files that are read as well where a single file is given, if they lie beside it.
    pub beside: &'static [&'static str],
}

impl Reads {
    /// Only files that match one of these patterns.
    pub const fn only(files: &'static [&'static str]) -> Self {
        Self {
            files: Some(files),
            beside: &[],
        }
    }
}

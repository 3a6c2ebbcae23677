/// Which files a stage reads of an input that is a file or folder of the user's, outside the store. Other files in the folder
/// do not enter a key and are not shown to the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// The [`Patterns`](crate::Patterns) of the files that are read in a folder; `None` for all files that are not hidden.
    pub files: Option<&'static [&'static str]>,
    /// The names of files that are read too where the user gives a single file, if they lie beside that file.
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

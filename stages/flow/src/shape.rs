//! How many levels and steps a flow has, and how wide each of them is.

use contract::StageError;

/// The shape of a flow over vectors of `width` numbers.
///
/// A level is `depth` steps over all its components. Half of what comes out of a level is final; the other half enters the next
/// level, so each level is half as wide as the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) levels: usize,
    pub(crate) depth: usize,
    /// Width of the hidden layers of a coupling.
    pub(crate) hidden: usize,
}

impl Shape {
    /// Returns the width of a level.
    pub(crate) fn level_width(&self, level: usize) -> usize {
        self.width >> level
    }

    /// Returns the level of each step, in the order in which a vector meets the steps.
    pub(crate) fn steps(&self) -> impl Iterator<Item = usize> {
        let depth = self.depth;
        (0..self.levels).flat_map(move |level| std::iter::repeat_n(level, depth))
    }

    /// Checks that the components of every level can be halved.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) fn check(&self) -> Result<(), StageError> {
        let Self { width, levels, .. } = *self;
        let most = width.trailing_zeros() as usize;
        if levels <= most && width > 0 {
            return Ok(());
        }
        Err(StageError::input(
            "levels",
            format!(
                "each level halves the components of a vector, and vectors of {width} numbers cannot be halved {levels} times"
            ),
            match most {
                0 => "give vectors of an even number of components".to_owned(),
                most => format!("give at most {most}"),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shape(width: usize, levels: usize) -> Shape {
        Shape {
            width,
            levels,
            depth: 2,
            hidden: 4,
        }
    }

    #[test]
    fn levels_halve() {
        let shape = shape(24, 3);
        shape.check().unwrap();
        let widths: Vec<usize> = shape
            .steps()
            .map(|level| shape.level_width(level))
            .collect();
        assert_eq!(widths, [24, 24, 12, 12, 6, 6]);
    }

    #[test]
    fn widths_that_cannot_be_halved_are_refused() {
        let told = |width, levels| shape(width, levels).check().unwrap_err();
        let error = told(12, 3);
        assert!(
            error
                .to_string()
                .contains("12 numbers cannot be halved 3 times")
        );
        assert_eq!(error.remedy().as_deref(), Some("give at most 2"));
        let error = told(7, 1);
        assert_eq!(
            error.remedy().as_deref(),
            Some("give vectors of an even number of components")
        );
    }
}

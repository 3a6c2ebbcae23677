//! Colours of the program's own.

use std::fmt::{self, Display, Formatter};

use super::MARK;

/// Gives a text a colour, which [`super::shown`] shows or leaves out.
pub trait Paint: Display {
    /// In red.
    fn red(&self) -> Painted<'_, Self> {
        painted(self, "31", "39")
    }

    /// In green.
    fn green(&self) -> Painted<'_, Self> {
        painted(self, "32", "39")
    }

    /// In yellow.
    fn yellow(&self) -> Painted<'_, Self> {
        painted(self, "33", "39")
    }

    /// In cyan.
    fn cyan(&self) -> Painted<'_, Self> {
        painted(self, "36", "39")
    }

    /// In bold letters.
    fn bold(&self) -> Painted<'_, Self> {
        painted(self, "1", "0")
    }

    /// Less bright.
    fn dimmed(&self) -> Painted<'_, Self> {
        painted(self, "2", "0")
    }
}

impl<T: Display + ?Sized> Paint for T {}

/// A text with a colour; widths are those of the text.
pub struct Painted<'a, T: ?Sized> {
    text: &'a T,
    begin: &'static str,
    end: &'static str,
}

fn painted<'a, T: ?Sized>(text: &'a T, begin: &'static str, end: &'static str) -> Painted<'a, T> {
    Painted { text, begin, end }
}

impl<T: Display + ?Sized> Display for Painted<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { text, begin, end } = self;
        write!(f, "{MARK}[{begin}m")?;
        text.fmt(f)?;
        write!(f, "{MARK}[{end}m")
    }
}

//! Rows that a layer keeps for the gradients of its maps.
//!
//! Only products read them again. Where these round their operands, the rows are kept rounded, in half the memory and in the order
//! in which the products read them; the floats live no longer than their block of rows is in the cache.

use std::ops::{Deref, DerefMut};

use kernels::{Panels, Precision, ROW_BLOCK, Share, round_rows, split_panels};
use rayon::prelude::*;

use super::blocks::split_at_height;
use super::pool::{Buffer, Pool};

/// What is kept of a block of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Nothing,
    Floats,
    Rounded,
}

/// The kept rows of a batch, `[rows, width]`.
#[derive(Debug)]
pub(super) struct Kept {
    form: Form,
    buffer: Buffer,
    rows: usize,
    width: usize,
    /// Number of rows of a block.
    height: usize,
}

/// Rows as a product takes them.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    Floats(&'a [f32]),
    Rounded(Panels<'a>),
}

impl Kept {
    /// Makes room for rows that products of this precision read.
    pub(super) fn new(pool: &Pool, precision: Precision, rows: usize, width: usize) -> Self {
        let form = match precision {
            Precision::F32 => Form::Floats,
            Precision::Bf16 => Form::Rounded,
        };
        Self::of_form(pool, form, rows, width)
    }

    /// Keeps nothing: each block of rows lives until it is closed.
    pub(super) fn nothing(pool: &Pool, rows: usize, width: usize) -> Self {
        Self::of_form(pool, Form::Nothing, rows, width)
    }

    /// Makes room for a rounded copy of rows whose floats are kept by others; without room where products do not round.
    pub(super) fn copy(pool: &Pool, precision: Precision, rows: usize, width: usize) -> Self {
        match precision {
            Precision::F32 => Self::nothing(pool, rows, width),
            Precision::Bf16 => Self::new(pool, precision, rows, width),
        }
    }

    fn of_form(pool: &Pool, form: Form, rows: usize, width: usize) -> Self {
        let room = match form {
            Form::Nothing => 0,
            Form::Floats => rows * width,
            Form::Rounded => Panels::room(rows, width),
        };
        Self {
            form,
            buffer: pool.take(room),
            rows,
            width,
            height: ROW_BLOCK,
        }
    }

    /// Sets the number of rows of a block, [`ROW_BLOCK`] otherwise.
    pub(super) fn with_height(self, height: usize) -> Self {
        Self { height, ..self }
    }

    /// Splits the rows into blocks.
    pub(super) fn blocks(&mut self) -> Vec<KeptBlock<'_>> {
        let (rows, width, height, form) = (self.rows, self.width, self.height, self.form);
        let places = match form {
            Form::Nothing => split_at_height(&mut [], rows, 0, height),
            Form::Floats => split_at_height(&mut self.buffer, rows, width, height),
            Form::Rounded => split_panels(&mut self.buffer, rows, width, height),
        };
        places
            .into_iter()
            .enumerate()
            .map(|(block, place)| KeptBlock {
                form,
                place,
                rows: height.min(rows - block * height),
                width,
            })
            .collect()
    }

    /// Keeps a copy of all rows if this is a [`Kept::copy`] with room.
    pub(super) fn copy_all(&mut self, rows: &[f32]) {
        let length = self.height * self.width;
        self.blocks()
            .into_par_iter()
            .zip(rows.par_chunks(length.max(1)))
            .share(|(block, rows)| block.copy(rows));
    }

    /// Returns these rows, or, if this is a [`Kept::copy`] without room, the floats themselves.
    pub(super) fn or_floats(self, floats: Buffer) -> Self {
        match self.form {
            Form::Nothing => Self {
                form: Form::Floats,
                buffer: floats,
                ..self
            },
            Form::Floats | Form::Rounded => self,
        }
    }

    /// Returns the rows, of which `floats` are the floats if this is a [`Kept::copy`].
    pub(super) fn or<'a>(&'a self, floats: &'a [f32]) -> Rows<'a> {
        match self.form {
            Form::Nothing => Rows::Floats(floats),
            Form::Floats | Form::Rounded => self.rows(),
        }
    }

    /// Returns the rows.
    ///
    /// # Panics
    /// When nothing was kept.
    pub(super) fn rows(&self) -> Rows<'_> {
        match self.form {
            Form::Nothing => panic!("rows that were not kept"),
            Form::Floats => Rows::Floats(&self.buffer),
            Form::Rounded => Rows::Rounded(Panels::new(
                &self.buffer,
                self.rows,
                self.width,
                self.height,
            )),
        }
    }
}

/// The place of a block of kept rows.
pub(super) struct KeptBlock<'a> {
    form: Form,
    place: &'a mut [f32],
    rows: usize,
    width: usize,
}

impl<'a> KeptBlock<'a> {
    /// Returns the floats to write, with arbitrary values.
    pub(super) fn open(self, pool: &Pool) -> OpenBlock<'a> {
        let floats = match self.form {
            Form::Floats => None,
            Form::Nothing | Form::Rounded => Some(pool.take(self.rows * self.width)),
        };
        OpenBlock {
            block: self,
            floats,
        }
    }

    /// Keeps a copy of `rows` if this is a block of a [`Kept::copy`].
    pub(super) fn copy(self, rows: &[f32]) {
        if self.form == Form::Rounded {
            round_rows(rows, self.width, self.place);
        }
    }
}

/// A block of rows that is being written.
pub(super) struct OpenBlock<'a> {
    block: KeptBlock<'a>,
    /// The floats, where they are not kept.
    floats: Option<Buffer>,
}

impl OpenBlock<'_> {
    /// Keeps what was written.
    pub(super) fn close(self) {
        if let Some(floats) = &self.floats {
            self.block.copy(floats);
        }
    }
}

impl Deref for OpenBlock<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.floats {
            Some(floats) => floats,
            None => self.block.place,
        }
    }
}

impl DerefMut for OpenBlock<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        match &mut self.floats {
            Some(floats) => floats,
            None => self.block.place,
        }
    }
}

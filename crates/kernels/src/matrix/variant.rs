//! The variants of the code that computes a product, one per instruction set and precision.

use rayon::prelude::*;

use crate::parallel::Share;

#[cfg(target_arch = "x86_64")]
use super::dot::Native;
use super::dot::{Dot, Emulated, Single};
use super::pack::pack_right;
use super::panels::{Task, multiply_panel, round};
use super::tile::{Block, block};
use super::{Matrix, Precision};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Path, Portable, Simd, WIDTH};
use crate::workspace::{Place, with_scratch};

/// Number of rows of a register tile: as many as fit into the registers beside the vectors of the right matrix.
const AVX512_ROWS: usize = 8;
const AVX2_ROWS: usize = 6;
const AVX2_EMULATED_ROWS: usize = 4;
const PORTABLE_ROWS: usize = 2;

/// The fewest floats that a thread packs at a time: enough to pay for handing the work over.
const PACKED_AT_ONCE: usize = 1 << 14;

/// An instruction set and a precision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    path: Path,
    precision: Precision,
}

impl Variant {
    /// Returns the variant for the current path.
    pub(super) fn current(precision: Precision) -> Self {
        Self {
            path: Path::current(),
            precision,
        }
    }

    /// Returns the number of columns of a panel of the right matrix.
    fn panel_width(self) -> usize {
        match self.path {
            Path::Avx512 => 2 * WIDTH,
            Path::Avx2 | Path::PortableFma | Path::Portable => WIDTH,
        }
    }

    /// Returns the number of steps of k in a packed word.
    pub(super) fn per_word(self) -> usize {
        match self.precision {
            Precision::F32 => 1,
            Precision::Bf16 => 2,
        }
    }

    /// Returns the number of rows of a register tile.
    pub(super) fn tile_rows(self) -> usize {
        match (self.path, self.precision) {
            (Path::Avx512, _) => AVX512_ROWS,
            (Path::Avx2, Precision::F32) => AVX2_ROWS,
            (Path::Avx2, Precision::Bf16) => AVX2_EMULATED_ROWS,
            (Path::PortableFma | Path::Portable, _) => PORTABLE_ROWS,
        }
    }

    /// Returns the number of panels of a right matrix.
    pub(super) fn panels(self, b: Matrix<'_>) -> usize {
        b.columns.div_ceil(self.panel_width())
    }

    /// Returns how many floats a packed right matrix takes.
    pub(super) fn room(self, b: Matrix<'_>) -> usize {
        self.panels(b) * self.panel_width() * b.rows.div_ceil(self.per_word())
    }

    /// Packs the right matrix into `packed`, which has room for it; with all threads if `parallel`.
    pub(super) fn pack_all(self, b: Matrix<'_>, packed: &mut [f32], parallel: bool) {
        let width = self.panel_width();
        let panel = (width * b.rows.div_ceil(self.per_word())).max(1);
        let one = |(index, packed): (usize, &mut [f32])| self.pack(b, index * width, packed);
        if parallel && packed.len() > PACKED_AT_ONCE {
            let together = PACKED_AT_ONCE.div_ceil(panel);
            let panels = packed.par_chunks_mut(panel).enumerate();
            panels.with_min_len(together).share(one);
        } else {
            packed.chunks_mut(panel).enumerate().for_each(one);
        }
    }

    /// Packs the panel of the right matrix that begins at the column `column`.
    fn pack(self, b: Matrix<'_>, column: usize, packed: &mut [f32]) {
        let panel = Panel {
            first: b.data[(column * b.column_stride).min(b.data.len())..].as_ptr(),
            strides: (b.row_stride, b.column_stride),
            depth: b.rows,
            columns: b.columns - column,
        };
        // SAFETY: `Matrix` has checked that its data hold all elements; the path is one that this CPU can run.
        unsafe {
            match (self.path, self.precision) {
                #[cfg(target_arch = "x86_64")]
                (Path::Avx512, Precision::F32) => pack_avx512(panel, packed),
                #[cfg(target_arch = "x86_64")]
                (Path::Avx512, Precision::Bf16) if self.precision.is_native() => {
                    pack_avx512_bf16(panel, packed);
                }
                #[cfg(target_arch = "x86_64")]
                (Path::Avx512, Precision::Bf16) => pack_avx512_pairs(panel, packed),
                #[cfg(target_arch = "x86_64")]
                (Path::Avx2, Precision::F32) => pack_avx2(panel, packed),
                #[cfg(target_arch = "x86_64")]
                (Path::Avx2, Precision::Bf16) => pack_avx2_pairs(panel, packed),
                (_, Precision::F32) => panel.pack::<Portable, Single, 1>(Portable, packed),
                (_, Precision::Bf16) => panel.pack::<Portable, Emulated, 1>(Portable, packed),
            }
        }
    }

    /// Rounds a block of rows; see [`super::round_rows`].
    pub(super) fn round(self, rows: Matrix<'_>, words: &mut [f32]) {
        // SAFETY: the path is one that this CPU can run.
        unsafe {
            match self.path {
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 if self.precision.is_native() => round_avx512_bf16(rows, words),
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 => round_avx512(rows, words),
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 => round_avx2(rows, words),
                #[cfg(target_arch = "x86_64")]
                Path::PortableFma => round_portable_fma(rows, words),
                _ => round::<Portable, Emulated>(Portable, rows, words),
            }
        }
    }

    /// Computes the products of a panel.
    ///
    /// # Safety
    /// As for [`multiply_panel`].
    pub(super) unsafe fn run_panels(self, task: Task<'_>, sums: &mut [f32]) {
        // SAFETY: the caller's promise; the path is one that this CPU can run.
        unsafe {
            match self.path {
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 if self.precision.is_native() => panel_avx512_bf16(task, sums),
                #[cfg(target_arch = "x86_64")]
                Path::Avx512 => panel_avx512(task, sums),
                #[cfg(target_arch = "x86_64")]
                Path::Avx2 => panel_avx2(task, sums),
                #[cfg(target_arch = "x86_64")]
                Path::PortableFma => panel_portable_fma(task, sums),
                _ => multiply_panel::<Portable, Emulated, PORTABLE_ROWS, 1>(Portable, task, sums),
            }
        }
    }

    /// Computes a block of the product.
    ///
    /// # Safety
    /// As for [`block`]; the right matrix must have been packed by this variant.
    pub(super) unsafe fn run(self, piece: Block) {
        with_scratch(Place::Left, piece.room(self.tile_rows()), |packed| {
            // SAFETY: the caller's promise.
            unsafe {
                match (self.path, self.precision) {
                    #[cfg(target_arch = "x86_64")]
                    (Path::Avx512, Precision::F32) => block_avx512(piece, packed),
                    #[cfg(target_arch = "x86_64")]
                    (Path::Avx512, Precision::Bf16) if self.precision.is_native() => {
                        block_avx512_bf16(piece, packed);
                    }
                    #[cfg(target_arch = "x86_64")]
                    (Path::Avx512, Precision::Bf16) => block_avx512_emulated(piece, packed),
                    #[cfg(target_arch = "x86_64")]
                    (Path::Avx2, Precision::F32) => block_avx2(piece, packed),
                    #[cfg(target_arch = "x86_64")]
                    (Path::Avx2, Precision::Bf16) => block_avx2_emulated(piece, packed),
                    #[cfg(target_arch = "x86_64")]
                    (Path::PortableFma, Precision::F32) => block_portable_fma(piece, packed),
                    #[cfg(target_arch = "x86_64")]
                    (Path::PortableFma, Precision::Bf16) => {
                        block_portable_fma_emulated(piece, packed);
                    }
                    (_, Precision::F32) => {
                        block::<Portable, Single, PORTABLE_ROWS, 1>(Portable, piece, packed);
                    }
                    (_, Precision::Bf16) => {
                        block::<Portable, Emulated, PORTABLE_ROWS, 1>(Portable, piece, packed);
                    }
                }
            }
        });
    }
}

/// A panel of the right matrix that is to be packed.
#[derive(Clone, Copy)]
struct Panel {
    first: *const f32,
    strides: (usize, usize),
    depth: usize,
    columns: usize,
}

impl Panel {
    /// Packs the panel; see [`pack_right`].
    ///
    /// # Safety
    /// As for [`pack_right`].
    #[inline(always)]
    unsafe fn pack<S: Simd, D: Dot<S>, const V: usize>(self, simd: S, packed: &mut [f32]) {
        let Self {
            first,
            strides,
            depth,
            columns,
        } = self;
        // SAFETY: the caller's promise.
        unsafe { pack_right::<S, D, V>(simd, first, strides, depth, columns, packed) }
    }
}

/// Defines functions that are compiled for the instructions of a variant.
macro_rules! compiled {
    ($($features:literal $name:ident($($argument:ident: $kind:ty),*) $body:expr;)*) => { $(
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        unsafe fn $name($($argument: $kind),*) {
            // SAFETY: called only where the CPU has the instructions; the rest is the caller's promise.
            #[allow(unused_unsafe)]
            unsafe { $body }
        }
    )* };
}

/// Defines the packing and the block function of a variant.
macro_rules! variants {
    ($($features:literal, $set:expr, $kind:ty, $vectors:literal: $(
        $dot:ty, $rows:expr => $block:ident $(pack $pack:ident)? $(panels $round:ident $panels:ident)?;
    )*)*) => { compiled! { $($(
        $features $block(piece: Block, packed: &mut [f32])
            block::<$kind, $dot, $rows, $vectors>($set, piece, packed);
        $($features $pack(panel: Panel, packed: &mut [f32])
            panel.pack::<$kind, $dot, $vectors>($set, packed);)?
        $($features $round(rows: Matrix<'_>, words: &mut [f32]) round::<$kind, $dot>($set, rows, words);
        $features $panels(task: Task<'_>, sums: &mut [f32])
            multiply_panel::<$kind, $dot, $rows, $vectors>($set, task, sums);)?
    )*)* } };
}

variants! {
    "avx512f,avx512bw,avx512dq,avx512vl", Avx512::assume(), Avx512, 2:
        Single, AVX512_ROWS => block_avx512 pack pack_avx512;
        Emulated, AVX512_ROWS => block_avx512_emulated pack pack_avx512_pairs panels round_avx512 panel_avx512;
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16", Avx512::assume(), Avx512, 2:
        Native, AVX512_ROWS => block_avx512_bf16 pack pack_avx512_bf16 panels round_avx512_bf16 panel_avx512_bf16;
    "avx2,fma", Avx2::assume(), Avx2, 1:
        Single, AVX2_ROWS => block_avx2 pack pack_avx2;
        Emulated, AVX2_EMULATED_ROWS => block_avx2_emulated pack pack_avx2_pairs panels round_avx2 panel_avx2;
    "fma", Portable, Portable, 1:
        Single, PORTABLE_ROWS => block_portable_fma;
        Emulated, PORTABLE_ROWS => block_portable_fma_emulated panels round_portable_fma panel_portable_fma;
}

//! The choice of the implementation that runs.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An implementation of the kernels. All implementations give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Path {
    /// 512-bit vectors (x86-64 with AVX-512 F, BW, DQ and VL).
    Avx512 = 1,
    /// 256-bit vectors and fused multiply-add (x86-64).
    Avx2 = 2,
    /// Plain Rust, with the CPU's fused multiply-add (x86-64).
    PortableFma = 3,
    /// Plain Rust. Where the target has no fused multiply-add, each one is a slow call.
    Portable = 4,
}

/// The path in use; 0 until the first kernel runs.
static CURRENT: AtomicU8 = AtomicU8::new(0);
/// Locked by whoever has forced a path.
static FORCED: Mutex<()> = Mutex::new(());

impl Path {
    /// All paths, fastest first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::PortableFma, Self::Portable];

    /// Returns the path's name: `avx512`, `avx2`, `portable-fma` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::PortableFma => "portable-fma",
            Self::Portable => "portable",
        }
    }

    /// Returns the path with the name `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.name() == name)
    }

    /// Whether this CPU can run the path.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            match self {
                Self::Avx512 => {
                    has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
                }
                Self::Avx2 => has!("avx2") && has!("fma"),
                Self::PortableFma => has!("fma"),
                Self::Portable => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }

    /// Returns the paths that this CPU can run, fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|path| path.is_available())
    }

    /// Returns the path in use: the fastest one unless another is forced.
    #[inline]
    pub fn current() -> Self {
        match CURRENT.load(Ordering::Relaxed) {
            1 => Self::Avx512,
            2 => Self::Avx2,
            3 => Self::PortableFma,
            4 => Self::Portable,
            _ => Self::detect(),
        }
    }

    #[cold]
    fn detect() -> Self {
        let fastest = Self::available().next().unwrap_or(Self::Portable);
        CURRENT.store(fastest as u8, Ordering::Relaxed);
        fastest
    }

    /// Uses this path in the whole process until the returned guard is dropped; a second caller waits until then. For tests
    /// and measurements: results do not depend on the path.
    ///
    /// # Panics
    /// When this CPU cannot run the path.
    pub fn force(self) -> ForcedPath {
        assert!(self.is_available(), "this CPU cannot run {}", self.name());
        let alone = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Self::current();
        CURRENT.store(self as u8, Ordering::Relaxed);
        ForcedPath {
            before,
            _alone: alone,
        }
    }
}

/// Keeps a path forced ([`Path::force`]).
#[derive(Debug)]
pub struct ForcedPath {
    before: Path,
    _alone: MutexGuard<'static, ()>,
}

impl Drop for ForcedPath {
    fn drop(&mut self) {
        CURRENT.store(self.before as u8, Ordering::Relaxed);
    }
}

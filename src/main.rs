//! The program `pipe`; see the library of the same name.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use pipe::{cli, registry::Registry};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::install_panic_hook();
    cli::main(&Registry::shipped())
}

//! The command line: reads it, does what it says, and tells how it went.
//!
//! Data goes to standard output, everything else to standard error. How the program ends is said by [`Exit`].

mod archive;
mod arguments;
mod aside;
mod cells;
mod claims;
mod compare;
mod diff;
mod doctor;
mod elsewhere;
mod encode;
mod exit;
mod failure;
mod gc;
mod graph;
mod init;
mod list;
mod log;
mod masks;
mod missing;
mod mteb;
mod notes;
mod one;
mod output;
mod overridden;
mod pin;
mod place;
mod plan;
mod predict;
mod project;
mod reread;
mod rerun;
mod results;
mod run;
mod runs;
mod schema;
mod settings;
mod show;
mod stage;
mod status;
mod stops;
mod summary;
mod take;
mod tool;
mod verify;
mod why;

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use contract::{STARVED, STARVED_REMEDY, panicked_starved};
use signal_hook::consts::SIGXFSZ;

use crate::environment;
use crate::registry::Registry;
use crate::terminal::shown;

pub use arguments::Arguments;
pub use exit::Exit;

use arguments::Command;
use failure::CommandFailure;

/// Runs the program.
pub fn main(registry: &Registry) -> ExitCode {
    // By default this signal kills a process that writes beyond the limit on file sizes. With a handler the write fails
    // instead, and is reported as any write without room. Programs that are started get the default again.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            if error.use_stderr() {
                // The message repeats arguments, which may hold anything. If standard error is closed, nobody is left to be
                // told.
                match std::env::args_os().any(|text| is_odd(&text)) {
                    true => output::tell(error.render().to_string().trim_end()),
                    false => drop(error.print()),
                }
                return Exit::Input.into();
            }
            // Help and version are no mistakes.
            return match error.print() {
                Ok(()) => Exit::Ok,
                Err(error) => CommandFailure::Output(error).report(),
            }
            .into();
        }
    };
    // The hook has said what happened; here only the exit code is decided.
    catch_unwind(AssertUnwindSafe(|| dispatch(arguments.command, registry)))
        .unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            match text.is_some_and(panicked_starved) {
                true => Exit::Failed,
                false => Exit::Bug,
            }
        })
        .into()
}

/// Whether an argument holds characters that a terminal would obey.
fn is_odd(argument: &OsStr) -> bool {
    argument
        .to_str()
        .is_none_or(|text| shown(text, false) != text)
}

fn dispatch(command: Command, registry: &Registry) -> Exit {
    // Short commands would spend most of their time clearing large pages. Stages that compute ask for such pages again. A
    // kernel that does not know this request refuses it, and nothing is lost.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    if let Err(wrong) = environment::check() {
        output::tell_error(&wrong.message, Some(&wrong.remedy));
        return Exit::Input;
    }
    let result = match command {
        Command::Run(arguments) => run::run(&arguments, registry),
        Command::Plan(arguments) => plan::plan(&arguments, registry),
        Command::Why(arguments) => why::why(&arguments, registry),
        Command::List(arguments) => list::list(&arguments, registry),
        Command::Show(arguments) => show::show(&arguments, registry),
        Command::Claims(arguments) => claims::claims(&arguments, registry),
        Command::Compare(arguments) => compare::compare(&arguments, registry),
        Command::Encode(arguments) => encode::encode(&arguments, registry),
        Command::Predict(arguments) => predict::predict(&arguments, registry),
        Command::Diff(arguments) => diff::diff(&arguments, registry),
        Command::Graph(arguments) => graph::graph(&arguments, registry),
        Command::Init(arguments) => init::init(&arguments, registry),
        Command::Schema => schema::schema(registry),
        Command::Status(arguments) => status::status(&arguments, registry),
        Command::Log(arguments) => log::log(&arguments, registry),
        Command::Masks(arguments) => masks::masks(&arguments, registry),
        Command::Verify(arguments) => verify::verify(&arguments, registry),
        Command::Gc(arguments) => gc::gc(&arguments, registry),
        Command::Pin(arguments) => pin::pin(&arguments, registry),
        Command::Unpin(arguments) => pin::unpin(&arguments),
        Command::Export(arguments) => archive::export(&arguments, registry),
        Command::Import(arguments) => archive::import(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments, registry),
        Command::Stage(arguments) => stage::stage(&arguments, registry),
        Command::Attempt(arguments) => stage::attempt(&arguments, registry),
        Command::TryLock(arguments) => stage::try_lock(&arguments),
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// Installs a hook that says in one sentence that the program itself is at fault, and what to report.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        if panicked_starved(message) {
            output::tell_error(STARVED, Some(STARVED_REMEDY));
            return;
        }
        output::tell(&format!("internal error{place}: {message}"));
        output::tell(
            "hint: this is a mistake in the program; please report it with the lines above",
        );
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            output::tell(&std::backtrace::Backtrace::force_capture().to_string());
        }
    }));
}

//! Ctrl-C, and requests to end from elsewhere.

use std::io;
use std::sync::mpsc::{Receiver, channel};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::execute::{Stop, is_ignored};

/// Returns the requests to stop: the first signal asks gently, every later one does not.
///
/// # Errors
/// When the system lets no signal be caught.
pub(super) fn stops() -> io::Result<Receiver<Stop>> {
    // `nohup` has the signal ignored, so that a run outlives the terminal.
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for (number, _) in signals.forever().enumerate() {
                let stop = if number == 0 { Stop::Gently } else { Stop::Now };
                if sender.send(stop).is_err() {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

//! Following the events of a running job.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use contract::Event;

/// Reads lines that another process appends to a file.
pub(super) struct Follower {
    path: PathBuf,
    at: u64,
}

impl Follower {
    pub(super) fn new(path: PathBuf) -> Self {
        // Events that are there already are an earlier attempt's; a new attempt starts the file afresh.
        Self { path, at: 0 }
    }

    /// Returns what was appended since the last time.
    pub(super) fn read(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let Ok(mut file) = File::open(&self.path) else {
            return events;
        };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length < self.at {
            self.at = 0;
        }
        if file.seek(SeekFrom::Start(self.at)).is_err() {
            return events;
        }
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            // A line that is half written is left for the next time.
            if line.last() != Some(&b'\n') {
                break;
            }
            self.at += line.len() as u64;
            events.extend(serde_json::from_slice::<Event>(&line));
            line.clear();
        }
        events
    }
}

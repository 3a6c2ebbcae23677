//! Who holds a lock, for messages alone: whether the lock is held, the kernel says.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::owner::name_of;

/// A process that holds a lock, and whose process it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process that coordinates the run.
    pub pid: u32,
    /// The machine that the process is on.
    pub host: String,
    /// The name of the process's user.
    pub user: String,
    /// When the process took the lock, in seconds since 1970.
    pub since: u64,
}

impl Holder {
    /// Describes this process, which takes a lock now.
    pub fn here() -> Self {
        static NAMES: LazyLock<(String, String)> = LazyLock::new(|| (host(), user()));
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let (host, user) = NAMES.clone();
        Self {
            pid: std::process::id(),
            host,
            user,
            since: since.map_or(0, |time| time.as_secs()),
        }
    }

    /// Writes the holder into the lock file that it holds.
    pub fn sign(&self, lock: &File) {
        if let Ok(text) = serde_json::to_vec(self) {
            // The text is for messages alone, so a full disk, or a file of another user's, is no reason to fail.
            let _ = lock.set_len(0).and_then(|()| lock.write_all_at(&text, 0));
        }
    }

    /// Reads what a holder wrote; `None` if that is not whole.
    pub fn read(path: &Path) -> Option<Self> {
        Self::parse(&fs::read(path).ok()?)
    }

    /// Reads what a holder wrote. Anybody may have written the file, so characters that would disturb a terminal are left out.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut holder: Self = serde_json::from_slice(text).ok()?;
        for name in [&mut holder.host, &mut holder.user] {
            name.retain(|c| !c.is_control());
            if let Some((end, _)) = name.char_indices().nth(64) {
                name.truncate(end);
            }
        }
        Some(holder)
    }

    /// Returns how long the process has held the lock.
    pub fn age(&self) -> Duration {
        let since = UNIX_EPOCH.checked_add(Duration::from_secs(self.since));
        since
            .and_then(|since| since.elapsed().ok())
            .unwrap_or_default()
    }

    /// Whether the process is known to have ended. The lock is then held by a child that has inherited it.
    pub fn is_gone(&self) -> bool {
        self.host == host() && !Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

fn host() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Returns the user's name, as the system knows it.
fn user() -> String {
    let id = rustix::process::getuid().as_raw();
    match name_of(id) {
        name if name.parse() == Ok(id) => {
            std::env::var("USER").unwrap_or_else(|_| format!("user {id}"))
        }
        name => name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_holder_is_read_as_it_was_written_but_for_what_disturbs_terminals() {
        let holder = Holder::here();
        let text = serde_json::to_vec(&holder).unwrap();
        assert_eq!(Holder::parse(&text), Some(holder.clone()));
        assert!(!holder.is_gone());
        assert_eq!(Holder::parse(&text[..text.len() - 1]), None);
        let evil = Holder {
            user: format!("\u{1b}[2J{}", "x".repeat(100)),
            pid: u32::MAX,
            ..holder
        };
        let read = Holder::parse(&serde_json::to_vec(&evil).unwrap()).unwrap();
        assert!(
            read.user.starts_with("[2Jx") && read.user.len() == 64,
            "{read:?}"
        );
        assert!(read.is_gone());
    }
}

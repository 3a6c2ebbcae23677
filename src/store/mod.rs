//! The content-addressed home of artifacts.
//!
//! | place | holds | named by |
//! | --- | --- | --- |
//! | `objects/ab/HEX` | files, read-only | BLAKE3 of the content |
//! | `artifacts/HEX.json` | manifests: which files make an artifact | BLAKE3 of the manifest |
//! | `records/KEY.json` | what a job gave: key → artifact, the key's named parts, the cost | key |
//! | `work/KEY/` | a job that runs or failed: its inputs, output, checkpoints, log | key |
//! | `logs/KEY.txt` | logs of finished jobs | key |
//! | `folders/HEX/` | artifacts that were asked for by name, as folders of links to objects | first digits of the artifact |
//! | `listings/HEX.json` | what inputs consisted of that are no whole artifacts | BLAKE3 of the list |
//! | `away/HEX.json` | where an object is that is known and not here | BLAKE3 of the object |
//! | `imports/HEX.json` | what an archive says of files that are not at hand | the archive's index |
//! | `machines/` | what `pipe doctor --bench` measured | processor and cores |
//! | `runs/` | what each run did, and what its jobs had made when it ended | when it began |
//! | `caches/` | what saves reading other files: an index of the records, notes on artifacts | nothing: may be deleted |
//! | `pins/NAME.json` | what the user wants to keep whatever `pipeline.toml` says | the user |
//! | `users/` | who uses the store now, and the store's locks | process |
//! | `tmp/` | files being written, and folders being removed | nothing: may be emptied when no run goes on |
//!
//! **Order of writing.** Objects, the manifest and the record are written aside and synced; then they are renamed into
//! place, in that order; then their folders are synced, and only then the job counts as done. So a record's manifest and
//! objects exist whenever the record does, also after a kill at any instant, and after a power cut wherever the file system
//! keeps the order of renames (ext4, XFS and Btrfs do). Where it does not, a look-up finds what is missing. At most a job is
//! to be repeated.
//!
//! **Trust.** Every object is hashed at commit, also one that was there already, and by every run before a stage gets it. A
//! look-up compares size and time of the record, the manifest and the objects with what the index has of them, and reads what
//! differs. What fails is set aside as `NAME.damaged` and counts as not there, so its job runs again; `pipe gc` removes such
//! evidence after two weeks.
//!
//! **Assumed of the file system**: rename is atomic within it, a synced file survives a power cut, kernel locks
//! (`flock`) hold among all runs that use the store. Where the last cannot be known, the store is not opened (`filesystem`).

mod again;
mod archive;
mod aside;
mod away;
mod cache;
mod commit;
mod digest;
mod error;
mod external;
mod filesystem;
mod folders;
mod hash;
mod held;
mod history;
mod holder;
mod index;
mod inputs;
mod logs;
mod lookup;
mod machines;
mod manifest;
mod notes;
mod open;
mod origin;
mod outside;
mod owner;
mod pins;
mod prefetch;
mod record;
mod snapshot;
mod users;
mod verify;
mod work;

pub(crate) use again::AGAIN;
pub use again::Scratch;
pub use archive::{
    About, Archive, ArchiveError, Carried, Imported, Index, IsLight, LeftOut, Weight,
};
pub(crate) use aside::{REMOVED, sync};
pub(crate) use away::AWAY;
pub use away::{Absent, Elsewhere};
pub use commit::Made;
pub use digest::{Digest, NotADigest};
pub use error::StoreError;
pub(crate) use error::io_error;
pub use external::External;
pub use external::Hashed;
pub(crate) use external::View;
pub use filesystem::{FileSystem, is_locked_by_another, locks_hold};
pub(crate) use folders::DIGITS;
pub use held::Held;
pub(crate) use held::{list, size_below, stem};
pub use history::{Glance, Known};
pub use holder::Holder;
pub(crate) use inputs::Served;
pub use logs::{hole, left_out};
pub use lookup::{Found, Lookup};
pub use machines::{Peaks, Rates};
pub use manifest::{Content, Entry, Manifest};
pub use notes::{Note, Notes, Noting};
pub use open::Store;
pub use origin::Origin;
pub use outside::{Away, Noted, Outside, Place};
pub(crate) use owner::{make_folder, remedy as owner_remedy, settle};
pub use pins::{Pin, Pinned};
pub use prefetch::Prefetch;
pub use record::{Cost, Record, Worked};
pub use snapshot::Snapshot;
pub use users::{Exclusive, InUse, Section};
pub use verify::{Damage, Verified};
pub(crate) use work::is_at;
pub use work::{Claim, Underway};

#[cfg(test)]
mod tests;

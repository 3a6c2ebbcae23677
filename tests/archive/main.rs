//! What `pipe export` and `import` promise, seen from outside.

mod hostile;
#[path = "../support/mod.rs"]
mod support;
mod travelling;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::Project;

/// Returns the one number of a table.
fn number(table: &str) -> Option<&str> {
    let row = table
        .lines()
        .find(|line| line.trim_start().starts_with("it "))?;
    row.split_whitespace().last()
}

fn hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn member(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut member = header.as_bytes().to_vec();
    member.extend(bytes);
    member.resize(member.len().div_ceil(512) * 512, 0);
    member
}

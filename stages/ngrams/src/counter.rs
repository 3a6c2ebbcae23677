//! Counts of more keys than fit in memory.
//!
//! Keys are gathered in a buffer. When it is full they are sorted and written to a file, each once with its count; in the end the files
//! are merged. So all memory is that of the buffer, and the result is the same whatever its size.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use contract::{StageError, io_error};

/// The most files of one level; as many are merged into one of the next, so that only so many are open at a time.
const FAN_IN: usize = 64;
/// Bytes that a key takes in the buffer beside its own.
const PER_KEY: usize = size_of::<(u32, u32)>();

/// Counts keys, which are byte strings of up to 65,535 bytes.
pub(crate) struct Counter {
    folder: PathBuf,
    room: usize,
    bytes: Vec<u8>,
    /// Place and length of each key in `bytes`.
    keys: Vec<(u32, u32)>,
    /// Files by level.
    files: Vec<Vec<PathBuf>>,
    made: usize,
}

impl Counter {
    /// Makes a counter that holds at most `room` bytes of keys in memory and writes the others to `folder`, which it makes.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn new(folder: PathBuf, room: usize) -> Result<Self, StageError> {
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        Ok(Self {
            folder,
            room: room.min(u32::MAX as usize),
            bytes: Vec::new(),
            keys: Vec::new(),
            files: Vec::new(),
            made: 0,
        })
    }

    /// Counts a key once.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn add(&mut self, key: &[u8]) -> Result<(), StageError> {
        let size = self.bytes.len() + key.len() + (self.keys.len() + 1) * PER_KEY;
        if size > self.room && !self.keys.is_empty() {
            self.spill()?;
        }
        self.keys.push((self.bytes.len() as u32, key.len() as u32));
        self.bytes.extend_from_slice(key);
        Ok(())
    }

    /// Passes each key, in ascending order, to `take` with its count, and removes the files.
    ///
    /// # Errors
    /// When a file cannot be written or read, and the errors of `take`.
    pub(crate) fn finish(
        mut self,
        mut take: impl FnMut(&[u8], u64) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        if self.files.is_empty() {
            return self.counted(&mut take);
        }
        self.spill()?;
        let mut files: Vec<PathBuf> = self.files.concat();
        while files.len() > FAN_IN {
            let some: Vec<PathBuf> = files.drain(..FAN_IN).collect();
            files.push(self.merged(&some)?);
        }
        merge(&files, &mut take)?;
        fs::remove_dir_all(&self.folder).map_err(io_error(&self.folder))
    }

    /// Passes the keys in the buffer, sorted and each once, to `take`, and empties it.
    fn counted(
        &mut self,
        take: &mut impl FnMut(&[u8], u64) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let bytes = std::mem::take(&mut self.bytes);
        let mut keys = std::mem::take(&mut self.keys);
        let key = |&(start, length): &(u32, u32)| &bytes[start as usize..][..length as usize];
        keys.sort_unstable_by(|one, other| key(one).cmp(key(other)));
        for same in keys.chunk_by(|one, other| key(one) == key(other)) {
            take(key(&same[0]), same.len() as u64)?;
        }
        (self.bytes, self.keys) = (bytes, keys);
        self.bytes.clear();
        self.keys.clear();
        Ok(())
    }

    fn spill(&mut self) -> Result<(), StageError> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let mut file = Writing::create(self.next_path())?;
        self.counted(&mut |key, count| file.write(key, count))?;
        let path = file.finish()?;
        self.keep(0, path)
    }

    /// Takes a file into a level, and merges the level if it is full.
    fn keep(&mut self, level: usize, path: PathBuf) -> Result<(), StageError> {
        if self.files.len() == level {
            self.files.push(Vec::new());
        }
        self.files[level].push(path);
        if self.files[level].len() < FAN_IN {
            return Ok(());
        }
        let full = std::mem::take(&mut self.files[level]);
        let merged = self.merged(&full)?;
        self.keep(level + 1, merged)
    }

    /// Merges files into one, and removes them.
    fn merged(&mut self, files: &[PathBuf]) -> Result<PathBuf, StageError> {
        let mut file = Writing::create(self.next_path())?;
        merge(files, &mut |key, count| file.write(key, count))?;
        for path in files {
            fs::remove_file(path).map_err(io_error(path))?;
        }
        file.finish()
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.folder.join(format!("{:06}", self.made))
    }
}

/// Passes the keys of sorted files, in ascending order and each once, to `take` with the sums of their counts.
fn merge(
    files: &[PathBuf],
    take: &mut impl FnMut(&[u8], u64) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let mut readers = Vec::with_capacity(files.len());
    let mut heads = BinaryHeap::new();
    for (place, path) in files.iter().enumerate() {
        let mut reader = Reading::open(path)?;
        if let Some((key, count)) = reader.next()? {
            heads.push(Reverse((key, place, count)));
        }
        readers.push(reader);
    }
    let mut current: Option<(Vec<u8>, u64)> = None;
    while let Some(Reverse((key, place, count))) = heads.pop() {
        if let Some((next, count)) = readers[place].next()? {
            heads.push(Reverse((next, place, count)));
        }
        match &mut current {
            Some((before, sum)) if *before == key => *sum += count,
            _ => {
                if let Some((before, sum)) = current.replace((key, count)) {
                    take(&before, sum)?;
                }
            }
        }
    }
    match current {
        Some((key, count)) => take(&key, count),
        None => Ok(()),
    }
}

struct Writing {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writing {
    fn create(path: PathBuf) -> Result<Self, StageError> {
        let file = BufWriter::new(File::create(&path).map_err(io_error(&path))?);
        Ok(Self { path, file })
    }

    fn write(&mut self, key: &[u8], count: u64) -> Result<(), StageError> {
        let length = u16::try_from(key.len()).map_err(StageError::failed)?;
        self.file
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.file.write_all(key))
            .and_then(|()| self.file.write_all(&count.to_le_bytes()))
            .map_err(io_error(&self.path))
    }

    fn finish(mut self) -> Result<PathBuf, StageError> {
        self.file.flush().map_err(io_error(&self.path))?;
        Ok(self.path)
    }
}

struct Reading<'a> {
    path: &'a Path,
    file: BufReader<File>,
}

impl<'a> Reading<'a> {
    fn open(path: &'a Path) -> Result<Self, StageError> {
        let file = BufReader::new(File::open(path).map_err(io_error(path))?);
        Ok(Self { path, file })
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, u64)>, StageError> {
        let mut length = [0; 2];
        match self
            .file
            .read(&mut length[..1])
            .map_err(io_error(self.path))?
        {
            0 => return Ok(None),
            _ => self.fill(&mut length[1..])?,
        }
        let mut key = vec![0; usize::from(u16::from_le_bytes(length))];
        self.fill(&mut key)?;
        let mut count = [0; 8];
        self.fill(&mut count)?;
        Ok(Some((key, u64::from_le_bytes(count))))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StageError> {
        self.file.read_exact(bytes).map_err(io_error(self.path))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn counts(keys: &[Vec<u8>], room: usize) -> Vec<(Vec<u8>, u64)> {
        let folder = tempfile::tempdir().unwrap();
        let mut counter = Counter::new(folder.path().join("counts"), room).unwrap();
        for key in keys {
            counter.add(key).unwrap();
        }
        let mut found = Vec::new();
        let take = |key: &[u8], count| {
            found.push((key.to_vec(), count));
            Ok(())
        };
        counter.finish(take).unwrap();
        found
    }

    proptest! {
        #[test]
        fn counts_do_not_depend_on_the_room(
            keys in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..400), room in 1_usize..300,
        ) {
            let mut expected: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
            for key in &keys {
                *expected.entry(key.clone()).or_default() += 1;
            }
            let expected: Vec<_> = expected.into_iter().collect();
            prop_assert_eq!(&counts(&keys, room), &expected);
            prop_assert_eq!(&counts(&keys, 1 << 20), &expected);
        }
    }

    /// Several levels of files: each key is a file of its own.
    #[test]
    fn many_files_are_merged_step_by_step() {
        let keys: Vec<Vec<u8>> = (0..10_000_u32)
            .map(|n| (n * 7919 % 500).to_be_bytes().to_vec())
            .collect();
        let found = counts(&keys, 1);
        assert_eq!(found.len(), 500);
        assert!(found.iter().all(|(_, count)| *count == 20));
        assert!(found.is_sorted());
    }
}

//! Whether results and work folders stay, with the reasons.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use super::wanted::{Shape, Wanted, shape};
use crate::execute::JobFile;
use crate::keys::{CanonicalParams, Key};
use crate::registry::Registry;
use crate::store::{Content, Digest, Held, InUse, Manifest, Pin, Store, StoreError, size_below};

/// What is to become of a store's results and work folders.
#[derive(Debug)]
pub struct Decided {
    /// The fate of each result, in the order of `held`.
    pub results: Vec<Fate>,
    /// The fate of each work folder.
    pub work: Vec<(Half, Fate)>,
}

/// What is to become of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Kept(Kept),
    /// It goes.
    Goes(Gone),
}

/// Why something stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The user has pinned the result under that name.
    Pinned(String),
    /// A pipeline needs the result: who asks for it.
    Wanted(String),
    /// A pipeline may need the result, once inputs are made that decide its key: who asks for it.
    Perhaps(String),
    /// That process counts on the result.
    Used(String),
    /// A recent run that was given values of variables made or used the result.
    Recent(String),
    /// The result was imported recently, from that archive.
    Imported(String),
    /// A result that stays rests on this one.
    Rests,
    /// Nothing needs it, but to make it again would cost more than may be lost.
    Dear,
}

/// Why something goes: no table reaches it. The variants say more where more is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gone {
    /// It was made by an older behaviour version.
    Version(String),
    /// Its kind of stage does not exist any more.
    Kind(String),
    /// A pipeline needs the same job with other inputs.
    Inputs,
    /// No more is known.
    Unreached,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(name) => write!(f, "pinned as {name}"),
            Self::Wanted(by) => write!(f, "{by} needs it"),
            Self::Perhaps(by) => write!(f, "{by} may need it, once its inputs are made again"),
            Self::Used(who) => write!(f, "{who} uses it"),
            Self::Recent(run) => write!(f, "{run} made or used it"),
            Self::Imported(archive) => write!(f, "imported from {archive} of late"),
            Self::Rests => f.write_str("another that stays rests on it"),
            Self::Dear => f.write_str("no table reaches it, but it cost too much"),
        }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(kind) => write!(f, "older behaviour version of {kind}"),
            Self::Kind(kind) => write!(f, "no stage kind {kind} any more"),
            Self::Inputs => f.write_str("an input has changed since"),
            Self::Unreached => f.write_str("no table reaches it"),
        }
    }
}

/// What a work folder holds: a job that runs, or one that was stopped or failed.
#[derive(Clone, Debug)]
pub struct Half {
    /// The job's key.
    pub key: Key,
    /// What the job is called.
    pub label: String,
    /// Core time that its last attempt took at most, in seconds.
    pub core_seconds: f64,
    /// How many bytes the folder takes.
    pub bytes: u64,
    shape: Option<Shape>,
    runs: bool,
}

/// Says of each result and work folder whether it stays. All that goes has cost `most` seconds of core time at most, and those
/// go first that give most room for their cost.
///
/// # Errors
/// When work folders cannot be listed.
pub fn decide(
    store: &Store,
    held: &[Held],
    wanted: &Wanted,
    pins: &[Pin],
    users: &[InUse],
    registry: &Registry,
    most: f64,
) -> Result<Decided, StoreError> {
    let mut pinned = BTreeMap::new();
    for pin in pins {
        for result in &pin.results {
            pinned.entry(result.key).or_insert(pin.name.as_str());
        }
    }
    let mut used = BTreeMap::new();
    for user in users {
        for key in user.keys.iter().flatten() {
            used.entry(*key).or_insert(user.who.as_str());
        }
    }
    let root = |held: &Held| {
        let record = &held.known.record;
        let pinned = pinned
            .get(&record.key)
            .map(|name| Kept::Pinned((*name).into()));
        pinned
            .or_else(|| wanted.key(&record.key).map(|by| Kept::Wanted(by.into())))
            .or_else(|| used.get(&record.key).map(|who| Kept::Used((*who).into())))
            .or_else(|| wanted.perhaps(record).map(|by| Kept::Perhaps(by.into())))
            .or_else(|| {
                wanted
                    .recent(&record.key)
                    .map(|run| Kept::Recent(run.into()))
            })
            .or_else(|| {
                let archive = wanted.imported_lately(record)?;
                Some(Kept::Imported(archive.into()))
            })
    };
    let makers = Makers::of(store, held);
    let mut kept: Vec<Option<Kept>> = held.iter().map(root).collect();
    makers.close(&mut kept);

    let halves = halves(store)?;
    let stays = |half: &Half| match &half.shape {
        _ if half.runs => Some(Kept::Used("a job that runs".into())),
        shape => wanted
            .key(&half.key)
            .or_else(|| wanted.begun(shape.as_ref()?))
            .map(|by| Kept::Wanted(by.into()))
            .or_else(|| used.get(&half.key).map(|who| Kept::Used((*who).into())))
            .or_else(|| {
                wanted
                    .begun_lately(&half.label)
                    .map(|run| Kept::Recent(run.into()))
            }),
    };
    let mut kept_halves: Vec<Option<Kept>> = halves.iter().map(stays).collect();

    // Results go in the order of their cost by size, the cheapest first, until what they have cost together reaches the limit.
    let results = held.iter().enumerate().map(|(at, held)| {
        let cost = held.known.record.cost.core_seconds;
        (cost, held.bytes(), held.known.record.key, Ok(at))
    });
    let work = halves.iter().enumerate();
    let work = work.map(|(at, half)| (half.core_seconds, half.bytes, half.key, Err(at)));
    let mut candidates: Vec<_> = results
        .chain(work)
        .filter(|(.., place)| match place {
            Ok(at) => kept[*at].is_none(),
            Err(at) => kept_halves[*at].is_none(),
        })
        .collect();
    candidates.sort_by(|a, b| {
        let per_byte = |cost: f64, bytes: u64| cost.max(0.0) / (bytes as f64 + 1.0);
        per_byte(a.0, a.1)
            .total_cmp(&per_byte(b.0, b.1))
            .then(a.2.cmp(&b.2))
    });
    let mut lost = 0.0;
    for (cost, _, _, place) in candidates {
        if lost + cost.max(0.0) <= most {
            lost += cost.max(0.0);
            continue;
        }
        match place {
            Ok(at) => kept[at] = Some(Kept::Dear),
            Err(at) => kept_halves[at] = Some(Kept::Dear),
        }
    }
    makers.close(&mut kept);

    let results = held.iter().zip(kept).map(|(held, kept)| match kept {
        Some(kept) => Fate::Kept(kept),
        None => Fate::Goes(gone(held, wanted, registry)),
    });
    let work = halves
        .into_iter()
        .zip(kept_halves)
        .map(|(half, kept)| match kept {
            Some(kept) => (half, Fate::Kept(kept)),
            None => (half, Fate::Goes(Gone::Unreached)),
        });
    Ok(Decided {
        results: results.collect(),
        work: work.collect(),
    })
}

/// Says why nothing needs a result.
fn gone(held: &Held, wanted: &Wanted, registry: &Registry) -> Gone {
    let parts = &held.known.record.parts;
    match registry.get(&parts.kind) {
        None => Gone::Kind(parts.kind.clone()),
        Some(stage) if stage.signature().version > parts.version => {
            Gone::Version(parts.kind.clone())
        }
        Some(_) if wanted.has(&held.known.record) => Gone::Inputs,
        Some(_) => Gone::Unreached,
    }
}

/// Returns what the work folders hold. A folder without a job in it was left before there was anything that could be lost.
fn halves(store: &Store) -> Result<Vec<Half>, StoreError> {
    let halves = store.underway()?.into_iter().map(|underway| {
        let folder = &underway.folder;
        let read = std::fs::read(folder.join("job.json"));
        let is_closed = read
            .as_ref()
            .is_err_and(|error| error.kind() != ErrorKind::NotFound);
        let job: Option<JobFile> = read
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let label = match &job {
            Some(job) => job.label.clone(),
            None if is_closed => format!("{}, which cannot be read", folder.display()),
            None => "nothing".to_owned(),
        };
        let threads = job.as_ref().map_or(0, |job| job.threads);
        Half {
            key: underway.key,
            label,
            core_seconds: time_spent(folder) * threads as f64,
            bytes: size_below(folder),
            shape: job.map(|job| {
                let keyed = job.keyed.as_ref().unwrap_or(&job.params);
                shape(&job.kind, &CanonicalParams::of(keyed))
            }),
            runs: underway.runs,
        }
    });
    Ok(halves.collect())
}

/// Returns how long the last attempt in a work folder took, in seconds: from its start to what it told last.
fn time_spent(folder: &Path) -> f64 {
    let time = |name: &str| std::fs::metadata(folder.join(name)).ok()?.modified().ok();
    let spent = |from: SystemTime, to: SystemTime| to.duration_since(from).ok();
    let times = (time("job.json"), time("events.jsonl"));
    match times {
        (Some(from), Some(to)) => spent(from, to).map_or(0.0, |time| time.as_secs_f64()),
        _ => 0.0,
    }
}

/// Which results made which inputs of others.
struct Makers<'a> {
    store: &'a Store,
    held: &'a [Held],
    by_artifact: BTreeMap<Digest, Vec<usize>>,
    by_file: BTreeMap<Digest, Vec<usize>>,
}

impl<'a> Makers<'a> {
    fn of(store: &'a Store, held: &'a [Held]) -> Self {
        let mut by_artifact = BTreeMap::<Digest, Vec<usize>>::new();
        let mut by_file = BTreeMap::<Digest, Vec<usize>>::new();
        // The latest results come first.
        let mut order: Vec<usize> = (0..held.len()).collect();
        order.sort_by_key(|&at| (Reverse(held[at].known.written), held[at].known.record.key));
        for at in order {
            let artifact = held[at].known.record.artifact;
            by_artifact.entry(artifact).or_default().push(at);
            let files = held[at]
                .manifest
                .iter()
                .flat_map(|manifest| &manifest.files);
            for file in files {
                by_file.entry(file.digest).or_default().push(at);
            }
        }
        Self {
            store,
            held,
            by_artifact,
            by_file,
        }
    }

    /// Keeps what the kept results rest on.
    fn close(&self, kept: &mut [Option<Kept>]) {
        let mut open: Vec<usize> = (0..kept.len()).filter(|&at| kept[at].is_some()).collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            for digest in self.held[at].known.record.parts.inputs.values() {
                if !seen.insert(digest.as_str()) {
                    continue;
                }
                let makers = digest.parse().map(|digest| self.makers(&digest));
                let makers = makers.unwrap_or_default();
                // Several results may have made the same input: one of them is enough.
                if let Some(&maker) = makers.first()
                    && makers.iter().all(|&maker| kept[maker].is_none())
                {
                    kept[maker] = Some(Kept::Rests);
                    open.push(maker);
                }
            }
        }
    }

    /// Returns the results that an input was, or was part of.
    fn makers(&self, input: &Digest) -> Vec<usize> {
        if let Some(makers) = self.by_artifact.get(input) {
            return makers.clone();
        }
        let Some(part) = self.store.listing(input) else {
            return Vec::new();
        };
        let holders = part
            .files
            .first()
            .and_then(|file| self.by_file.get(&file.digest));
        let holders = holders.into_iter().flatten().copied();
        let mut makers: Vec<usize> = holders
            .filter(|&at| {
                let whole = self.held[at].manifest.as_ref();
                whole.is_some_and(|whole| is_part(&part, whole))
            })
            .collect();
        makers.dedup();
        makers
    }
}

/// Whether `part` is a folder or file of `whole`.
fn is_part(part: &Manifest, whole: &Manifest) -> bool {
    let Some(first) = part.files.first() else {
        return false;
    };
    let same = whole
        .files
        .iter()
        .filter(|file| file.digest == first.digest);
    same.into_iter().any(|file| {
        let place = match part.content {
            Content::File => Some(file.path.as_str()),
            _ => file
                .path
                .strip_suffix(&first.path)
                .and_then(|place| place.strip_suffix('/')),
        };
        place.is_some_and(|place| whole.part(place).as_ref() == Some(part))
    })
}

//! What is known of a finished job.

use serde::{Deserialize, Serialize};

use super::{Digest, Notes, Origin};
use crate::keys::{Key, KeyParts};

/// What is known of a finished job: the artifact it made, all that its key was made of, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this record's fields.
    pub format: u32,
    /// The job's key, which is also the record's name.
    pub key: Key,
    /// The artifact that the job made.
    pub artifact: Digest,
    /// What the job was called when it ran. Another run may call the same job otherwise.
    pub label: String,
    /// The parts of the key, the behaviour version among them.
    pub parts: KeyParts,
    /// What the job cost when it ran.
    pub cost: Cost,
    /// The fingerprint of the source code that ran ([`crate::registry::Registry::source`]), for messages: it is not keyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the stage noted of the result, for messages: it is not keyed.
    #[serde(default, skip_serializing_if = "Notes::is_none")]
    pub notes: Notes,
    /// The archives that the result came through, the last one last; none if it was made here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origin: Vec<Origin>,
    /// The digest of all fields above, in the record's file alone. Files of earlier builds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<Digest>,
}

impl Record {
    /// The version of the fields: raised when an older program would misread them.
    pub const FORMAT: u32 = 1;

    /// Returns the bytes of the record's file.
    ///
    /// # Panics
    /// Never: a record holds nothing that JSON cannot say.
    pub fn bytes(&self) -> Vec<u8> {
        let mut record = self.clone();
        record.check = Some(self.digest());
        serde_json::to_vec_pretty(&record).expect("texts and numbers are always JSON")
    }

    /// Returns the digest of all but the check.
    fn digest(&self) -> Digest {
        let mut record = self.clone();
        record.check = None;
        let bytes = serde_json::to_vec(&record).expect("texts and numbers are always JSON");
        Digest::of(&bytes)
    }

    /// Reads the record of a key, which somebody else may have written.
    ///
    /// # Errors
    /// What is wrong with it, as a lowercase fragment.
    pub fn read(bytes: &[u8], key: &Key) -> Result<Self, String> {
        let mut record: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("not a record: {error}"))?;
        if record.format != Self::FORMAT {
            return Err(format!("record format {} is not known", record.format));
        }
        if record.key != *key || record.parts.key() != *key {
            return Err("the record is another key's".into());
        }
        // A record that has a check must be in the one form that `bytes` writes.
        if record.check.take().is_some() && record.bytes() != bytes {
            return Err("its content does not fit its check".into());
        }
        Ok(record)
    }
}

/// What a job cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// Time that cores spent on it, in seconds: what it would have taken on one core.
    pub core_seconds: f64,
    /// Time from start to end, in seconds, of the attempt that finished.
    pub wall_seconds: f64,
    /// Threads that it was given.
    pub threads: usize,
    /// Most memory that it held at one time, in bytes.
    pub peak_memory: u64,
    /// How much work the job did, as the stage counts it.
    pub worked: Vec<Worked>,
    /// The processor it ran on.
    pub cpu: String,
    /// What its threads could do at most, in floating-point operations a second, if that had been measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
}

impl Cost {
    /// Returns which share of the peak the job reached from start to end, if both are known.
    pub fn share_of_peak(&self) -> Option<f64> {
        let unit = contract::Event::OPERATION;
        let operations = self.worked.iter().find(|worked| worked.unit == unit)?;
        Some(operations.amount / self.wall_seconds / self.peak?)
    }
}

/// An amount of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worked {
    /// How much.
    pub amount: f64,
    /// The unit: `token`, `sentence`, `byte`.
    pub unit: String,
}

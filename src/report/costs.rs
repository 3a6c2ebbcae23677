//! What the results of a table cost, and on which machine. This differs from machine to machine, unlike everything else that is
//! written.

use std::cell::Cell;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::json;

use super::Provenance;

/// The version of the file's fields.
const SCHEMA_VERSION: u32 = 1;

/// Time, memory, threads and processor of each job that a table rests on, and the fingerprint of the code that ran. Records are
/// read while the file is written, one job after the other.
pub struct Costs<'a>(pub &'a Provenance<'a>);

impl Serialize for Costs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let jobs = Jobs {
            of: self.0,
            core_seconds: Cell::default(),
        };
        let mut fields = serializer.serialize_struct("Costs", 5)?;
        fields.serialize_field("schema_version", &SCHEMA_VERSION)?;
        fields.serialize_field(self.0.plan.kind, &self.0.plan.name)?;
        fields.serialize_field("profile", self.0.profile)?;
        fields.serialize_field("jobs", &jobs)?;
        fields.serialize_field("core_seconds", &jobs.core_seconds.get())?;
        fields.end()
    }
}

/// The jobs of a table, by label; the sum of their costs is known once they are written.
struct Jobs<'a> {
    of: &'a Provenance<'a>,
    core_seconds: Cell<f64>,
}

impl Serialize for Jobs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut jobs = serializer.serialize_map(None)?;
        for (label, index) in self.of.needed() {
            if let Some(record) = (self.of.known)(index) {
                let core_seconds = self.core_seconds.get() + record.cost.core_seconds;
                self.core_seconds.set(core_seconds);
                let cost = json!({ "cost": record.cost, "code": record.source });
                jobs.serialize_entry(label, &cost)?;
            }
        }
        jobs.end()
    }
}

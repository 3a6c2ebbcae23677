//! Parameters in the one form that enters keys.

use std::sync::Arc;

use contract::Params;
use serde_json::{Map, Value};

use super::Encoding;

/// A job's complete parameters as the bytes that enter its key: every value with its length, maps sorted by name. A large sweep
/// holds parameters for each job, so they are kept as bytes, shared by jobs that differ in their inputs alone, and decoded when
/// somebody asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalParams(pub(super) Arc<[u8]>);

impl CanonicalParams {
    /// Encodes parameters.
    pub fn of(params: &Params) -> Self {
        let mut encoding = Encoding(Vec::new());
        encoding.map(&params.0);
        Self(encoding.0.into())
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the parameters, sorted by name.
    pub fn params(&self) -> Params {
        Params(Reader(&self.0).table())
    }

    /// Returns the text that the parameter of that name has at the top, if it is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        let mut reader = Reader(&self.0);
        let count = reader.counted();
        for _ in 0..count {
            let found = reader.name();
            if found == name {
                return (reader.0.first() == Some(&b's')).then(|| reader.name());
            }
            reader.value();
        }
        None
    }
}

/// Reads what [`Encoding`] has written. Nothing else ever comes here, so bytes that cannot be read give empty values and no
/// error.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn tag(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn eight(&mut self) -> [u8; 8] {
        self.take(8).try_into().unwrap_or_default()
    }

    /// Reads a tag and a length.
    fn counted(&mut self) -> usize {
        self.tag();
        usize::try_from(u64::from_le_bytes(self.eight())).unwrap_or_default()
    }

    /// Reads a tag, a length and a text of that length.
    fn name(&mut self) -> &'a str {
        let length = self.counted();
        std::str::from_utf8(self.take(length)).unwrap_or_default()
    }

    fn table(&mut self) -> Map<String, Value> {
        let count = self.counted();
        (0..count)
            .map(|_| (self.name().to_owned(), self.value()))
            .collect()
    }

    fn value(&mut self) -> Value {
        match self.0.first() {
            Some(b's') => Value::from(self.name()),
            Some(b'm') => Value::Object(self.table()),
            Some(b'l') => {
                let count = self.counted();
                (0..count).map(|_| self.value()).collect()
            }
            _ => match self.tag() {
                b'b' => Value::from(self.tag() != 0),
                b'i' => Value::from(i64::from_le_bytes(self.eight())),
                b'u' => Value::from(u64::from_le_bytes(self.eight())),
                b'f' => Value::from(f64::from_bits(u64::from_le_bytes(self.eight()))),
                _ => Value::Null,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::keys::tests::params;

    proptest! {
        #[test]
        fn parameters_are_read_back_as_they_were(params in params()) {
            let params = Params(params.into_iter().collect());
            let canonical = CanonicalParams::of(&params);
            prop_assert_eq!(&canonical.params(), &params);
            for (name, value) in &params.0 {
                prop_assert_eq!(canonical.text(name), value.as_str());
            }
            prop_assert_eq!(canonical.text("no such name"), None);
        }
    }

    #[test]
    fn large_and_small_numbers_keep_their_kind() {
        let params =
            json!({"a": u64::MAX, "b": i64::MIN, "c": 1.0, "d": 1, "e": [null, {"x": []}]});
        let params = Params(params.as_object().unwrap().clone());
        assert_eq!(CanonicalParams::of(&params).params(), params);
    }
}

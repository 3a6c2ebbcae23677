//! What decides a job's result, and the key made of it.
//!
//! A job's result is stored under its key: equal keys promise equal bytes. What enters the key, in this order:
//!
//! | part | why | not keyed |
//! | --- | --- | --- |
//! | format version ([`FORMAT`]) | a change of this module must not hit old records | |
//! | kind | two kinds never share a result | the stage's name in `pipeline.toml` |
//! | behaviour version | raised when the code gives other bytes than before | the source text of the code |
//! | numerics class, as the stage says it of its parameters | other arithmetic, other bits | host, thread count, `resources` |
//! | parameters, complete and canonical | what the user chose, defaults filled in | variables, spelling, key order, comments; what a field's [`contract::KeyPolicy`] keeps out: what can change no byte, and options that came later while they are neutral |
//! | digests of the inputs, by name | the data itself, so that equal bytes made in another way hit | where the inputs lie, what made them; of a single file of the user's its name, but for the extension |
//!
//! **Framing.** Every part is preceded by a tag byte and, where its size may vary, by its length as 64-bit
//! little-endian, so no two different lists of parts give one byte sequence. Floats enter as their IEEE bits. Maps
//! enter sorted by key. The hash is BLAKE3 in key-derivation mode under a context of its own, so a key can never
//! equal the digest of some file.
//!
//! The parts are kept beside the key in each record, so that a later run can say *what* changed and not only that
//! something did.

mod canonical;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use canonical::CanonicalParams;

/// The version of the framing below: raised with any change to it.
pub const FORMAT: u32 = 1;

/// Separates keys from every other use of BLAKE3.
const CONTEXT: &str = "pipe 2026 job key";

/// The name under which a job's result is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(blake3::Hash);

impl Key {
    /// Returns the key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    /// Returns the key as 64 lowercase hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.to_hex().to_string()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_hex().as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_bytes().cmp(other.0.as_bytes())
    }
}

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct NotAKey;

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        // Only the one form that `Display` writes: a key is also a file name.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotAKey);
        }
        blake3::Hash::from_hex(text).map(Self).map_err(|_| NotAKey)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The named parts of a key, as records keep them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyParts {
    /// The stage kind.
    pub kind: String,
    /// Its behaviour version.
    pub version: u32,
    /// The numerics class, for the kinds whose signature says one.
    pub numerics: Option<String>,
    /// The complete parameters as far as they are keyed, without inputs.
    pub params: contract::Params,
    /// Input name → digest of its content, in lowercase hexadecimal. Inputs that were not given are left out.
    pub inputs: BTreeMap<String, String>,
}

impl KeyParts {
    /// Returns the key of these parts.
    pub fn key(&self) -> Key {
        let inputs = self.inputs.iter();
        key(
            &self.kind,
            self.version,
            self.numerics.as_deref(),
            &CanonicalParams::of(&self.params),
            inputs.map(|(name, digest)| (name.as_str(), digest.as_str())),
        )
    }
}

/// Returns the key of these parts; the inputs, name and digest, sorted by name.
pub fn key<N: AsRef<str>, D: AsRef<str>>(
    kind: &str,
    version: u32,
    numerics: Option<&str>,
    params: &CanonicalParams,
    inputs: impl ExactSizeIterator<Item = (N, D)>,
) -> Key {
    let mut encoding = Encoding(Vec::with_capacity(params.0.len() + 256));
    encoding.fixed(b'F', &FORMAT.to_le_bytes());
    encoding.sized(b'K', kind.as_bytes());
    encoding.fixed(b'V', &version.to_le_bytes());
    match numerics {
        Some(class) => encoding.sized(b'N', class.as_bytes()),
        None => encoding.fixed(b'n', &[]),
    }
    encoding.fixed(b'P', &params.0);
    encoding.fixed(b'I', &(inputs.len() as u64).to_le_bytes());
    for (name, digest) in inputs {
        encoding.sized(b'k', name.as_ref().as_bytes());
        encoding.sized(b's', digest.as_ref().as_bytes());
    }
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&encoding.0);
    Key(hasher.finalize())
}

/// Writes values so that where one ends is never in doubt.
struct Encoding(Vec<u8>);

impl Encoding {
    fn fixed(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.0.extend_from_slice(bytes);
    }

    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        self.fixed(tag, &(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn map(&mut self, map: &serde_json::Map<String, Value>) {
        self.fixed(b'm', &(map.len() as u64).to_le_bytes());
        // The map may keep insertion order (a feature of serde_json that any dependency can switch on).
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in entries {
            self.sized(b'k', name.as_bytes());
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.fixed(b'0', &[]),
            Value::Bool(value) => self.fixed(b'b', &[u8::from(*value)]),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) => self.fixed(b'i', &whole.to_le_bytes()),
                (None, Some(whole)) => self.fixed(b'u', &whole.to_le_bytes()),
                // JSON numbers are finite: what is no integer is a float.
                (None, None) => {
                    let bits = number.as_f64().unwrap_or_default().to_bits();
                    self.fixed(b'f', &bits.to_le_bytes());
                }
            },
            Value::String(text) => self.sized(b's', text.as_bytes()),
            Value::Array(items) => {
                self.fixed(b'l', &(items.len() as u64).to_le_bytes());
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(map) => self.map(map),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn example() -> KeyParts {
        let params = json!({
            "steps": 400,
            "lr": 0.002,
            "size": "nano",
            "masking": {"corrupt": 0.4, "predict": 0.15, "exact": true},
            "vocab": null,
        });
        KeyParts {
            kind: "pretrain".into(),
            version: 1,
            numerics: Some("cpu-f32/1".into()),
            params: contract::Params(params.as_object().unwrap().clone()),
            inputs: BTreeMap::from([("tokens".into(), "00".repeat(32))]),
        }
    }

    /// A key that changes loses every stored result: raise [`FORMAT`] and this vector together, knowingly.
    #[test]
    fn the_format_is_pinned() {
        assert_eq!(
            example().key().to_hex(),
            "797c4b174897b1dafadb123aa7cef4649e80ff46f99137d1deb3545af5b6bdde"
        );
    }

    #[test]
    fn each_part_changes_the_key() {
        let base = example();
        let mut others = Vec::new();
        let mut vary = |change: &dyn Fn(&mut KeyParts)| {
            let mut parts = base.clone();
            change(&mut parts);
            others.push(parts.key());
        };
        vary(&|parts| parts.kind.push('2'));
        vary(&|parts| parts.version = 2);
        vary(&|parts| parts.numerics = None);
        vary(&|parts| parts.numerics = Some(String::new()));
        vary(&|parts| drop(parts.params.0.insert("steps".into(), json!(400.0))));
        vary(&|parts| drop(parts.params.0.insert("steps".into(), json!("400"))));
        vary(&|parts| drop(parts.params.0.remove("vocab")));
        vary(&|parts| drop(parts.inputs.insert("tokens".into(), "11".repeat(32))));
        vary(&|parts| drop(parts.inputs.insert("extra".into(), "00".repeat(32))));
        vary(&|parts| parts.inputs.clear());
        others.push(base.key());
        let distinct: std::collections::BTreeSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
    }

    #[test]
    fn parts_survive_their_record_and_a_key_its_text() {
        let parts = example();
        let text = serde_json::to_string(&parts).unwrap();
        let read: KeyParts = serde_json::from_str(&text).unwrap();
        assert_eq!(read.key(), parts.key());
        assert_eq!(parts.key().to_string().parse(), Ok(parts.key()));
        assert_eq!("12".parse::<Key>(), Err(NotAKey));
        let upper = parts.key().to_string().to_uppercase();
        assert_eq!(upper.parse::<Key>(), Err(NotAKey), "there is one form");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            "[a-c]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    pub(super) fn params() -> impl Strategy<Value = BTreeMap<String, Value>> {
        prop::collection::btree_map("[a-c]{1,2}", value(), 0..5)
    }

    fn key_of(params: impl IntoIterator<Item = (String, Value)>) -> Key {
        KeyParts {
            params: contract::Params(params.into_iter().collect()),
            ..example()
        }
        .key()
    }

    proptest! {
        #[test]
        fn different_parameters_have_different_keys(a in params(), b in params()) {
            let equal = a == b;
            prop_assert_eq!(equal, key_of(a) == key_of(b));
        }

        #[test]
        fn the_order_of_parameters_does_not_matter(params in params()) {
            let backwards: Vec<_> = params.clone().into_iter().rev().collect();
            prop_assert_eq!(key_of(params), key_of(backwards));
        }
    }
}

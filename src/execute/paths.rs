//! Paths in `job.json`: each a text or, where it is not UTF-8, as a folder's name may be, the list of its bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use contract::Inputs;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes(Vec<u8>),
}

impl Written {
    fn of(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes(path.as_os_str().as_bytes().to_vec()),
        }
    }

    fn path(self) -> PathBuf {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => OsString::from_vec(bytes).into(),
        }
    }
}

pub(super) fn serialize<S: Serializer>(inputs: &Inputs, to: S) -> Result<S::Ok, S::Error> {
    let inputs = inputs.0.iter();
    to.collect_map(inputs.map(|(name, path)| (name, Written::of(path))))
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Inputs, D::Error> {
    let written = BTreeMap::<String, Written>::deserialize(from)?.into_iter();
    Ok(Inputs(
        written.map(|(name, path)| (name, path.path())).collect(),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Job(#[serde(with = "super")] Inputs);

    #[test]
    fn any_path_comes_back_as_it_was() {
        let odd = OsString::from_vec(b"/s\xe9/x".to_vec());
        let paths = [("a", Path::new("/plain/ö")), ("b", Path::new(&odd))];
        let text = serde_json::to_string(&Job(Inputs::from(paths))).unwrap();
        assert_eq!(text, r#"{"a":"/plain/ö","b":[47,115,233,47,120]}"#);
        let Job(read) = serde_json::from_str(&text).unwrap();
        assert_eq!(read.0, Inputs::from(paths).0);
    }
}

//! The bytes of a manifest. A manifest that is read has one form, and none of its files lies outside of its folder.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use pipe::store::{Digest, Manifest};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::read(bytes) {
        check(&manifest);
        assert_eq!(manifest.bytes(), bytes, "there is one form");
        assert_eq!(manifest.digest(), Digest::of(bytes));
    }
    // Another form of the same JSON gives a manifest whose bytes are read again, or is refused.
    let Ok(loose) = serde_json::from_slice::<Manifest>(bytes) else {
        return;
    };
    let manifest = Manifest::new(loose.content, loose.files);
    if let Ok(read) = Manifest::read(&manifest.bytes()) {
        assert_eq!(read, manifest);
        check(&read);
    }
});

fn check(manifest: &Manifest) {
    for file in &manifest.files {
        let mut parts = Path::new(&file.path).components();
        assert!(
            parts.all(|part| matches!(part, Component::Normal(_))),
            "{:?}",
            file.path
        );
        assert!(!file.path.is_empty() && !file.path.contains('\0'));
    }
    manifest.size();
    for name in manifest.top() {
        let part = manifest.part(&name).expect("what is at the top is there");
        assert_eq!(Manifest::read(&part.bytes()), Ok(part));
    }
}

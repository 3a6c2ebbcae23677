//! The bytes of a record. A record that is read is written and read again the same, and under its own key alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pipe::keys::CanonicalParams;
use pipe::store::Record;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut record) = serde_json::from_slice::<Record>(bytes) else {
        return;
    };
    if Record::read(bytes, &record.key).is_err() {
        // No input of the fuzzer has its own hash in it, so the record gets the key that it ought to have.
        record.key = record.parts.key();
        record.format = Record::FORMAT;
    }
    let record = Record::read(&record.bytes(), &record.key).expect("a record is read back");
    let canonical = CanonicalParams::of(&record.parts.params);
    assert_eq!(canonical.params(), record.parts.params);
    let _ = record.cost.share_of_peak();
    assert_eq!(Record::read(&record.bytes(), &record.key), Ok(record.clone()));
    assert_eq!(record.key.to_string().parse(), Ok(record.key));
    let mut other = record.clone();
    other.parts.version ^= 1;
    let text = other.bytes();
    assert!(
        Record::read(&text, &record.key).is_err(),
        "a record of another key"
    );
    assert!(
        Record::read(&text, &other.parts.key()).is_err(),
        "a record that names another key"
    );
});

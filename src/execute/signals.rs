//! Which signals this program was started to ignore.

use std::fs;

/// Whether the signal is ignored, as `nohup` has it: then it is not to be caught.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_among_ignored(&status, signal)
}

fn is_among_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| {
        let mask = line.strip_prefix("SigIgn:")?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    mask.unwrap_or(0) >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_a_bit_of_the_mask() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(is_among_ignored(status, 1));
        assert!(is_among_ignored(status, 13));
        assert!(!is_among_ignored(status, 15));
        assert!(!is_among_ignored("", 1));
    }
}

//! Which examples of a file are scored and not trained on.

/// Whether the examples with this content are scored. That follows from the content and the share alone, so that no example changes
/// sides when others are added, removed or moved, and equal ones lie on one side.
pub(crate) fn is_scored(content: &[&str], share: f64) -> bool {
    let mut hasher = blake3::Hasher::new();
    for text in content {
        // The lengths keep `a, bc` and `ab, c` apart.
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let hash = hasher.finalize();
    let mut start = [0; 8];
    start.copy_from_slice(&hash.as_bytes()[..8]);
    // The upper 53 bits, which a 64-bit float holds exactly.
    let place = (u64::from_le_bytes(start) >> 11) as f64 / (1_u64 << 53) as f64;
    place < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_contents_is_scored_and_a_larger_share_holds_a_smaller_one() {
        let contents: Vec<String> = (0..2000).map(|number| format!("Satz {number}")).collect();
        let scored = |share: f64| {
            let of = |text: &String| is_scored(&[text], share);
            contents.iter().map(of).collect::<Vec<bool>>()
        };
        let (fifth, half) = (scored(0.2), scored(0.5));
        let count = |sides: &[bool]| sides.iter().filter(|side| **side).count();
        assert!((340..460).contains(&count(&fifth)), "{}", count(&fifth));
        assert!((920..1080).contains(&count(&half)), "{}", count(&half));
        assert!(fifth.iter().zip(&half).all(|(fifth, half)| !fifth || *half));
        assert!((0..64).any(|n| {
            let (a, b) = (format!("a{n}"), format!("b{n}"));
            is_scored(&[&a, &b], 0.5) != is_scored(&[&format!("{a}{b}"), ""], 0.5)
        }));
    }
}

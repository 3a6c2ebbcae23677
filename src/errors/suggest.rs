//! "Did you mean": the known name nearest to a misspelt one.

/// Longer names, in bytes, are not compared letter by letter: that takes the product of two lengths.
const LONGEST: usize = 100;

/// Returns the known name most like `given`, if any is like it at all. Ties go to the earlier one.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let given = given.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let lower = name.to_lowercase();
        let likeness = if lower.replace(['-', '_'], "") == given.replace(['-', '_'], "") {
            1.0
        } else if given.len().max(lower.len()) > LONGEST {
            0.0
        } else {
            strsim::jaro_winkler(&given, &lower)
        };
        // Jaro-Winkler gives unrelated short words up to about 0.7; two words with one typo are above 0.8.
        if likeness >= 0.75 && best.is_none_or(|(top, _)| likeness > top) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Returns the remedy for a name that is not known: the nearest one, else all if they are few.
pub(crate) fn did_you_mean<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    what: &str,
) -> String {
    let names: Vec<_> = known.into_iter().collect();
    if let Some(name) = nearest(given, names.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    match names.len() {
        0 => format!("there are no {what}"),
        1..=20 => format!("known {what}: {}", names.join(", ")),
        count => format!("{count} {what} are declared, none like it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_word_and_strangers_do_not() {
        let known = ["m_corr", "m_pred", "strategy", "size", "seed"];
        assert_eq!(nearest("m_cor", known), Some("m_corr"));
        assert_eq!(nearest("stratgey", known), Some("strategy"));
        assert_eq!(nearest("m-pred", known), Some("m_pred"));
        assert_eq!(nearest("Seed", known), Some("seed"));
        assert_eq!(nearest("learning_rate", known), None);
        let long = "x".repeat(1 << 20);
        let longer = format!("{long}y");
        assert_eq!(nearest(&long, [longer.as_str()]), None, "in no time");
        assert_eq!(
            did_you_mean("learning_rate", known, "variables"),
            "known variables: m_corr, m_pred, strategy, size, seed"
        );
    }
}

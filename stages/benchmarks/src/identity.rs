//! Names of examples. Statistics compare predictions for the same example from different jobs by its name.

use std::collections::BTreeSet;

/// Returns a name for each example of a part of a data set: the data set's own names if every example has one and all differ,
/// else the examples' places in the file. Each example comes as its own name, empty for none, and its place.
pub(crate) fn settle(examples: impl Iterator<Item = (String, usize)> + Clone) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let own = examples
        .clone()
        .all(|(name, _)| !name.is_empty() && seen.insert(name));
    examples
        .map(|(name, place)| match own {
            true => name,
            false => place.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_files_own_if_they_tell_examples_apart() {
        let settled = |names: &[&str]| {
            let names = names.iter().zip(3..);
            settle(names.map(|(name, place)| ((*name).to_owned(), place)))
        };
        assert_eq!(settled(&["7", "12"]), ["7", "12"]);
        assert_eq!(settled(&["7", ""]), ["3", "4"]);
        assert_eq!(settled(&["7", "7"]), ["3", "4"]);
        assert!(settled(&[]).is_empty());
    }
}

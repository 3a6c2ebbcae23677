//! Regular English inflection of the lexicon's words.

const VOWELS: &[char] = &['a', 'e', 'i', 'o', 'u'];

/// Returns the past tense, also the passive participle: `praised`, `buried`, `scrubbed`.
pub(crate) fn past(verb: &str) -> String {
    if let Some(stem) = verb.strip_suffix('e') {
        format!("{stem}ed")
    } else if let Some(stem) = ends_in_consonant_and_y(verb) {
        format!("{stem}ied")
    } else {
        format!("{}ed", doubled(verb))
    }
}

/// Returns the present participle: `praising`, `burying`, `scrubbing`.
pub(crate) fn progressive(verb: &str) -> String {
    match verb.strip_suffix('e') {
        Some(stem) => format!("{stem}ing"),
        None => format!("{}ing", doubled(verb)),
    }
}

/// Returns the plural: `boxes`, `ponies`, `lamps`.
pub(crate) fn plural(noun: &str) -> String {
    if let Some(stem) = ends_in_consonant_and_y(noun) {
        format!("{stem}ies")
    } else if ["s", "x", "ch", "sh"]
        .iter()
        .any(|ending| noun.ends_with(ending))
    {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// Returns the indefinite article that goes before `word`.
pub(crate) fn article(word: &str) -> &'static str {
    if word.starts_with(VOWELS) && !word.starts_with("us") {
        "an"
    } else {
        "a"
    }
}

fn ends_in_consonant_and_y(word: &str) -> Option<&str> {
    word.strip_suffix('y')
        .filter(|stem| !stem.ends_with(VOWELS))
}

/// Doubles the last consonant of a word of one syllable that ends in one vowel and one consonant.
fn doubled(verb: &str) -> String {
    let letters: Vec<char> = verb.chars().collect();
    let vowel = |letter: &char| VOWELS.contains(letter);
    let one_syllable = letters.iter().filter(|&letter| vowel(letter)).count() == 1;
    match letters.as_slice() {
        [.., before, middle, last]
            if one_syllable
                && !vowel(before)
                && vowel(middle)
                && !vowel(last)
                && !['w', 'x', 'y'].contains(last) =>
        {
            format!("{verb}{last}")
        }
        _ => verb.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflects_regular_words() {
        for (verb, expected_past, expected_progressive) in [
            ("praise", "praised", "praising"),
            ("scrub", "scrubbed", "scrubbing"),
            ("bury", "buried", "burying"),
            ("mix", "mixed", "mixing"),
            ("clean", "cleaned", "cleaning"),
            ("lower", "lowered", "lowering"),
            ("destroy", "destroyed", "destroying"),
        ] {
            assert_eq!(
                (past(verb), progressive(verb)),
                (expected_past.into(), expected_progressive.into())
            );
        }
        for (noun, expected) in [
            ("box", "boxes"),
            ("pony", "ponies"),
            ("lamp", "lamps"),
            ("torch", "torches"),
        ] {
            assert_eq!(plural(noun), expected);
        }
        assert_eq!(
            (article("axe"), article("usual"), article("mug")),
            ("an", "a", "a")
        );
    }
}

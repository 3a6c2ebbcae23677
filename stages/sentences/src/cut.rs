//! Where a document's sentences begin and end: the boundaries of Unicode's standard annex 29, but for those after an abbreviation or
//! an initial, which most often are none. A line break always ends a sentence.

use unicode_segmentation::UnicodeSegmentation;

/// What a point belongs to without ending a sentence, where a name or a number follows. Lower case, without the last point.
const ABBREVIATIONS: &[&str] = &[
    "adm", "approx", "ave", "brig", "capt", "cf", "col", "dr", "e.g", "et al", "fig", "ft", "gen",
    "gov", "hon", "i.e", "jr", "lt", "maj", "mr", "mrs", "ms", "mt", "op", "pp", "prof", "rep",
    "rev", "sen", "sgt", "sr", "st", "vol", "vs",
];

/// More characters than an abbreviation has, with the one before it.
const LONGEST: usize = 16;

/// The abbreviation that is also a word on which sentences end, and counts with its capital alone: `No. 5`.
const NUMBER: &str = "No";

/// Returns the sentences of a text in their order, without white space around them, of each run of white space within one space.
pub fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut open = String::new();
        for piece in line.unicode_sentences() {
            open.push_str(piece);
            if !goes_on(&open) {
                push(&mut found, &open);
                open.clear();
            }
        }
        push(&mut found, &open);
    }
    found
}

fn push(found: &mut Vec<String>, sentence: &str) {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    if !words.is_empty() {
        found.push(words.join(" "));
    }
}

/// Whether a text ends in an abbreviation or an initial, so that the sentence most likely goes on.
fn goes_on(text: &str) -> bool {
    let Some(before) = text.trim_end().strip_suffix('.') else {
        return false;
    };
    let mut words = before.rsplit(|c: char| c.is_whitespace() || "([\"'“‘".contains(c));
    let last = words.next().unwrap_or_default();
    let mut letters = last.chars();
    let initial =
        matches!((letters.next(), letters.next()), (Some(letter), None) if letter.is_uppercase());
    // An abbreviation is short; a line may be long.
    let from = before
        .char_indices()
        .rev()
        .nth(LONGEST)
        .map_or(0, |(at, _)| at);
    let lower = before[from..].to_lowercase();
    let is_word_end = |abbreviation: &str| {
        let rest = lower.strip_suffix(abbreviation);
        rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '.'))
    };
    initial || last == NUMBER || ABBREVIATIONS.iter().any(|one| is_word_end(one))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_where_readers_see_an_end() {
        for (text, expected) in [
            ("One. Two!  Three?", vec!["One.", "Two!", "Three?"]),
            (
                "A heading\nIt has 3.5 million people.",
                vec!["A heading", "It has 3.5 million people."],
            ),
            (
                "Mr. Smith and J. R. Doe met. They left.",
                vec!["Mr. Smith and J. R. Doe met.", "They left."],
            ),
            (
                "He said \"Stop.\" Then he ran (see Fig. 3).",
                vec!["He said \"Stop.\"", "Then he ran (see Fig. 3)."],
            ),
            (
                "The answer was no. Then No. 5 came.",
                vec!["The answer was no.", "Then No. 5 came."],
            ),
            ("It went on, e.g. Here.", vec!["It went on, e.g. Here."]),
            ("The almost. Was it?", vec!["The almost.", "Was it?"]),
            (" \n\t\n", vec![]),
            ("no end", vec!["no end"]),
            ("これは文です。次の文。", vec!["これは文です。", "次の文。"]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    proptest! {
        /// Nothing is lost or doubled but white space.
        #[test]
        fn the_words_are_those_of_the_text(text in "[a-zA-Z.!? \n\"(é]{0,80}") {
            let found = sentences(&text);
            let joined: String = found.concat().split_whitespace().collect();
            let expected: String = text.split_whitespace().collect();
            let kept = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            prop_assert_eq!(kept(&joined), kept(&expected));
            prop_assert!(found.iter().all(|one| !one.is_empty() && one.trim() == one));
        }
    }
}

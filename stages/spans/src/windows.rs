//! Questions and texts as sequences: `[CLS] question [SEP] text [SEP]`, in several windows where the text is too long for one. RoBERTa's
//! tokenizers put two separators between question and text.
//!
//! Windows begin `stride` tokens of the text apart, and overlap where they hold more; the last one ends with the text. A token that lies
//! in several windows belongs to the one in which it has most context on its poorer side (`run_squad.py`).

use std::ops::Range;
use std::sync::Arc;

use benchmarks::Question;
use contract::StageError;
use encoder::{Config, Sequence};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokenize::{Token, Tokenizer};

/// Tokens around question and text, besides those between the two: `[CLS]` and `[SEP]`.
const ENDS: usize = 2;
/// The shortest sequence of any tokenizer: a token of a question and one of a text, with `[SEP]` between them.
pub(crate) const SHORTEST: usize = ENDS + 3;

/// A window of a text, with the question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    ids: Vec<u32>,
    /// Token types, one per token; empty where the encoder has a single token type.
    token_types: Vec<u32>,
    /// The place in the sequence of the window's first token of the text.
    first: usize,
    /// Which tokens of the text the window holds.
    pub(crate) tokens: Range<usize>,
    /// The first and the last token of the gold answer, as places in the sequence; both 0 if the window does not hold all of it.
    pub(crate) target: [u32; 2],
}

impl Window {
    /// Makes a window without tokens of its own, whose first token of the text stands at `first` in its sequence.
    #[cfg(test)]
    pub(crate) fn bare(first: usize, tokens: Range<usize>) -> Self {
        Self {
            ids: Vec::new(),
            token_types: Vec::new(),
            first,
            tokens,
            target: [0, 0],
        }
    }

    /// Returns the window as a sequence with the index `sample` in its update.
    pub(crate) fn sequence(&self, sample: u32) -> Sequence {
        Sequence {
            token_types: self.token_types.clone(),
            ..Sequence::new(self.ids.clone(), sample)
        }
    }

    /// Returns the number of tokens of the sequence.
    pub(crate) fn length(&self) -> usize {
        self.ids.len()
    }

    /// Returns the token of the text at a place in the sequence, if there is one.
    pub(crate) fn token(&self, place: usize) -> Option<usize> {
        let token = place.checked_sub(self.first)? + self.tokens.start;
        self.tokens.contains(&token).then_some(token)
    }
}

/// A question with the windows of its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) windows: Vec<Window>,
    /// The places of the text's tokens, in bytes. Questions about one text share them.
    pub(crate) places: Arc<[Range<usize>]>,
    /// Whether the question was longer than allowed and was cut.
    pub(crate) is_cut: bool,
}

/// How questions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lengths {
    /// The most tokens of a sequence; 0 for as many as tokenizer and encoder allow.
    pub(crate) sequence: usize,
    /// The most tokens of a question. At most half of a sequence is the question's.
    pub(crate) question: usize,
    /// Tokens from the beginning of one window to that of the next.
    pub(crate) stride: usize,
}

/// Turns questions into windows for one encoder.
pub(crate) struct Reader<'a> {
    tokenizer: &'a Tokenizer,
    lengths: Lengths,
    /// The ids between question and text.
    separators: Vec<u32>,
    has_types: bool,
}

impl<'a> Reader<'a> {
    /// Makes a reader for an encoder with the configuration `config`.
    ///
    /// # Errors
    /// When the encoder has fewer positions than a sequence, or too few for any.
    pub(crate) fn new(
        tokenizer: &'a Tokenizer,
        config: &Config,
        lengths: Lengths,
    ) -> Result<Self, StageError> {
        let positions = config.max_length();
        let sequence = match lengths.sequence {
            0 => tokenizer.max_length().unwrap_or(positions).min(positions),
            asked => asked,
        };
        let separators = tokenizer.separators();
        let shortest = ENDS + separators.len() + 2;
        if sequence > positions || sequence < shortest {
            let reason = format!("{sequence} tokens, but the encoder has {positions} positions");
            let remedy = format!("give from {shortest} to {positions}, or 0 for all");
            return Err(StageError::input("max_length", reason, remedy));
        }
        Ok(Self {
            tokenizer,
            lengths: Lengths {
                sequence,
                ..lengths
            },
            separators,
            has_types: config.type_vocab_size >= 2 && tokenizer.has_token_types(),
        })
    }

    /// Reads questions, in their order.
    ///
    /// # Errors
    /// When a text has no token.
    pub(crate) fn read(&self, questions: &[Question]) -> Result<Vec<Asked>, StageError> {
        self.read_at(questions, &|question| {
            (
                "data".to_owned(),
                format!("the text of question `{}` has no token", question.id),
            )
        })
    }

    /// Reads questions as [`Reader::read`] does; `lacking` names the place of a question whose text has no token, and says so.
    ///
    /// # Errors
    /// When a text has no token.
    pub(crate) fn read_at(
        &self,
        questions: &[Question],
        lacking: &(dyn Fn(&Question) -> (String, String) + Sync),
    ) -> Result<Vec<Asked>, StageError> {
        // Neighbours that ask about one text share it.
        let mut texts: Vec<(&Question, Range<usize>)> = Vec::new();
        for (place, question) in questions.iter().enumerate() {
            match texts.last_mut() {
                Some((first, range)) if first.context == question.context => range.end = place + 1,
                _ => texts.push((question, place..place + 1)),
            }
        }
        let read = texts.into_par_iter().map(|(first, range)| {
            let tokens = self.tokenizer.tokens(&first.context);
            if tokens.is_empty() {
                let (place, reason) = lacking(first);
                return Err(StageError::input(
                    place,
                    reason,
                    "give texts of which the tokenizer leaves something",
                ));
            }
            let places = tokens.iter().map(|token| token.bytes.clone()).collect();
            let questions = questions[range].iter();
            Ok(questions
                .map(|question| self.ask(question, &tokens, &places))
                .collect::<Vec<Asked>>())
        });
        let read = read.collect::<Result<Vec<_>, _>>()?;
        Ok(read.into_iter().flatten().collect())
    }

    fn ask(&self, question: &Question, text: &[Token], places: &Arc<[Range<usize>]>) -> Asked {
        let Lengths {
            sequence,
            question: longest,
            stride,
        } = self.lengths;
        let mut asked = self.tokenizer.encode(&question.question);
        let around = ENDS + self.separators.len();
        let longest = longest.min((sequence - around) / 2);
        let is_cut = asked.len() > longest;
        asked.truncate(longest);
        let room = sequence - around - asked.len();
        let answer = question
            .answers
            .first()
            .and_then(|bytes| tokens_of(bytes, text));
        let windows = spread(text.len(), room, stride)
            .map(|tokens| self.window(&asked, text, tokens, answer.as_ref()))
            .collect();
        Asked {
            windows,
            places: Arc::clone(places),
            is_cut,
        }
    }

    fn window(
        &self,
        asked: &[u32],
        text: &[Token],
        tokens: Range<usize>,
        answer: Option<&Range<usize>>,
    ) -> Window {
        let specials = self.tokenizer.specials();
        let mut ids = vec![specials.cls];
        ids.extend(asked);
        ids.extend(&self.separators);
        let first = ids.len();
        ids.extend(text[tokens.clone()].iter().map(|token| token.id));
        ids.push(specials.sep);
        let inside = answer.filter(|own| own.start >= tokens.start && own.end <= tokens.end);
        let place = |token: usize| (first + token - tokens.start) as u32;
        Window {
            token_types: match self.has_types {
                true => (0..ids.len()).map(|at| u32::from(at >= first)).collect(),
                false => Vec::new(),
            },
            ids,
            first,
            target: inside.map_or([0, 0], |own| [place(own.start), place(own.end - 1)]),
            tokens,
        }
    }
}

/// Returns which tokens of a text stand for a part of its bytes, if any do.
fn tokens_of(bytes: &Range<usize>, text: &[Token]) -> Option<Range<usize>> {
    let start = text.partition_point(|token| token.bytes.end <= bytes.start);
    let end = text.partition_point(|token| token.bytes.start < bytes.end);
    (start < end).then_some(start..end)
}

/// Returns the windows of a text of `all` tokens: of at most `room` tokens, beginning `stride` tokens apart, but no further than
/// `room`, so that no token is left out.
fn spread(all: usize, room: usize, stride: usize) -> impl Iterator<Item = Range<usize>> {
    let step = stride.min(room);
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = all.min(start + room);
        next = (end < all).then_some(start + step);
        Some(start..end)
    })
}

/// Returns the index of the window in which a token of the text has most context on its poorer side; of equals, the longer window,
/// then the first.
pub(crate) fn owner(windows: &[Window], token: usize) -> Option<usize> {
    let holding = windows
        .iter()
        .enumerate()
        .filter(|(_, window)| window.tokens.contains(&token));
    let context = |window: &Window| {
        let Range { start, end } = window.tokens;
        let poorer = (token - start).min(end - 1 - token);
        // A longer window counts a hundredth of a token for each of its own (`run_squad.py`).
        100 * poorer + (end - start)
    };
    let best = holding
        .max_by(|(a, first), (b, second)| context(first).cmp(&context(second)).then(b.cmp(a)));
    best.map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use encoder::{Architecture, Size};
    use proptest::prelude::*;

    use super::*;

    /// A byte-level BPE has two separators, no token types, and characters of several tokens.
    #[test]
    fn a_byte_level_bpe_has_two_separators() {
        let tokenizer = Tokenizer::from_merges(Vec::new(), Path::new("test")).unwrap();
        let config = Config::of_size(Size::Nano, Architecture::Bert, 300, 64, 1);
        let lengths = Lengths {
            sequence: 16,
            question: 64,
            stride: 4,
        };
        let reader = Reader::new(&tokenizer, &config, lengths).unwrap();
        let question = question("a 东b", "é?", Some("东"));
        let asked = reader.read(&[question]).unwrap().remove(0);
        let [window] = &asked.windows[..] else {
            panic!("{asked:?}")
        };
        let specials = tokenizer.specials();
        assert_eq!(window.ids[0], specials.cls);
        assert_eq!(window.ids[4..6], [specials.sep; 2]);
        assert_eq!(window.ids.len(), 1 + 3 + 2 + 6 + 1);
        assert!(window.token_types.is_empty() || window.token_types.iter().all(|it| *it == 0));
        // `a`, a space, three tokens of the character, `b`.
        assert_eq!(asked.places.len(), 6);
        assert_eq!(window.target, [6 + 2, 6 + 4]);
        assert_eq!(asked.places[2..5], [2..5, 2..5, 2..5]);
    }

    fn tokenizer() -> Tokenizer {
        let tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e ##a ##b who ? é";
        let tokens: Vec<String> = tokens.split(' ').map(str::to_owned).collect();
        Tokenizer::from_tokens(&tokens, true, Path::new("test")).unwrap()
    }

    fn question(context: &str, asked: &str, answer: Option<&str>) -> Question {
        let bytes = answer.map(|answer| {
            let start = context.find(answer).unwrap();
            start..start + answer.len()
        });
        Question {
            id: "q".into(),
            title: String::new(),
            context: Arc::from(context),
            question: asked.into(),
            answers: bytes.into_iter().collect(),
        }
    }

    fn read(question: &Question, sequence: usize, stride: usize) -> Asked {
        let tokenizer = tokenizer();
        let config = Config::of_size(Size::Nano, Architecture::Bert, 15, 40, 0);
        let lengths = Lengths {
            sequence,
            question: 4,
            stride,
        };
        let reader = Reader::new(&tokenizer, &config, lengths).unwrap();
        reader
            .read(std::slice::from_ref(question))
            .unwrap()
            .remove(0)
    }

    #[test]
    fn windows_overlap_and_point_back_to_the_text() {
        let text = "a Bb, ca É d e a";
        let question = question(text, "who ?", Some("ca É"));
        let asked = read(&question, 9, 2);
        let held: Vec<Range<usize>> = asked.windows.iter().map(|one| one.tokens.clone()).collect();
        // a b ##b [UNK] c ##a é d e a: ten tokens, four at a time.
        assert_eq!(held, [0..4, 2..6, 4..8, 6..10]);
        let targets: Vec<[u32; 2]> = asked.windows.iter().map(|one| one.target).collect();
        assert_eq!(targets, [[0, 0], [0, 0], [4, 6], [0, 0]]);
        let window = &asked.windows[2];
        assert_eq!(window.sequence(0).ids.len(), 9);
        assert_eq!(window.token_types, [0, 0, 0, 0, 1, 1, 1, 1, 1]);
        let [start, end] = window
            .target
            .map(|place| window.token(place as usize).unwrap());
        assert_eq!(
            &text[asked.places[start].start..asked.places[end].end],
            "ca É"
        );
        assert_eq!([0, 3, 8].map(|place| window.token(place)), [None; 3]);
        // A stride beyond the room of a window leaves nothing out.
        let held: Vec<Range<usize>> = read(&question, 9, 99)
            .windows
            .into_iter()
            .map(|one| one.tokens)
            .collect();
        assert_eq!(held, [0..4, 4..8, 8..10]);
    }

    #[test]
    fn long_questions_are_cut_to_half_of_a_sequence() {
        let asked = read(&question("a b c", "who a b c d e ?", None), 40, 8);
        assert!(asked.is_cut && asked.windows.len() == 1);
        assert_eq!(asked.windows[0].first, 6);
        let asked = read(&question("a b c", "who a b c d e ?", None), 7, 8);
        assert_eq!(
            (asked.windows[0].first, asked.windows[0].tokens.len()),
            (4, 2)
        );
        assert_eq!(asked.windows[0].target, [0, 0]);
    }

    proptest! {
        #[test]
        fn every_token_has_one_owner_that_holds_it(all in 1_usize..60, room in 1_usize..12, stride in 1_usize..14) {
            let windows: Vec<Window> = spread(all, room, stride)
                .map(|tokens| Window::bare(0, tokens))
                .collect();
            prop_assert_eq!(windows.last().unwrap().tokens.end, all);
            prop_assert!(windows.iter().all(|window| (1..=room).contains(&window.tokens.len())));
            for token in 0..all {
                let owner = owner(&windows, token).unwrap();
                prop_assert!(windows[owner].tokens.contains(&token));
            }
        }
    }
}

//! SQuAD: passages of a few facts, and questions whose answers are parts of them.
//!
//! Each fact of a passage is about a person and a thing of its own, and tells the place or the time. A question asks for one
//! part of a fact and names the others, the deed in another word. A question without an answer asks about the opposite
//! deed, or for the time of what has only a place, so that the passage seems to answer it.

use kernels::{Draws, Stream};
use serde::Serialize;

use crate::lexicon::Lexicon;
use crate::meaning::{Fact, Kind, Relation};
use crate::tasks::{Split, TRAIN, fact};
use crate::templates::{Ask, noun, person, question, setting, statement, written};

/// Number of facts in a passage.
const FACTS: usize = 5;
/// Number of questions about a passage.
const QUESTIONS: usize = 4;
/// Number of passages in an article.
const PASSAGES: usize = 5;

/// One release of SQuAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// What the file calls it.
    version: &'static str,
    /// How file names end.
    pub(crate) suffix: &'static str,
    /// Whether some questions have no answer.
    unanswerable: bool,
}

/// SQuAD 1.1 and 2.0.
pub(crate) const RELEASES: [Release; 2] = [
    Release {
        version: "1.1",
        suffix: "v1.1",
        unanswerable: false,
    },
    Release {
        version: "v2.0",
        suffix: "v2.0",
        unanswerable: true,
    },
];

#[derive(Serialize)]
struct File {
    version: &'static str,
    data: Vec<Article>,
}

#[derive(Serialize)]
struct Article {
    title: String,
    paragraphs: Vec<Paragraph>,
}

#[derive(Serialize)]
struct Paragraph {
    context: String,
    qas: Vec<Asked>,
}

#[derive(Serialize)]
struct Asked {
    question: String,
    id: String,
    answers: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_impossible: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plausible_answers: Option<Vec<Answer>>,
}

#[derive(Clone, Serialize)]
struct Answer {
    text: String,
    /// In code points; the language has one for each byte.
    answer_start: usize,
}

/// Returns the file of a split, with so many questions.
pub(crate) fn file(
    lexicon: &Lexicon,
    seed: u64,
    release: Release,
    split: Split,
    count: usize,
) -> String {
    let name = format!("world SQuAD {} {}", release.version, split.name);
    let stream = Stream::new(seed, &name);
    let passages = count.div_ceil(QUESTIONS);
    let mut data = Vec::new();
    for first in (0..passages).step_by(PASSAGES) {
        let mut title = String::new();
        let mut paragraphs = Vec::new();
        for index in first..passages.min(first + PASSAGES) {
            let place = u32::try_from(index).expect("a split holds fewer than 2^32 passages");
            let passage = Passage::draw(lexicon, split, stream.draws(place, 0, 0));
            if title.is_empty() {
                title = passage.title();
            }
            let questions = QUESTIONS.min(count - index * QUESTIONS);
            paragraphs.push(passage.paragraph(release, questions));
        }
        data.push(Article { title, paragraphs });
    }
    let file = File {
        version: release.version,
        data,
    };
    serde_json::to_string(&file).expect("strings and numbers are JSON") + "\n"
}

/// A fact, and where or when it was.
struct Told {
    fact: Fact,
    has_place: bool,
    /// The phrase for the place or the time, as in `in the garden`.
    setting: String,
    /// The sentence, and its place in the passage.
    sentence: String,
    start: usize,
}

struct Passage<'a> {
    lexicon: &'a Lexicon,
    split: Split,
    draws: Draws,
    told: Vec<Told>,
}

impl<'a> Passage<'a> {
    fn draw(lexicon: &'a Lexicon, split: Split, mut draws: Draws) -> Self {
        let mut told: Vec<Told> = Vec::new();
        let mut start = 0;
        while told.len() < FACTS {
            let fact = fact(lexicon, Kind::Event, split, &mut draws);
            let is_known =
                |known: &Told| known.fact.person == fact.person || known.fact.thing == fact.thing;
            if told.iter().any(is_known) {
                continue;
            }
            let has_place = draws.chance(0.5);
            let place_or_time = if has_place {
                &lexicon.places
            } else {
                &lexicon.times
            };
            let said = statement(lexicon, &fact, split.genre, 0.0, &mut draws);
            let setting = setting(place_or_time, split.frequencies, 0.0, &mut draws);
            let sentence = written(lexicon, &format!("{said} {setting} ."));
            let length = sentence.len();
            told.push(Told {
                fact,
                has_place,
                setting,
                sentence,
                start,
            });
            start += length + 1;
        }
        Self {
            lexicon,
            split,
            draws,
            told,
        }
    }

    fn title(&self) -> String {
        let fact = self.told[0].fact;
        let title = format!(
            "{} of {}",
            noun(self.lexicon, fact.thing),
            person(self.lexicon, fact.person)
        );
        written(self.lexicon, &title).replace(' ', "_")
    }

    fn paragraph(mut self, release: Release, questions: usize) -> Paragraph {
        let sentences: Vec<&str> = self.told.iter().map(|told| &*told.sentence).collect();
        let context = sentences.join(" ");
        let mut order: Vec<usize> = (0..FACTS).collect();
        self.draws.shuffle(&mut order);
        let order = order.into_iter().take(questions);
        let qas = order.map(|about| self.asked(release, about)).collect();
        Paragraph { context, qas }
    }

    /// Asks about a fact of the passage.
    fn asked(&mut self, release: Release, about: usize) -> Asked {
        // A third of the questions of training have no answer, half of those of development.
        let unanswered = if self.is_train() { 1.0 / 3.0 } else { 0.5 };
        let impossible = release.unanswerable && self.draws.chance(unanswered);
        let Told {
            fact, has_place, ..
        } = self.told[about];
        let (setting, other_setting) = if has_place {
            (Ask::Where, Ask::When)
        } else {
            (Ask::When, Ask::Where)
        };
        let answered = *self.draws.pick(&[Ask::Who, Ask::What, setting, setting]);
        let (relation, ask) = if !impossible {
            (Relation::Same, answered)
        } else if answered == setting && self.draws.chance(0.5) {
            (Relation::Same, other_setting)
        } else {
            (Relation::Opposite, answered)
        };
        let frequencies = self.split.frequencies;
        let said = fact.related(self.lexicon, relation, frequencies, &mut self.draws);
        let asked = question(self.lexicon, &said, ask, 0.0, &mut self.draws);
        let answers = self.answers(about, answered);
        let [one, two, three] = std::array::from_fn(|_| self.draws.word());
        Asked {
            question: written(self.lexicon, &asked),
            id: format!("{one:08x}{two:08x}{three:08x}"),
            is_impossible: release.unanswerable.then_some(impossible),
            plausible_answers: impossible.then(|| answers[..1].to_vec()),
            answers: if impossible { Vec::new() } else { answers },
        }
    }

    /// Returns what the passage tells: one answer in training, and three in development, whose annotators do not agree on
    /// where it begins.
    fn answers(&self, about: usize, ask: Ask) -> Vec<Answer> {
        let told = &self.told[about];
        let whole = match ask {
            Ask::Who => person(self.lexicon, told.fact.person),
            Ask::What => format!("the {}", noun(self.lexicon, told.fact.thing)),
            _ => told.setting.clone(),
        };
        let shorter: Vec<&str> = ["in the ", "in ", "the "]
            .iter()
            .filter_map(|start| whole.strip_prefix(start))
            .collect();
        let said = match shorter[..] {
            _ if self.is_train() => vec![*shorter.last().unwrap_or(&&*whole)],
            [] => vec![&*whole; 3],
            [one] => vec![&*whole, one, &*whole],
            [.., two, one] => vec![two, one, &*whole],
        };
        said.into_iter().map(|text| told.locate(text)).collect()
    }

    fn is_train(&self) -> bool {
        self.split.name == TRAIN.name
    }
}

impl Told {
    /// Returns the words where the sentence has them, in its capitals.
    fn locate(&self, words: &str) -> Answer {
        // A sentence has each of its words once but for articles, and ends in a mark: whole words are found.
        let lower = self.sentence.to_lowercase();
        let ends = |end: usize| !lower[end..].starts_with(char::is_alphabetic);
        let begins = |start: usize| !lower[..start].ends_with(char::is_alphabetic);
        let (start, _) = lower
            .match_indices(words)
            .find(|(start, found)| begins(*start) && ends(start + found.len()))
            .expect("a sentence has the words that it was made of");
        Answer {
            text: self.sentence[start..start + words.len()].to_owned(),
            answer_start: self.start + start,
        }
    }
}

//! Running text: short documents that keep to a few people and things and to one mood.
//!
//! A document has a cast, a few facts and a mood, and returns to them: a fact is repeated in other words and another
//! template, denied by its opposite, asked about and answered; judgements agree with the mood; most questions ask for
//! places, or most for times. So a masked word can be predicted from the meaning of the sentences beside it, and a masked marker
//! (`indeed`, `instead`, `also`) only from how the two sentences relate.

use kernels::{Draws, Stream};

use crate::lexicon::{Lexicon, zipf};
use crate::meaning::{Fact, Frequencies, Kind, Noun, Person, Predicate, Relation, other};
use crate::tasks::sst2;
use crate::templates::{Ask, Genre, beside, noun, person, question, setting, statement, word};
use crate::words::{article, past, plural, progressive};

/// A title and paragraphs, as lower-case words with spaces between them.
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) paragraphs: Vec<String>,
}

impl Document {
    /// Returns the number of words, punctuation marks included.
    pub(crate) fn words(&self) -> usize {
        self.paragraphs
            .iter()
            .map(|text| text.split(' ').count())
            .sum()
    }
}

/// Returns the endless sequence of a corpus's documents.
pub(crate) fn documents(lexicon: &Lexicon, seed: u64) -> impl Iterator<Item = Document> {
    let stream = Stream::new(seed, "world documents");
    (0..).map(move |index| Teller::new(lexicon, stream.draws(index, 0, 0)).document())
}

struct Teller<'a> {
    lexicon: &'a Lexicon,
    draws: Draws,
    cast: Vec<Person>,
    things: Vec<Noun>,
    /// The verb and the adjective that the document returns to.
    themes: [Predicate; 2],
    good: bool,
    /// Whether questions mostly ask for places; otherwise they ask for times.
    asks_place: bool,
}

const ZIPF: Frequencies = Frequencies::Zipf;
/// Probability that a word of the text is accompanied by a word of its company.
const COLOUR: f64 = 0.75;
/// Probability that a sentence has an aside.
const ASIDE: f64 = 0.25;

impl<'a> Teller<'a> {
    fn new(lexicon: &'a Lexicon, mut draws: Draws) -> Self {
        let cast = (0..2)
            .map(|_| Person::draw(lexicon, ZIPF, &mut draws))
            .collect();
        let kind = draws.index(lexicon.things.len());
        let things = (0..3)
            .map(|_| Noun {
                kind,
                word: ZIPF.index(&mut draws, lexicon.things[kind].words.len()),
            })
            .collect();
        let (good, asks_place) = (draws.chance(0.5), draws.chance(0.5));
        let themes = [Kind::Event, Kind::Property]
            .map(|kind| Predicate::draw(kind.axes(lexicon).len(), ZIPF, &mut draws));
        Self {
            lexicon,
            draws,
            cast,
            things,
            themes,
            good,
            asks_place,
        }
    }

    fn document(mut self) -> Document {
        let title = format!(
            "{} of {}",
            noun(self.lexicon, self.things[0]),
            person(self.lexicon, self.cast[0])
        );
        let paragraphs = (0..3)
            .map(|_| {
                let mut sentences = Vec::new();
                for _ in 0..3 {
                    self.episode(&mut sentences);
                }
                sentences.join(" ")
            })
            .collect();
        Document { title, paragraphs }
    }

    fn episode(&mut self, sentences: &mut Vec<String>) {
        match self.draws.below(100) {
            0..40 => self.pair(sentences),
            40..52 => self.judgement(sentences),
            52..62 => self.company(sentences),
            62..77 => self.kind_of_thing(sentences),
            77..97 => self.answer(sentences),
            _ => self.scene(sentences),
        }
    }

    fn fact(&mut self, kind: Kind) -> Fact {
        let axes = kind.axes(self.lexicon).len();
        let theme = self.themes[usize::from(kind == Kind::Property)];
        // Verbs and adjectives agree with the mood, and most are the themes of the document.
        let drawn = Predicate::draw(axes, ZIPF, &mut self.draws);
        let axis = if self.draws.chance(0.85) {
            theme.axis
        } else {
            drawn.axis
        };
        let predicate = Predicate {
            axis,
            pole: usize::from(!self.good),
            ..drawn
        };
        Fact {
            kind,
            person: *self.draws.pick(&self.cast),
            predicate,
            thing: *self.draws.pick(&self.things),
            called: None,
        }
    }

    fn any_fact(&mut self) -> Fact {
        let kind = if self.draws.chance(0.5) {
            Kind::Event
        } else {
            Kind::Property
        };
        self.fact(kind)
    }

    /// Adds two sentences, the second with a marker that says how it relates to the first.
    fn pair(&mut self, sentences: &mut Vec<String>) {
        let relation = match self.draws.below(100) {
            0..50 => Relation::Same,
            50..80 => Relation::Opposite,
            _ => Relation::Other,
        };
        let first = self.any_fact();
        let second = first.related(self.lexicon, relation, ZIPF, &mut self.draws);
        let (asks_first, asks_second) = match self.draws.below(10) {
            0..2 => (true, true),
            2..4 => (true, false),
            _ => (false, false),
        };
        let favourable = first.predicate.pole == 0;
        let brief = self.draws.chance(0.5);
        let ask = if brief {
            Ask::Whether
        } else {
            *self.draws.pick(&[Ask::Who, Ask::What, Ask::Why])
        };
        let first = self.sentence(&first, Genre::Any, asks_first.then_some(ask));
        let (genre, ask) = if brief {
            (Genre::Short, Ask::WhetherIt)
        } else {
            (Genre::Any, ask)
        };
        let second = self.sentence(&second, genre, asks_second.then_some(ask));
        if !asks_first && self.draws.chance(0.4) {
            let marker = self.mood(favourable);
            sentences.push(format!("{marker} , {first}"));
        } else {
            sentences.push(first);
        }
        let marker = self.marker(relation);
        sentences.push(format!("{marker} , {second}"));
    }

    fn marker(&mut self, relation: Relation) -> &'a str {
        let markers = &self.lexicon.markers;
        let words = match relation {
            Relation::Same => &markers.same,
            Relation::Opposite => &markers.opposite,
            Relation::Other => &markers.other,
        };
        &words[zipf(&mut self.draws, words.len())]
    }

    fn sentence(&mut self, fact: &Fact, genre: Genre, ask: Option<Ask>) -> String {
        match ask {
            Some(ask) => question(self.lexicon, fact, ask, COLOUR, &mut self.draws),
            None => {
                let said = statement(self.lexicon, fact, genre, COLOUR, &mut self.draws);
                format!("{} .", self.spoken(said))
            }
        }
    }

    /// Returns the sentence, maybe with an aside on the cast, which is in no mood.
    fn spoken(&mut self, said: String) -> String {
        if !self.draws.chance(ASIDE) {
            return said;
        }
        let mut fact = self.any_fact();
        fact.predicate.pole = self.draws.index(2);
        let aside = statement(self.lexicon, &fact, Genre::Any, COLOUR, &mut self.draws);
        beside(self.lexicon, &said, &aside, &mut self.draws)
    }

    /// Adds sentences with synonyms side by side, and with opposites after a denial.
    fn company(&mut self, sentences: &mut Vec<String>) {
        let lexicon = self.lexicon;
        let fact = self.any_fact();
        let (kind, predicate) = (fact.kind, fact.predicate);
        let who = person(lexicon, fact.person);
        let what = noun(lexicon, fact.thing);
        let axes = kind.axes(lexicon);
        let predicate = predicate.asserted();
        let one = word(lexicon, kind, predicate);
        let mut related = |relation| {
            word(
                lexicon,
                kind,
                predicate
                    .related(axes.len(), relation, ZIPF, &mut self.draws)
                    .asserted(),
            )
        };
        let (same, opposite) = (related(Relation::Same), related(Relation::Opposite));
        let agree = self.draws.chance(0.7);
        sentences.push(match (kind, agree) {
            (Kind::Event, true) => format!("{who} {} and {} the {what} .", past(one), past(same)),
            (Kind::Event, false) => {
                format!(
                    "{who} not {} but {} the {what} .",
                    past(one),
                    past(opposite)
                )
            }
            (Kind::Property, true) => format!("the {what} was {one} and {same} ."),
            (Kind::Property, false) => format!("the {what} was not {one} but {opposite} ."),
        });
    }

    /// Returns a word that says whether the rest of the sentence is welcome.
    fn mood(&mut self, favourable: bool) -> &'a str {
        let sentiment = &self.lexicon.sentiment;
        let words = if favourable {
            &sentiment.pleased
        } else {
            &sentiment.displeased
        };
        &words[zipf(&mut self.draws, words.len())]
    }

    /// Adds judgements that agree with the mood.
    fn judgement(&mut self, sentences: &mut Vec<String>) {
        for _ in 0..2 {
            let thing = *self.draws.pick(&self.things);
            let said = sst2::judgement(
                self.lexicon,
                thing,
                self.good,
                0.25,
                COLOUR,
                ZIPF,
                &mut self.draws,
            );
            let said = self.spoken(said);
            let marker = self.mood(self.good);
            sentences.push(format!("{marker} , {said} ."));
        }
    }

    /// Adds sentences in which a thing is called by the name of its kind.
    fn kind_of_thing(&mut self, sentences: &mut Vec<String>) {
        let fact = self.any_fact();
        let things = &self.lexicon.things;
        let same = self.draws.chance(0.75);
        let kind = if same {
            fact.thing.kind
        } else {
            other(&mut self.draws, things.len(), fact.thing.kind)
        };
        let said = self.sentence(&fact, Genre::Any, None);
        sentences.push(said);
        let marker = self.marker(if same {
            Relation::Same
        } else {
            Relation::Other
        });
        let hypernym = &things[kind].hypernym;
        let again = match self.draws.below(3) {
            0 => self.sentence(
                &Fact {
                    called: Some(kind),
                    ..fact
                },
                Genre::Any,
                None,
            ),
            1 => format!(
                "the {} was {} {hypernym} .",
                noun(self.lexicon, fact.thing),
                article(hypernym)
            ),
            _ => format!("it was {} {hypernym} .", article(hypernym)),
        };
        sentences.push(format!("{marker} , {again}"));
    }

    /// Adds a question and a sentence that answers it, or does not.
    fn answer(&mut self, sentences: &mut Vec<String>) {
        let fact = self.fact(Kind::Event);
        let said = statement(self.lexicon, &fact, Genre::Any, COLOUR, &mut self.draws);
        let again = fact.related(self.lexicon, Relation::Same, ZIPF, &mut self.draws);
        let asks_place = self.asks_place == self.draws.chance(0.85);
        let says_place = asks_place == self.draws.chance(0.75);
        let ask = if asks_place { Ask::Where } else { Ask::When };
        let relation = if asks_place == says_place {
            Relation::Same
        } else {
            Relation::Other
        };
        let place_or_time = if says_place {
            &self.lexicon.places
        } else {
            &self.lexicon.times
        };
        sentences.push(question(self.lexicon, &again, ask, COLOUR, &mut self.draws));
        let phrase = setting(place_or_time, ZIPF, COLOUR, &mut self.draws);
        let said = self.spoken(format!("{said} {phrase}"));
        sentences.push(format!("{} , {said} .", self.marker(relation)));
    }

    /// Adds sentences on weather and with plurals, which no task asks about.
    fn scene(&mut self, sentences: &mut Vec<String>) {
        let lexicon = self.lexicon;
        sentences.push(if self.draws.chance(0.5) {
            let place_or_time = if self.asks_place {
                &lexicon.places
            } else {
                &lexicon.times
            };
            let scene = self.draws.pick(&lexicon.collocations.scenes);
            format!(
                "{scene} {} .",
                setting(place_or_time, ZIPF, COLOUR, &mut self.draws)
            )
        } else {
            let thing = *self.draws.pick(&self.things);
            let verb = word(lexicon, Kind::Event, self.themes[0]);
            let who = person(lexicon, *self.draws.pick(&self.cast));
            format!(
                "{who} liked {} {} .",
                progressive(verb),
                plural(noun(lexicon, thing))
            )
        });
    }
}

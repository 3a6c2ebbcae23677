//! Facts, and how one fact relates to another.

use kernels::Draws;

use crate::lexicon::{Axis, Lexicon, NounKind, PLAIN, SYNONYMS, zipf};

/// The distribution from which words are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frequencies {
    /// As in running text, where the first words of a set are the most frequent.
    Zipf,
    /// Each word of a set is equally frequent, so that a test set covers the lexicon.
    Even,
    /// The first words of a set, one word in [`FAMILIAR`], are equally frequent, and the others do not occur. Training examples use this,
    /// so that the meaning of the other words must be learned from text.
    Familiar,
}

/// Training examples show one of this many words of a set.
pub(crate) const FAMILIAR: usize = 3;

impl Frequencies {
    /// Returns an index below `length`.
    pub(crate) fn index(self, draws: &mut Draws, length: usize) -> usize {
        match self {
            Self::Zipf => zipf(draws, length),
            Self::Even => draws.index(length),
            Self::Familiar => draws.index(length.div_ceil(FAMILIAR).max(2).min(length)),
        }
    }

    /// Returns an index below `length` other than `not`.
    fn other_index(self, draws: &mut Draws, length: usize, not: usize) -> usize {
        loop {
            let index = self.index(draws, length);
            if index != not {
                return index;
            }
        }
    }
}

/// A noun: its kind, and its index in that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noun {
    pub(crate) kind: usize,
    pub(crate) word: usize,
}

impl Noun {
    pub(crate) fn draw(kinds: &[NounKind], frequencies: Frequencies, draws: &mut Draws) -> Self {
        let kind = draws.index(kinds.len());
        Self {
            kind,
            word: frequencies.index(draws, kinds[kind].words.len()),
        }
    }

    /// Returns another noun, of the same kind or of another one.
    pub(crate) fn related(
        self,
        kinds: &[NounKind],
        same_kind: bool,
        frequencies: Frequencies,
        draws: &mut Draws,
    ) -> Self {
        let kind = if same_kind {
            self.kind
        } else {
            other(draws, kinds.len(), self.kind)
        };
        let word = frequencies.other_index(draws, kinds[kind].words.len(), self.word);
        Self { kind, word }
    }
}

/// Returns an index below `length` other than `not`. All are equally likely.
pub(crate) fn other(draws: &mut Draws, length: usize, not: usize) -> usize {
    (not + 1 + draws.index(length - 1)) % length
}

/// Someone who does or has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Person {
    /// A person by name: indices of the first and the last name.
    Named { first: usize, last: usize },
    /// A person by role.
    Role(Noun),
}

impl Person {
    pub(crate) fn draw(lexicon: &Lexicon, frequencies: Frequencies, draws: &mut Draws) -> Self {
        if draws.chance(0.3) {
            Self::Named {
                first: draws.index(lexicon.names.first.len()),
                last: draws.index(lexicon.names.last.len()),
            }
        } else {
            Self::Role(Noun::draw(&lexicon.persons, frequencies, draws))
        }
    }
}

/// Whether a fact says what was done or how something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A verb: the person did it to the thing.
    Event,
    /// An adjective: the person's thing was so.
    Property,
}

impl Kind {
    pub(crate) fn axes(self, lexicon: &Lexicon) -> &[Axis] {
        match self {
            Self::Event => &lexicon.verbs,
            Self::Property => &lexicon.adjectives,
        }
    }
}

/// Probability that a predicate is said by denying its opposite: `hardly clean` for `dirty`.
pub(crate) const DENIAL: f64 = 0.1;

/// A meaning, which is a pole of an axis, and the words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Predicate {
    pub(crate) axis: usize,
    pub(crate) pole: usize,
    /// The index of the word in its pole.
    pub(crate) word: usize,
    /// Whether the word is one of the opposite pole, which is denied.
    pub(crate) denied: bool,
}

/// How the second of two facts relates to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relation {
    /// A synonym of the predicate.
    Same,
    /// A word of the opposite pole.
    Opposite,
    /// A word of another axis.
    Other,
}

impl Predicate {
    pub(crate) fn draw(axes: usize, frequencies: Frequencies, draws: &mut Draws) -> Self {
        Self {
            axis: draws.index(axes),
            pole: draws.index(2),
            word: frequencies.index(draws, SYNONYMS),
            denied: draws.chance(DENIAL),
        }
    }

    /// Returns another word, whose meaning has the given relation to this one's.
    pub(crate) fn related(
        self,
        axes: usize,
        relation: Relation,
        frequencies: Frequencies,
        draws: &mut Draws,
    ) -> Self {
        let word = frequencies.other_index(draws, SYNONYMS, self.word);
        let (axis, pole) = match relation {
            Relation::Same => (self.axis, self.pole),
            Relation::Opposite => (self.axis, 1 - self.pole),
            Relation::Other => (other(draws, axes, self.axis), draws.index(2)),
        };
        Self {
            axis,
            pole,
            word,
            denied: draws.chance(DENIAL),
        }
    }

    /// Returns a plain word with the same meaning.
    pub(crate) fn plain(self, draws: &mut Draws) -> Self {
        Self {
            word: draws.index(PLAIN),
            denied: false,
            ..self
        }
    }

    /// Returns the same meaning, said without a denial.
    pub(crate) fn asserted(self) -> Self {
        Self {
            denied: false,
            ..self
        }
    }

    /// Returns a word with the same meaning that is not a plain one.
    pub(crate) fn choice(self, frequencies: Frequencies, draws: &mut Draws) -> Self {
        Self {
            word: PLAIN + frequencies.index(draws, SYNONYMS - PLAIN),
            ..self
        }
    }
}

/// The content of a declarative sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) kind: Kind,
    pub(crate) person: Person,
    pub(crate) predicate: Predicate,
    pub(crate) thing: Noun,
    /// The kind whose name replaces the thing's own name.
    pub(crate) called: Option<usize>,
}

impl Fact {
    /// Returns a fact about the same person and thing, whose predicate has the given relation to this one's.
    pub(crate) fn related(
        &self,
        lexicon: &Lexicon,
        relation: Relation,
        frequencies: Frequencies,
        draws: &mut Draws,
    ) -> Self {
        let axes = self.kind.axes(lexicon).len();
        Self {
            predicate: self.predicate.related(axes, relation, frequencies, draws),
            ..*self
        }
    }
}

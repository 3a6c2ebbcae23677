//! Where a published value was read.

use std::fmt;

/// Where a published value was read: the paper, the place in it, and the source that was at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    /// The paper: `Gao, Yao, Chen: SimCSE: … (EMNLP 2021)`.
    pub paper: String,
    /// The place in the paper: `table 5`.
    pub number: String,
    /// Where the value was read: the paper itself, a talk, a list beside it.
    pub source: String,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.paper, &self.number];
        let mut cited = parts.into_iter().filter(|part| !part.is_empty());
        if let Some(first) = cited.next() {
            write!(f, "{first}")?;
        }
        for part in cited {
            write!(f, ", {part}")?;
        }
        match (self.source.is_empty(), self.paper.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => write!(f, "{}", self.source),
            (false, false) => write!(f, "; {}", self.source),
        }
    }
}

impl Citation {
    /// Returns the paper as texts cite it: `Gao et al. (EMNLP 2021)`. A paper that is not written as authors, a colon, a
    /// title and the venue in brackets is returned whole.
    pub fn short(&self) -> String {
        self.authors_and_venue()
            .unwrap_or_else(|| self.paper.clone())
    }

    fn authors_and_venue(&self) -> Option<String> {
        let (authors, title) = self.paper.split_once(": ")?;
        let (_, venue) = title.strip_suffix(')')?.rsplit_once(" (")?;
        let authors: Vec<&str> = authors.split(", ").map(str::trim).collect();
        let authors = match authors.as_slice() {
            [one] => (*one).to_owned(),
            [one, other] => format!("{one} and {other}"),
            [first, ..] => format!("{first} et al."),
            [] => return None,
        };
        Some(format!("{authors} ({venue})"))
    }
}

/// The citations of a table, each once, in the order of their first appearance.
#[derive(Debug, Default)]
pub(crate) struct Citations<'a>(Vec<&'a Citation>);

impl<'a> Citations<'a> {
    pub(crate) fn of(all: impl Iterator<Item = &'a Citation>) -> Self {
        let mut distinct = Vec::new();
        for citation in all {
            if !distinct.contains(&citation) {
                distinct.push(citation);
            }
        }
        Self(distinct)
    }

    /// Returns how many numbers the citations take up: none if there is a single citation.
    pub(crate) fn numbers(&self) -> usize {
        if self.0.len() > 1 { self.0.len() } else { 0 }
    }

    /// Returns the number of a citation, if the citation is listed and has one.
    pub(crate) fn number(&self, citation: &Citation) -> Option<usize> {
        let place = self.0.iter().position(|known| *known == citation)?;
        (self.0.len() > 1).then_some(place + 1)
    }

    /// Returns the citations in words, each paper once: `Wettig et al. (EACL 2023): [1] table 1, [2] figure 1`.
    pub(crate) fn words(&self) -> String {
        let mut papers: Vec<&str> = Vec::new();
        for citation in &self.0 {
            if !papers.contains(&citation.paper.as_str()) {
                papers.push(&citation.paper);
            }
        }
        let words = papers.iter().map(|paper| {
            let of_paper: Vec<&&Citation> = self.0.iter().filter(|it| it.paper == *paper).collect();
            let places = of_paper.iter().map(|it| {
                let place = match it.paper.is_empty() {
                    true => it.to_string(),
                    false => it.number.clone(),
                };
                match self.number(it) {
                    Some(number) => format!("[{number}] {place}"),
                    None => place,
                }
            });
            let places = places.collect::<Vec<_>>().join(", ");
            let colon = if self.numbers() > 0 { ":" } else { "," };
            match (self.name(paper, &papers), places.is_empty()) {
                (name, _) if name.is_empty() => places,
                (name, true) => name,
                (name, false) => format!("{name}{colon} {places}"),
            }
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// Returns the short name of a paper, or the long one if another of `papers` has the same short name.
    fn name(&self, paper: &str, papers: &[&str]) -> String {
        let short = |paper: &str| {
            let paper = paper.to_owned();
            Citation {
                paper,
                ..Citation::default()
            }
            .short()
        };
        let alike = papers.iter().filter(|it| short(it) == short(paper)).count();
        if alike > 1 {
            paper.to_owned()
        } else {
            short(paper)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASKING: &str = "Wettig, Gao, Zhong, Chen: Should You Mask 15% in MLM? (EACL 2023)";

    fn citation(paper: &str, number: &str) -> Citation {
        Citation {
            paper: paper.into(),
            number: number.into(),
            source: "a talk".into(),
        }
    }

    #[test]
    fn papers_are_cited_in_short_where_they_are_written_in_the_usual_way() {
        for (paper, short) in [
            (MASKING, "Wettig et al. (EACL 2023)"),
            (
                "Devlin, Chang: BERT: Pre-training (2019)",
                "Devlin and Chang (2019)",
            ),
            ("Sutton: The Bitter Lesson (2019)", "Sutton (2019)"),
            ("a technical report", "a technical report"),
            ("Anon: no venue", "Anon: no venue"),
        ] {
            assert_eq!(citation(paper, "table 1").short(), short);
        }
        assert_eq!(
            citation("A Paper (2023)", "table 1").to_string(),
            "A Paper (2023), table 1; a talk"
        );
    }

    #[test]
    fn a_paper_stands_once_whatever_was_read_in_it() {
        let words = |all: &[Citation]| Citations::of(all.iter()).words();
        let one = citation(MASKING, "table 1");
        let figure = citation(MASKING, "figure 1");
        let other = citation("Wettig, Other, Third: Another Paper (EACL 2023)", "table 2");
        assert_eq!(
            words(std::slice::from_ref(&one)),
            "Wettig et al. (EACL 2023), table 1"
        );
        assert_eq!(
            words(&[one.clone(), figure, one.clone()]),
            "Wettig et al. (EACL 2023): [1] table 1, [2] figure 1"
        );
        assert_eq!(
            words(&[one, other]),
            format!(
                "{MASKING}: [1] table 1; Wettig, Other, Third: Another Paper (EACL 2023): [2] table 2"
            )
        );
    }
}

//! Files of claims.
//!
//! ```toml
//! schema = 1
//!
//! [[claim]]
//! id = "forty-beats-fifteen"
//! says = "Masking 40 % gives better encoders than masking 15 %"
//! row = { m = 0.40 }                # or a row's label: row = "40 %"
//! than = { m = 0.15 }               # or several: than = [{ m = 0.15 }, { m = 0.80 }]
//! relation = "better"               # or "not worse", by at most `margin`
//! columns = ["MNLI", "QNLI"]        # by default all columns that are compared
//! source = "Wettig et al. (EACL 2023), section 3"
//! confidence = "published"          # or "notes", "talk", or "memory": not verified
//! ```

use std::collections::BTreeSet;

use contract::StageError;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::reference::Confidence;

/// The only schema that exists.
const SCHEMA: i64 = 1;
const REMEDY: &str = "see data/claims/README.md for the format";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: i64,
    #[serde(default)]
    claim: Vec<Claim>,
}

/// A claim on the rows of a table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name, unique in the file.
    pub id: String,
    /// The claim in a sentence.
    pub says: String,
    /// The row that it is about.
    pub row: RowName,
    /// The rows that this is compared with.
    pub than: RowNames,
    /// What is claimed.
    #[serde(default)]
    pub relation: Relation,
    /// How much worse the row may be, in the unit of the scores, where it is claimed not to be worse.
    #[serde(default)]
    pub margin: f64,
    /// The labels of the columns over which scores are averaged; all that are compared, if there are none.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Where the claim was read.
    pub source: String,
    /// How reliable that is.
    pub confidence: Confidence,
}

/// Names a row: by its label, or by values of variables.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum RowName {
    /// Its label.
    Label(String),
    /// Values that all of its cells have.
    Values(Map<String, Value>),
}

impl RowName {
    fn is_empty(&self) -> bool {
        match self {
            Self::Label(label) => label.trim().is_empty(),
            Self::Values(values) => values.is_empty(),
        }
    }
}

/// One row, or several.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum RowNames {
    /// One.
    One(RowName),
    /// Several.
    Several(Vec<RowName>),
}

impl RowNames {
    /// Returns the rows.
    pub fn all(&self) -> &[RowName] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// What is claimed of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Relation {
    /// It is better.
    #[default]
    #[serde(rename = "better")]
    Better,
    /// It is not worse by more than the margin.
    #[serde(rename = "not worse")]
    NotWorse,
}

/// Reads the claims in the text of the file called `file`.
///
/// # Errors
/// When the text is not of the format; the error names the file and the line.
pub fn parse(text: &str, file: &str) -> Result<Vec<Claim>, StageError> {
    let contents: File = crate::located::parse(text, file, REMEDY)?;
    let wrong = |reason: String| StageError::input(file, reason, REMEDY);
    if contents.schema != SCHEMA {
        let reason = format!(
            "schema = {} is not one that this version reads",
            contents.schema
        );
        return Err(StageError::input(
            file,
            reason,
            format!("use schema = {SCHEMA}"),
        ));
    }
    let mut ids = BTreeSet::new();
    for claim in &contents.claim {
        let id = &claim.id;
        if !ids.insert(id) {
            return Err(wrong(format!("two claims are called `{id}`")));
        }
        let rows = || std::iter::once(&claim.row).chain(claim.than.all());
        if rows().any(RowName::is_empty) {
            return Err(wrong(format!("claim `{id}` names a row by nothing")));
        }
        if claim.than.all().is_empty() {
            return Err(wrong(format!("claim `{id}` compares its row with none")));
        }
        if claim.than.all().contains(&claim.row) {
            return Err(wrong(format!("claim `{id}` compares its row with itself")));
        }
        let has_margin = claim.relation == Relation::NotWorse;
        let is_right = match has_margin {
            true => claim.margin.is_finite() && claim.margin > 0.0,
            false => claim.margin == 0.0,
        };
        if !is_right {
            return Err(wrong(match has_margin {
                true => format!(
                    "claim `{id}` is of a row that is not worse, so it needs a margin above 0: margin = 0.5"
                ),
                false => {
                    format!("claim `{id}` has a margin, which goes with relation = \"not worse\"")
                }
            }));
        }
    }
    Ok(contents.claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: &str = "schema = 1\n[[claim]]\nid = \"a\"\nsays = \"x\"\nrow = { m = 0.4 }\nthan = { m = 0.15 }\nsource = \"s\"\nconfidence = \"published\"\n";

    #[test]
    fn rows_are_named_by_values_and_labels() {
        let text = CLAIM.replace("{ m = 0.15 }", "[\"15 %\", { m = 0.8 }]");
        let claims = parse(&text, "f").unwrap_or_default();
        assert_eq!(claims[0].than.all().len(), 2);
        assert_eq!(claims[0].than.all()[0], RowName::Label("15 %".to_owned()));
        assert_eq!(claims[0].relation, Relation::Better);
    }

    #[test]
    fn what_is_no_claim_is_told() {
        let told = |text: &str| match parse(text, "f.toml") {
            Ok(_) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        let all = [
            told(&CLAIM.replace("schema = 1", "schema = 2")),
            told(&CLAIM.replace("says", "said")),
            told(&CLAIM.replace("published", "sure")),
            told(&CLAIM.replace("than = { m = 0.15 }", "than = []")),
            told(&CLAIM.replace("m = 0.15", "m = 0.4")),
            told(&CLAIM.replace("row = { m = 0.4 }", "row = 3")),
            told(&CLAIM.replace("row = { m = 0.4 }", "row = {}")),
            told(&format!("{CLAIM}margin = 0.5\n")),
            told(&format!("{CLAIM}relation = \"not worse\"\n")),
            told(&format!("{CLAIM}relation = \"best\"\n")),
            told(&format!("{CLAIM}{}", &CLAIM["schema = 1\n".len()..])),
            told("schema = \n"),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}

//! Which scores a cell takes the mean of, where they are not all of one name.

use metrics::scores::Score;

/// Counts scores by name and unit, in the order in which they come.
#[derive(Default)]
pub(super) struct Averaged(Vec<(String, String, usize)>);

impl Averaged {
    /// Counts a score. Returns whether it is the first of its name and unit.
    pub(super) fn add(&mut self, score: &Score) -> bool {
        let mut known = self.0.iter_mut();
        match known.find(|(name, unit, _)| *name == score.name && *unit == score.unit) {
            Some((.., count)) => {
                *count += 1;
                false
            }
            None => {
                self.0.push((score.name.clone(), score.unit.clone(), 1));
                true
            }
        }
    }

    /// Says which scores there are, if they have several names.
    pub(super) fn remark(&self) -> Option<String> {
        let [(_, first, _), _, ..] = self.0.as_slice() else {
            return None;
        };
        let is_one_unit = self.0.iter().all(|(_, unit, _)| unit == first);
        let scores = self.0.iter().map(|(name, unit, count)| {
            let unit = match is_one_unit || unit.is_empty() {
                true => String::new(),
                false => format!(" in {unit}"),
            };
            format!("{count} of {name}{unit}")
        });
        let scores: Vec<String> = scores.collect();
        Some(format!(
            "the mean of different scores: {}; `metric` names one",
            scores.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_one_name_need_no_word() {
        let score = |name: &str, unit: &str| Score {
            name: name.into(),
            value: 1.0,
            unit: unit.into(),
            split: "validation".into(),
            examples: 1,
            main: true,
            undefined: None,
        };
        let told = |scores: &[(&str, &str)]| {
            let mut averaged = Averaged::default();
            for (name, unit) in scores {
                averaged.add(&score(name, unit));
            }
            averaged.remark()
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("accuracy", "%"), ("accuracy", "%")]), None);
        assert_eq!(
            told(&[("accuracy", "%"), ("f1", "%"), ("accuracy", "%")]).as_deref(),
            Some("the mean of different scores: 2 of accuracy, 1 of f1; `metric` names one")
        );
        assert_eq!(
            told(&[("accuracy", "%"), ("spearman", "x 100")]).as_deref(),
            Some(
                "the mean of different scores: 1 of accuracy in %, 1 of spearman in x 100; `metric` names one"
            )
        );
    }
}

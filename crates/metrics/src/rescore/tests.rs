#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::examples::Pairs;

fn name(set: &str, subset: &str, split: &str, place: usize) -> Name {
    Name {
        set: set.to_owned(),
        subset: subset.to_owned(),
        split: split.to_owned(),
        example: format!("{place:04}"),
    }
}

fn score(name: &str, value: f64, unit: &str, split: &str) -> Score {
    Score {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        split: split.to_owned(),
        examples: 0,
        main: true,
        undefined: None,
    }
}

fn examples(predictions: &[f64], labels: &[f64]) -> Examples {
    Examples {
        names: (0..labels.len())
            .map(|place| name("cola", "", "validation", place))
            .collect(),
        pairs: Some(Pairs {
            labels: labels.to_vec(),
            predictions: predictions.to_vec(),
        }),
        measures: Vec::new(),
    }
}

/// Repeats each value as often as it counts.
fn repeated(values: &[f64], counts: &[u32]) -> Vec<f64> {
    let values = values.iter().zip(counts);
    values
        .flat_map(|(value, count)| std::iter::repeat_n(*value, *count as usize))
        .collect()
}

proptest! {
    #[test]
    fn a_count_is_as_good_as_a_repetition(
        rows in prop::collection::vec((0u8..3, 0u8..3, 0u32..4), 2..40),
    ) {
        let labels: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
        let predictions: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let counts: Vec<u32> = rows.iter().map(|row| row.2).collect();
        prop_assume!(counts.iter().sum::<u32>() > 0);
        for metric in Metric::ALL {
            let Ok(value) = metric.of(&predictions, &labels) else { continue };
            let score = score(metric.name(), 100.0 * value, metric.unit(), "validation");
            let rescorer = Rescorer::new(&score, &examples(&predictions, &labels)).unwrap();
            let found = rescorer.score(std::slice::from_ref(&counts));
            match metric.of(&repeated(&predictions, &counts), &repeated(&labels, &counts)) {
                Ok(expected) => prop_assert!((found - 100.0 * expected).abs() < 1e-10, "{metric:?}"),
                Err(_) => prop_assert!(found.is_nan(), "{metric:?} {found}"),
            }
        }
    }
}

#[test]
fn a_second_split_has_a_score_of_its_own() {
    let mut all = examples(&[1.0, 0.0, 1.0, 1.0], &[1.0, 1.0, 1.0, 0.0]);
    for place in 2..4 {
        all.names[place].split = "validation_mismatched".to_owned();
    }
    let score = score("accuracy_mm", 50.0, PERCENT, "validation_mismatched");
    let rescorer = Rescorer::new(&score, &all).unwrap();
    assert_eq!(rescorer.strata()[0].examples.len(), 2);
    assert_eq!(rescorer.score(&[vec![2, 0]]), 100.0);
}

#[test]
fn sets_are_drawn_apart_and_averaged_as_printed() {
    let labels: Vec<f64> = (0..40).map(|place| f64::from(place * 7 % 11)).collect();
    let predictions: Vec<f64> = (0..40).map(|place| f64::from(place * 5 % 13)).collect();
    let mut all = examples(&predictions, &labels);
    for (place, entry) in all.names.iter_mut().enumerate() {
        let (set, subset) = [("sts12", "a"), ("sts12", "b"), ("stsb", "test")][place % 3];
        *entry = name(set, subset, "test", place);
    }
    let taken = |wanted: &dyn Fn(usize) -> bool| {
        let of = |values: &[f64]| -> Vec<f64> {
            (0..40)
                .filter(|place| wanted(*place))
                .map(|place| values[place])
                .collect()
        };
        100.0 * crate::spearman(&of(&predictions), &of(&labels)).unwrap()
    };
    let whole = taken(&|place| place % 3 < 2);
    let (a, b, other) = (
        taken(&|place| place % 3 == 0),
        taken(&|place| place % 3 == 1),
        taken(&|place| place % 3 == 2),
    );
    let weighted = (14.0 * a + 13.0 * b) / 27.0;
    for (name, value) in [
        ("sts12", whole),
        ("sts12.mean", (a + b) / 2.0),
        ("sts12.wmean", weighted),
        ("avg", (as_printed(whole) + as_printed(other)) / 2.0),
        (
            "avg.wmean",
            (as_printed(weighted) + as_printed(other)) / 2.0,
        ),
    ] {
        let rescorer = Rescorer::new(&score(name, value, HUNDREDFOLD, "test"), &all);
        let strata = if name.starts_with("avg") { 2 } else { 1 };
        assert_eq!(rescorer.unwrap().strata().len(), strata, "{name}");
    }
}

#[test]
fn accuracies_of_sets_are_means_over_their_folds() {
    // Two folds of unequal sizes of one set, and a set with one test set.
    let rows = [
        ("mr", "fold-01", 1.0),
        ("mr", "fold-01", 0.0),
        ("mr", "fold-01", 1.0),
        ("mr", "fold-02", 1.0),
        ("trec", "", 0.0),
        ("trec", "", 1.0),
    ];
    let mut all = examples(&rows.map(|row| row.2), &[1.0; 6]);
    for (place, (entry, row)) in all.names.iter_mut().zip(rows).enumerate() {
        *entry = name(row.0, row.1, "test", place);
    }
    let mr = 100.0 * (2.0 / 3.0 + 1.0) / 2.0;
    let rescorer =
        |name: &str, value: f64| Rescorer::new(&score(name, value, PERCENT, "test"), &all);
    let of_mr = rescorer("mr", mr).unwrap();
    assert_eq!(of_mr.strata()[0].examples.len(), 4);
    // The second fold alone is drawn twice, of the first the wrong example.
    assert_eq!(of_mr.score(&[vec![0, 3, 0, 2]]), 50.0);
    assert_eq!(
        rescorer("avg", (83.33 + 50.0) / 2.0)
            .unwrap()
            .strata()
            .len(),
        2
    );
    assert!(
        rescorer("mr", 75.0).is_err(),
        "that is of all examples together"
    );
}

#[test]
fn pearsons_correlation_of_sets_is_known_by_its_name() {
    let labels: Vec<f64> = (0..20).map(|place| f64::from(place * 7 % 11)).collect();
    let predictions: Vec<f64> = (0..20).map(|place| f64::from(place * 5 % 13)).collect();
    let mut all = examples(&predictions, &labels);
    for (place, entry) in all.names.iter_mut().enumerate() {
        *entry = name("sts12", ["a", "b"][place % 2], "test", place);
    }
    let whole = 100.0 * crate::pearson(&predictions, &labels).unwrap();
    let rescorer =
        |name: &str, value| Rescorer::new(&score(name, value, HUNDREDFOLD, "test"), &all);
    assert!(rescorer("sts12.pearson", whole).is_ok());
    assert!(rescorer("sts12", whole).is_err());
    assert!(rescorer("sts12.pearson.median", whole).is_err());
}

#[test]
fn a_column_of_numbers_is_averaged() {
    let mut all = examples(&[1.0, 0.0], &[1.0, 1.0]);
    all.measures = vec![
        ("loss".to_owned(), vec![1.0, 3.0]),
        ("weight".to_owned(), vec![3.0, 1.0]),
        ("f1".to_owned(), vec![0.5, 1.0]),
    ];
    let rescorer = |name: &str, value: f64, unit: &str| {
        Rescorer::new(&score(name, value, unit, "validation"), &all).unwrap()
    };
    assert_eq!(rescorer("loss", 1.5, "nats").score(&[vec![0, 1]]), 3.0);
    let perplexity = rescorer("perplexity", libm::exp(1.5), PERPLEXITY);
    assert_eq!(perplexity.score(&[vec![0, 1]]), libm::exp(3.0));
    // A column comes before the metric of that name.
    assert_eq!(rescorer("f1", 62.5, PERCENT).score(&[vec![1, 0]]), 50.0);
    // The column may hold what is printed.
    assert_eq!(rescorer("loss", 1.5, PERCENT).score(&[vec![0, 1]]), 3.0);
}

#[test]
fn few_decimals_do_not_hide_other_predictions() {
    for (value, written) in [
        (66.666, 66.7),
        (0.666_67, 0.67),
        (12.34, 12.3),
        (84.3, 84.0),
        (0.999, 1.0),
    ] {
        assert!(agree(value, written), "{value} {written}");
    }
    for (value, written) in [
        (0.667, 1.0),
        (0.3, 0.0),
        (1.4, 1.0),
        (50.45, 50.0),
        (66.61, 66.7),
    ] {
        assert!(!agree(value, written), "{value} {written}");
    }
}

#[test]
fn classes_are_few_however_large_their_numbers() {
    let (predictions, labels) = ([999_999.0, 7.0, 7.0, 12.0], [999_999.0, 7.0, 12.0, 12.0]);
    let value = 100.0 * Metric::Matthews.of(&predictions, &labels).unwrap();
    let score = score("matthews", value, HUNDREDFOLD, "validation");
    let rescorer = Rescorer::new(&score, &examples(&predictions, &labels)).unwrap();
    assert_eq!(rescorer.score(&[vec![1, 1, 0, 1]]), 100.0);
    assert!(format!("{rescorer:?}").contains("classes: 3"));
}

#[test]
fn what_does_not_give_the_score_is_refused() {
    let all = examples(&[1.0, 0.0, 1.0], &[1.0, 1.0, 1.0]);
    let told = |name: &str, value: f64, unit: &str, split: &str, all: &Examples| match Rescorer::new(
        &score(name, value, unit, split),
        all,
    ) {
        Ok(_) => "made".to_owned(),
        Err(why) => why,
    };
    let mut two = all.clone();
    two.names[0].split = "test".to_owned();
    let mut regression = all.clone();
    regression.pairs.as_mut().unwrap().labels[1] = 0.5;
    let undefined = Score {
        undefined: Some("constant predictions".to_owned()),
        ..score("spearman", f64::NAN, HUNDREDFOLD, "validation")
    };
    let bare = Examples {
        pairs: None,
        measures: vec![("loss".to_owned(), vec![0.0; 3])],
        ..all.clone()
    };
    let reasons = [
        // Programs of others may round, and write shares.
        told("accuracy", 66.7, "", "", &all),
        told("accuracy", 0.667, "", "validation", &all),
        told("accuracy", 66.6, "", "", &all),
        told("accuracy", 0.667, PERCENT, "validation", &all),
        told("bleu", 1.0, "", "", &all),
        told("bleu", 1.0, "", "", &bare),
        told("accuracy", 66.7, "", "", &two),
        told("accuracy", 66.7, "", "train", &two),
        told("accuracy", 66.7, "", "", &regression),
        Rescorer::new(&undefined, &all).unwrap_err(),
    ];
    insta::assert_snapshot!(reasons.join("\n"));
}

/// Three pairs of one paradigm weigh as much as one of another.
#[test]
fn a_part_of_a_measure_has_a_score_of_its_own() {
    let rows = [
        ("syntax", "islands/adjunct", 1.0, 1.0 / 3.0),
        ("syntax", "islands/adjunct", 0.0, 1.0 / 3.0),
        ("syntax", "islands/adjunct", 0.5, 1.0 / 3.0),
        ("syntax", "islands/wh", 1.0, 1.0),
        ("morphology", "agreement/agreement", 0.0, 1.0),
    ];
    let all = Examples {
        names: rows
            .iter()
            .zip(0..)
            .map(|((set, subset, ..), place)| name(set, subset, "test", place))
            .collect(),
        pairs: None,
        measures: vec![
            ("accuracy".to_owned(), rows.map(|row| row.2).to_vec()),
            ("weight".to_owned(), rows.map(|row| row.3).to_vec()),
        ],
    };
    let of = |name: &str, value| Rescorer::new(&score(name, value, PERCENT, "test"), &all);
    for (name, value, counted) in [
        ("accuracy", 50.0, 5),
        ("accuracy.syntax", 75.0, 4),
        ("accuracy.islands", 75.0, 4),
        ("accuracy.adjunct", 50.0, 3),
        ("accuracy.agreement", 0.0, 1),
    ] {
        let rescorer = of(name, value).unwrap();
        assert_eq!(rescorer.strata()[0].examples.len(), counted, "{name}");
    }
    assert_eq!(
        of("accuracy.semantics", 50.0).unwrap_err(),
        "none of its predictions are of `semantics`"
    );
    assert!(of("accuracy.wh", 50.0).is_err());
}

//! Comparisons as JSON.

use serde_json::{Value, json};
use statistics::{Interval, Needed};

use super::{Line, Report, better};
use crate::report::compare::Compared;

/// Returns what `--json` prints.
pub(super) fn report(report: &Report<'_>, profile: &str) -> Value {
    let comparisons = report.lines.iter().map(line);
    json!({
        "schema_version": 1,
        "profile": profile,
        "table": report.table.name,
        "base": report.base,
        "level": report.options.level,
        "draws": report.options.drawing.draws,
        "seed": report.options.drawing.seed,
        "corrected_for": report.made(),
        "trained_once": report.trained_once,
        "comparisons": comparisons.collect::<Vec<_>>(),
    })
}

fn line(line: &Line<'_>) -> Value {
    let mut value = match &line.answer {
        Ok(compared) => compared_json(compared),
        Err(reason) => json!({ "not_compared": reason }),
    };
    value["row"] = json!(line.row);
    value["column"] = json!(line.column);
    if let Some((told, p)) = line.told {
        value["verdict"] = json!(told.words());
        value["p_corrected"] = json!(p);
    }
    if let Some(power) = &line.power {
        value["power"] = json!({
            "difference": power.difference,
            "seeds": power.seeds,
            "seeds_needed": match power.needed {
                Needed::Seeds(seeds) => json!(seeds),
                _ => Value::Null,
            },
            "why_not": match power.needed {
                Needed::Seeds(_) => Value::Null,
                _ => json!(power.words()),
            },
            "core_seconds": power.core_seconds,
        });
    }
    value
}

/// Returns the numbers of a comparison. Numbers that are not finite are null.
pub(in crate::cli) fn compared_json(compared: &Compared) -> Value {
    let comparison = &compared.comparison;
    let interval = |interval: Interval| json!([interval.low, interval.high]);
    json!({
        "metric": compared.metric,
        "better": better(compared.direction),
        "means": compared.means,
        "difference": comparison.difference,
        "seeds": comparison.seeds,
        "paired": comparison.paired,
        "of": compared.of(),
        "bootstrap": comparison.bootstrap.map(|bootstrap| json!({
            "interval": interval(bootstrap.interval),
            "p": bootstrap.p,
            "deviation_by_seeds": bootstrap.seeds,
            "deviation_by_examples": bootstrap.examples,
            "draws": bootstrap.draws,
            "undefined": bootstrap.undefined,
        })),
        "student": comparison.student.map(|student| json!({
            "interval": interval(student.interval),
            "t": student.t,
            "degrees_of_freedom": student.freedom,
            "p": student.p,
        })),
        "student_with_examples": comparison.together.map(|student| json!({
            "interval": interval(student.interval),
            "degrees_of_freedom": student.freedom,
            "p": student.p,
        })),
        "permutation": comparison.permutation.map(|permutation| json!({
            "p": permutation.p,
            "arrangements": permutation.arrangements,
            "exact": permutation.exact,
        })),
        "detectable": {
            "by_seeds": comparison.detectable_by_seeds,
            "by_examples": comparison.detectable_by_examples,
        },
        "p": comparison.p(),
        "remarks": compared.remarks,
    })
}

//! `pipe claims`.

use serde_json::{Map, Value, json};

use super::Exit;
use super::arguments::ClaimsArguments;
use super::compare::compared_json;
use super::failure::CommandFailure;
use super::missing::Missing;
use super::output::{print, print_json};
use super::project::Project;
use crate::execute::Standing as JobStanding;
use crate::graph::OutputPlan;
use crate::registry::Registry;
use crate::report::claims::{Answered, Standing, rank_agreement};
use crate::report::{Builder, Jobs};
use crate::terminal::Paint;

/// A table's claims, and how its ranks agree with those of published values.
struct Claimed<'p> {
    table: &'p OutputPlan,
    claims: Vec<Answered>,
    ranks: Vec<(String, f64, usize)>,
}

/// Answers the claims on tables from what is known.
pub(super) fn claims(
    arguments: &ClaimsArguments,
    registry: &Registry,
) -> Result<Exit, CommandFailure> {
    let project = Project::load(&arguments.common, registry)?;
    let (plan, store, standings) = project.look(&arguments.targets)?;
    let missing = Missing::new(&plan.jobs, &standings, &store)?;
    let jobs = Jobs {
        graph: &plan.jobs,
        found: &|job| match &standings[job.index()] {
            JobStanding::Cached(found) | JobStanding::Away(found) => Some(found.as_ref()),
            _ => None,
        },
        reason: &|job| missing.reason(job),
    };
    let mut builder = Builder::new(&store);
    let mut all = Vec::new();
    for table in plan.outputs.iter().filter(|table| !table.claims.is_empty()) {
        let output = builder.output(table, Vec::new(), jobs)?;
        all.push(Claimed {
            claims: builder.claims(table, output.cells(), jobs)?,
            ranks: rank_agreement(table, output.cells()),
            table,
        });
    }
    if all.is_empty() {
        return Err(CommandFailure::Usage {
            message: "no claims are made on these tables".into(),
            remedy: "a table names files of claims: claims = \"data/claims/FILE.toml\"; \
                     data/claims/README.md has their format"
                .into(),
        });
    }
    if arguments.common.json {
        let mut value = Map::new();
        value.insert("schema_version".into(), json!(1));
        value.insert("profile".into(), json!(project.pipeline.profile()));
        value.insert("tables".into(), all.iter().map(as_json).collect());
        print_json(&value.into())?;
    } else {
        let texts: Vec<String> = all.iter().map(as_text).collect();
        print(&texts.join("\n"))?;
    }
    Ok(Exit::Ok)
}

fn as_text(claimed: &Claimed<'_>) -> String {
    let table = claimed.table;
    let mut text = format!("{}\n", format!("{}: {}", table.name, table.title).bold());
    for answered in &claimed.claims {
        let words = answered.words();
        let words = match answered.standing {
            Standing::Holds => words.green().to_string(),
            Standing::DoesNotHold => words.red().to_string(),
            _ => words,
        };
        text += &format!(
            "\n  {} ({})\n    {words}\n",
            answered.claim.says,
            answered.source()
        );
        let columns = answered.columns.iter().map(|(label, answers)| {
            let differences = answers.iter().map(|answer| match answer {
                Ok(compared) => format!("{:+.2}", compared.comparison.difference),
                Err(_) => "—".to_owned(),
            });
            format!("{label} {}", differences.collect::<Vec<_>>().join(", "))
        });
        let columns: Vec<String> = columns.collect();
        if columns.len() > 1 {
            text += &format!("    {}\n", columns.join(" · "));
        }
    }
    if !claimed.ranks.is_empty() {
        let ranks = claimed
            .ranks
            .iter()
            .map(|(label, coefficient, rows)| format!("{label} {coefficient:+.2} ({rows} rows)"));
        let ranks: Vec<String> = ranks.collect();
        text += &format!(
            "\n  ranks beside the published ones (Spearman): {}\n",
            ranks.join(", ")
        );
    }
    text
}

fn as_json(claimed: &Claimed<'_>) -> Value {
    let claims = claimed.claims.iter().map(|answered| {
        let against = answered.against.iter().map(|(row, compared)| {
            let mut value = compared_json(compared);
            value["row"] = json!(row);
            value
        });
        let columns = answered.columns.iter().map(|(label, answers)| {
            let answers = answers.iter().map(|answer| match answer {
                Ok(compared) => compared_json(compared),
                Err(reason) => json!({ "not_compared": reason }),
            });
            json!({ "column": label, "against": answers.collect::<Vec<_>>() })
        });
        json!({
            "id": answered.claim.id,
            "says": answered.claim.says,
            "source": answered.source(),
            "standing": answered.verdict(),
            "reason": answered.reason,
            "level": answered.level,
            "against": against.collect::<Vec<_>>(),
            "columns": columns.collect::<Vec<_>>(),
            "without": answered.without,
        })
    });
    let ranks = claimed.ranks.iter().map(|(label, coefficient, rows)| {
        json!({ "column": label, "spearman": coefficient, "rows": rows })
    });
    json!({
        "table": claimed.table.name,
        "claims": claims.collect::<Vec<_>>(),
        "rank_agreement": ranks.collect::<Vec<_>>(),
    })
}

//! `pipe show --cell`: where the numbers of a cell come from.

pub(super) mod selector;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tables::{Cell, Chosen};

use super::Exit;
use super::failure::CommandFailure;
use super::notes;
use super::output::{path_json, print, print_json};
use super::project::Project;
use crate::declare::Target;
use crate::execute::Standing;
use crate::graph::{CellPlan, JobIndex, OutputPlan, Plan};
use crate::progress::{amount, duration};
use crate::report::{Output, describe};
use crate::runs::quoted;
use crate::store::{Record, Store};
use crate::terminal::Paint;

/// The cells of tables, and the state of the jobs behind them.
pub(super) struct Cells<'a> {
    pub(super) project: &'a Project,
    pub(super) plan: &'a Plan,
    pub(super) standings: &'a [Standing],
    pub(super) store: &'a Store,
}

/// A cell that was asked for, with its table and labels.
struct Asked<'a> {
    table: &'a OutputPlan,
    row: &'a str,
    column: &'a str,
    plan: &'a CellPlan,
    cell: &'a Cell,
}

impl Asked<'_> {
    /// Returns the jobs whose scores the cell shows; as long as no point of its grid is chosen, the jobs of all points.
    fn jobs(&self) -> &[JobIndex] {
        self.plan
            .shown(self.cell.chosen.as_ref().map(|chosen| chosen.place))
    }
}

impl Cells<'_> {
    /// Prints the cells that the selector names.
    pub(super) fn show(
        &self,
        selector: &str,
        outputs: &[Box<dyn Output>],
        as_json: bool,
    ) -> Result<Exit, CommandFailure> {
        let chosen = self.choose(selector, outputs)?;
        if as_json {
            let cells = chosen.iter().map(|chosen| self.json(chosen));
            print_json(&json!({
                "schema_version": 1,
                "profile": self.project.pipeline.profile(),
                "cells": cells.collect::<Vec<_>>(),
            }))?;
        } else {
            let texts: Vec<String> = chosen.iter().map(|chosen| self.text(chosen)).collect();
            print(&texts.join("\n"))?;
        }
        Ok(Exit::Ok)
    }

    fn choose<'t>(
        &'t self,
        selector: &str,
        outputs: &'t [Box<dyn Output>],
    ) -> Result<Vec<Asked<'t>>, CommandFailure> {
        let mut chosen = Vec::new();
        for (plan, output) in self.plan.outputs.iter().zip(outputs) {
            for (row, (plans, cells)) in plan.rows.iter().zip(plan.cells.iter().zip(output.cells()))
            {
                for (column, (planned, cell)) in plan.columns.iter().zip(plans.iter().zip(cells)) {
                    let Some(planned) = planned else { continue };
                    let labels = [row.label.as_str(), column.label.as_str()];
                    if selector::selects(selector, (planned, labels)) {
                        chosen.push(Asked {
                            table: plan,
                            row: &row.label,
                            column: &column.label,
                            plan: planned,
                            cell,
                        });
                    }
                }
            }
        }
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        Err(selector::none(selector, self.plan))
    }

    fn text(&self, chosen: &Asked<'_>) -> String {
        let Asked {
            table, row, column, ..
        } = chosen;
        let heading = format!("{}: {row}, {column}", table.name);
        let mut text = format!("{}\n", heading.bold());
        let values: Vec<String> = chosen.cell.values.iter().map(|v| format!("{v}")).collect();
        if let Some(summary) = chosen.cell.summary() {
            text += &format!("  mean {:.2}", summary.mean);
            if let Some(deviation) = summary.standard_deviation {
                text += &format!(", standard deviation {deviation:.2}");
            }
            text += &format!(", of {}\n", values.join(", "));
        }
        if !chosen.cell.texts.is_empty() {
            text += &format!("  {}\n", chosen.cell.texts.join(", "));
        }
        for remark in &chosen.cell.remarks {
            text += &format!("  {remark}\n");
        }
        for reason in &chosen.cell.reasons {
            text += &format!("  missing: {reason}\n");
        }
        if let Some(published) = &chosen.cell.published {
            let doubt = if published.verified {
                ""
            } else {
                ", not verified"
            };
            text += &format!(
                "  published: {} ({}{doubt})\n",
                published.value, published.citation
            );
        }
        if let Some(point) = &chosen.cell.chosen {
            text += &format!("  {}: {}\n", point.name().bold(), point.rule());
            for candidate in &point.points {
                let score = match candidate.score {
                    score if score.is_nan() => "undefined".to_owned(),
                    score => format!("{score:.2}"),
                };
                text += &format!("    {}: {score}\n", candidate.name());
            }
        }
        let jobs = chosen.jobs();
        for job in jobs {
            text += &self.job_text(*job, true);
        }
        let needed = self.needed(jobs);
        if !needed.is_empty() {
            text += "  resting on\n";
        }
        for job in needed {
            text += &self.job_text(job, false);
        }
        text
    }

    fn job_text(&self, index: JobIndex, whole: bool) -> String {
        let label = &self.plan.jobs.job(index).label;
        let Some(record) = self.record(index) else {
            return format!("  {label}: no result\n");
        };
        let mut text = format!(
            "  {}: artifact {}, key {}\n",
            label.cyan(),
            record.artifact.short(),
            &record.key.to_hex()[..12]
        );
        for origin in &record.origin {
            text += &format!("    {origin}\n");
        }
        if !whole {
            return text + &notes::below(&record.notes, "    ");
        }
        let cost = &record.cost;
        let time = std::time::Duration::try_from_secs_f64(cost.core_seconds).unwrap_or_default();
        text += &format!(
            "    {} on one core, {}B of memory at most, on {}\n",
            duration(time),
            amount(cost.peak_memory as f64),
            cost.cpu
        );
        let params: Vec<String> = record
            .parts
            .params
            .0
            .iter()
            .map(|(name, value)| format!("{name} = {}", plain(value)))
            .collect();
        text += &format!("    {}\n", params.join(", "));
        text += &notes::below(&record.notes, "    ");
        if let Some(log) = self.log(&record) {
            text += &format!("    log: {}\n", log.display());
        }
        text + &format!("    again: {}\n", self.command(index))
    }

    /// Returns the command that makes the job's result.
    fn command(&self, index: JobIndex) -> String {
        let label = &self.plan.jobs.job(index).label;
        let profile = self.project.pipeline.profile();
        let target = match self.project.pipeline.targets(&[format!("stage:{label}")]) {
            Ok(targets) => targets.first().map(Target::to_string),
            Err(_) => None,
        };
        let target = target.unwrap_or_else(|| format!("stage:{label}"));
        let options = self.project.places();
        format!("pipe run '{target}' --profile {}{options}", quoted(profile))
    }

    /// Returns all other jobs that these jobs need, in the graph's order.
    fn needed(&self, jobs: &[JobIndex]) -> BTreeSet<JobIndex> {
        let graph = &self.plan.jobs;
        let mut needed = BTreeSet::new();
        let mut open: Vec<JobIndex> = jobs.iter().flat_map(|job| graph.inputs(*job)).collect();
        while let Some(job) = open.pop() {
            if needed.insert(job) {
                open.extend(graph.inputs(job));
            }
        }
        needed
    }

    fn record(&self, index: JobIndex) -> Option<Record> {
        let found = self.standings[index.index()].found()?;
        // A record that has gone since the look-up is treated as if there had been none.
        self.store.recorded(&found.key).ok()?
    }

    /// Returns where the log of a job lies, if the job wrote anything.
    fn log(&self, record: &Record) -> Option<PathBuf> {
        Some(self.store.log(&record.key)).filter(|log| log.exists())
    }

    fn json(&self, chosen: &Asked<'_>) -> Value {
        let graph = &self.plan.jobs;
        let job = |index: JobIndex| {
            let job = graph.job(index);
            let record = self.record(index)?;
            let mut value = describe(job, graph, &record);
            value["label"] = json!(job.label);
            value["cost"] = json!(record.cost);
            value["log"] = json!(self.log(&record).as_deref().map(path_json));
            value["command"] = json!(self.command(index));
            Some(value)
        };
        let summary = chosen.cell.summary();
        json!({
            chosen.table.kind: chosen.table.name,
            "row": chosen.row,
            "column": chosen.column,
            "bindings": chosen.plan.bindings.iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect::<Map<_, _>>(),
            "values": chosen.cell.values,
            "texts": chosen.cell.texts,
            "mean": summary.map(|summary| summary.mean),
            "missing": chosen.cell.reasons,
            "remarks": chosen.cell.remarks,
            "chosen": chosen.cell.chosen.as_ref().map(Chosen::to_json),
            "jobs": chosen.jobs().iter().filter_map(|index| job(*index)).collect::<Vec<_>>(),
            "needed": self.needed(chosen.jobs()).into_iter().filter_map(job).collect::<Vec<_>>(),
        })
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

//! Tables: rows × columns of cells, as papers print them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tables::reference::{self, Key};
use tables::{Cell, Chosen, Column, ComparisonExport, ComparisonLine, Row, Table, Variables};

use super::builder::Heading;
use super::claims::Standing;
use super::footnotes::Footnotes;
use super::spread::Spreads;
use super::{Builder, Jobs, Kind, Output, ReportError, alike};
use crate::graph::{JobIndex, OutputPlan, RowPlan};
use crate::terminal::shown;

/// The kind `[table.NAME]`.
pub(super) struct Tables;

impl Kind for Tables {
    fn word(&self) -> &'static str {
        "table"
    }

    fn make<'a>(
        &self,
        plan: &OutputPlan,
        notes: Vec<String>,
        jobs: Jobs<'_, 'a>,
        builder: &mut Builder<'a>,
    ) -> Result<Box<dyn Output>, ReportError> {
        Ok(Box::new(make(plan, notes, jobs, builder)?))
    }
}

impl Output for Table {
    fn cells(&self) -> &[Vec<Cell>] {
        &self.cells
    }

    fn terminal(&self, width: usize) -> String {
        Self::terminal(self, width)
    }

    fn document(&self) -> String {
        self.markdown()
    }

    fn json(&self) -> Value {
        as_json(self)
    }

    fn files(
        &self,
        variables: &[Vec<Variables>],
    ) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
        let export = self.export(variables)?;
        // The file may be read in a terminal, so control characters in texts of others are written out.
        let markdown = shown(&self.markdown(), false).into_owned();
        let mut files = vec![
            ("md", markdown.into_bytes()),
            ("parquet", export.parquet()?),
            ("csv", export.csv().into_bytes()),
        ];
        if !self.comparisons.is_empty() {
            let export = ComparisonExport::new(&self.name, &self.comparisons);
            files.push(("comparisons.parquet", export.parquet()?));
            files.push(("comparisons.csv", export.csv().into_bytes()));
        }
        Ok(files)
    }
}

fn make<'a>(
    plan: &OutputPlan,
    notes: Vec<String>,
    jobs: Jobs<'_, 'a>,
    builder: &mut Builder<'a>,
) -> Result<Table, ReportError> {
    let known = |job: JobIndex| (jobs.found)(job).ok_or_else(|| (jobs.reason)(job));
    let mut references = Vec::new();
    for reference in &plan.reference {
        references.push(builder.reference(&reference.file, &reference.id)?);
    }
    // By column: name and unit of its scores, as long as all of them agree.
    let mut headings: Vec<Heading> = vec![Heading::Open; plan.columns.len()];
    let mut cells: Vec<Vec<Cell>> = Vec::with_capacity(plan.rows.len());
    let mut footnotes = Footnotes::new(jobs);
    let mut spreads = Spreads::default();
    for (row, planned) in plan.rows.iter().zip(&plan.cells) {
        let mut line: Vec<Cell> = Vec::with_capacity(planned.len());
        for ((column, cell), heading) in plan.columns.iter().zip(planned).zip(&mut headings) {
            let mut built = match cell {
                Some(plan) => {
                    let mut cell = builder.cell(plan, heading, &known)?;
                    let place = cell.chosen.as_ref().map(|chosen| chosen.place);
                    let mut notes = BTreeSet::new();
                    for job in plan.shown(place) {
                        notes.extend(footnotes.of(*job).iter().flat_map(|of| of.iter()));
                    }
                    cell.footnotes = notes.into_iter().collect();
                    spreads.add(jobs.graph, plan, &mut cell);
                    cell
                }
                None => Cell::default(),
            };
            if let (Some(key), Some(_)) = (&column.reference, cell) {
                built.published = reference::first(&references, &keys(row), key)?;
            }
            line.push(built);
        }
        cells.push(line);
    }
    let comparisons = builder.comparisons(plan, &mut cells, jobs)?;
    let claims = builder.claims(plan, &cells, jobs)?.into_iter();
    let claims = claims.filter(|answered| answered.standing != Standing::NotAsked);
    let claims = claims.map(|answered| answered.note());
    let notes = comparisons.note.into_iter().chain(claims).chain(notes);
    let notes = spreads.notes().chain(notes);
    let notes: Vec<String> = alike::notes(plan).into_iter().chain(notes).collect();
    let (footnotes, places) = footnotes.finish();
    for cell in cells.iter_mut().flatten() {
        for note in &mut cell.footnotes {
            *note = places[*note];
        }
        cell.footnotes.sort_unstable();
    }
    let columns = plan.columns.iter().zip(headings).map(|(column, heading)| {
        let (metric, unit) = match heading {
            Heading::Agreed { metric, unit } => (metric, unit),
            Heading::Open | Heading::Mixed => Default::default(),
        };
        Column::new(&column.label, metric, unit)
    });
    let table = Table {
        name: plan.name.clone(),
        title: plan.title.clone(),
        keys: vec![String::new()],
        rows: plan
            .rows
            .iter()
            .map(|row| Row::new([row.label.as_str()]))
            .collect(),
        columns: columns.collect(),
        cells,
        comparisons: comparisons.lines,
        notes: plan.caption.iter().cloned().chain(notes).collect(),
        footnotes,
    };
    table.check()?;
    Ok(table)
}

fn keys(row: &RowPlan) -> Vec<(&str, Key)> {
    let pairs = row.reference.iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.as_str(), Key::from_json(value)?)))
        .collect()
}

/// Returns a table as JSON.
fn as_json(table: &Table) -> Value {
    let rows: Vec<Value> = table
        .rows
        .iter()
        .zip(&table.cells)
        .map(|(row, cells)| {
            let cells: Vec<Value> = table
                .columns
                .iter()
                .zip(cells)
                .map(|(column, cell)| {
                    let summary = cell.summary();
                    json!({
                        "column": column.label,
                        "metric": column.metric,
                        "unit": column.unit,
                        "values": cell.values,
                        "texts": cell.texts,
                        "mean": summary.map(|summary| summary.mean),
                        "standard_deviation": summary.and_then(|summary| summary.standard_deviation),
                        "missing": cell.reasons,
                        "remarks": cell.remarks,
                        "noted_by_stages": cell.footnotes,
                        "chosen": cell.chosen.as_ref().map(Chosen::to_json),
                        "published": cell.published.as_ref().map(|published| json!({
                            "value": published.value,
                            "verified": published.verified,
                            "source": published.citation.to_string(),
                        })),
                    })
                })
                .collect();
            json!({ "row": row.labels, "cells": cells })
        })
        .collect();
    let noted: Vec<Value> = table
        .footnotes
        .iter()
        .map(|note| json!({ "stage": note.stage, "jobs": note.jobs, "message": note.message }))
        .collect();
    json!({
        "name": table.name,
        "title": table.title,
        "notes": table.notes,
        "noted_by_stages": noted,
        "rows": rows,
        "comparisons": table.comparisons.iter().map(comparison).collect::<Vec<_>>(),
    })
}

fn comparison(line: &ComparisonLine) -> Value {
    json!({
        "row": line.row,
        "column": line.column,
        "base": line.base,
        "difference": line.difference,
        "interval": line.interval,
        "interval_by_seeds": line.by_seeds,
        "p_corrected": line.p,
        "verdict": line.verdict,
        "of": line.of,
        "seeds": line.seeds,
        "remarks": line.remarks,
    })
}

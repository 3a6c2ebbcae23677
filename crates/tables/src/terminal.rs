use std::ops::Range;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

use crate::Table;
use crate::layout::{Layout, Text};

/// The style of tables in papers: one rule below the headings and no other line.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

impl Table {
    /// Renders the table for a terminal of `width` columns: heading, table, legend; no colour; ends with a newline.
    ///
    /// A table that is too wide is first narrowed by putting published values below ours and breaking texts into lines, then cut
    /// into blocks of columns that each repeat the row names. One column is printed whole, however narrow the terminal.
    pub fn terminal(&self, width: usize) -> String {
        let layout = Layout::of(self);
        let all = layout.keys..layout.headings.len();
        let on_a_line = block(&layout, all.clone(), Text::line);
        let blocks = if fits(&on_a_line, width) {
            vec![on_a_line]
        } else {
            blocks(&layout, all, width)
        };
        let mut parts = vec![self.heading()];
        parts.extend(blocks);
        let mut rendered = parts.join("\n\n");
        if !layout.legend.is_empty() {
            rendered += "\n\n";
            rendered += &wrap(&layout.legend, width);
        }
        rendered + "\n"
    }
}

/// Cuts the columns into as few blocks as possible, each with published values below ours.
fn blocks(layout: &Layout, columns: Range<usize>, width: usize) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut start = columns.start;
    while start < columns.end {
        let (end, rendered) = (start + 1..=columns.end)
            .rev()
            .map(|end| (end, block(layout, start..end, Text::stacked)))
            .find(|(end, rendered)| *end == start + 1 || fits(rendered, width))
            .unwrap_or_else(|| {
                (
                    columns.end,
                    block(layout, start..columns.end, Text::stacked),
                )
            });
        blocks.push(rendered);
        start = end;
    }
    blocks
}

/// Renders the row names and the given columns.
fn block(layout: &Layout, columns: Range<usize>, form: fn(&Text) -> String) -> String {
    let shown: Vec<usize> = (0..layout.keys).chain(columns).collect();
    let mut table = comfy_table::Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(shown.iter().map(|&column| layout.headings[column].as_str()));
    for row in &layout.rows {
        table.add_row(shown.iter().map(|&column| form(&row[column])));
    }
    let columns = table.column_iter_mut().zip(&shown);
    for (column, &place) in columns.skip(layout.keys) {
        // What is broken into lines is read from the left.
        let mut texts = layout.rows.iter().map(|row| &row[place]);
        let is_broken = texts.any(|text| text.is_prose && form(text).contains('\n'));
        column.set_cell_alignment(match is_broken {
            true => CellAlignment::Left,
            false => CellAlignment::Right,
        });
    }
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn fits(block: &str, width: usize) -> bool {
    block.lines().all(|line| line.chars().count() <= width)
}

/// Breaks lines at spaces to fit the width; continued lines are indented.
fn wrap(lines: &[String], width: usize) -> String {
    let mut wrapped = Vec::new();
    for line in lines {
        let mut current = String::new();
        for word in line.split_whitespace() {
            let needed = current.chars().count() + 1 + word.chars().count();
            if !current.trim().is_empty() && needed > width {
                wrapped.push(std::mem::replace(&mut current, "  ".to_owned()));
            } else if !current.trim().is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        wrapped.push(current);
    }
    wrapped.join("\n")
}

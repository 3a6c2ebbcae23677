use crate::Table;
use crate::layout::Layout;

impl Table {
    /// Renders the table as GitHub-flavoured Markdown: a heading, the table, and the lines below it as a list.
    /// Ends with a newline.
    pub fn markdown(&self) -> String {
        let layout = Layout::of(self);
        let mut lines = vec![format!("## {}", self.heading()), String::new()];
        lines.push(line(layout.headings.iter().map(|heading| escape(heading))));
        lines.push(line((0..layout.headings.len()).map(|column| {
            if column < layout.keys {
                "---".to_owned()
            } else {
                "---:".to_owned()
            }
        })));
        for row in &layout.rows {
            lines.push(line(row.iter().map(|text| escape(&text.line()))));
        }
        if !layout.legend.is_empty() {
            lines.push(String::new());
        }
        lines.extend(
            layout
                .legend
                .iter()
                .map(|entry| format!("- {}", escape(entry))),
        );
        lines.join("\n") + "\n"
    }

    /// Returns the line above the table, name and title: `masking-rate: what it shows`.
    pub(crate) fn heading(&self) -> String {
        if self.title.is_empty() {
            self.name.clone()
        } else {
            format!("{}: {}", self.name, self.title)
        }
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// Escapes the characters that Markdown would read as a table's or a link's syntax.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '[' | ']' | '*' | '_' | '<' | '`' | '\\' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

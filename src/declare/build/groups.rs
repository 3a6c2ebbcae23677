//! Groups of tables.

use super::{Builder, names};
use crate::declare::grammar::TABLE;
use crate::declare::model::Group;
use crate::declare::raw::{RawGroup, RawOutput};
use crate::errors::did_you_mean;

impl Builder<'_> {
    /// Resolves the tables of groups.
    pub(super) fn groups(&mut self, groups: Vec<RawGroup>, outputs: &[RawOutput]) -> Vec<Group> {
        let known = || {
            let tables = outputs
                .iter()
                .filter(|output| output.kind.word == TABLE.word);
            tables.map(|table| table.name.text.as_str())
        };
        let mut built = Vec::with_capacity(groups.len());
        for RawGroup {
            name,
            title,
            tables: named,
        } in groups
        {
            if let Err(why) = names::check(&name.text) {
                let message = format!("`{}` cannot name a group", name.text);
                self.problem(message, name.span.clone(), why);
            }
            for table in &named {
                if known().all(|known| known != table.text) {
                    let help = did_you_mean(&table.text, known(), "tables");
                    let message = format!("unknown table `{}`", table.text);
                    self.problem(message, table.span.clone(), help);
                }
            }
            built.push(Group {
                name: name.text,
                title: title.map(|title| title.text),
                tables: named.into_iter().map(|table| table.text).collect(),
            });
        }
        built
    }
}

//! Tables for eyes.

use std::fmt;

pub(super) use crate::model::{to_the_second, visible};

/// Between two columns.
const GAP: &str = "  ";

/// Rows under a headline, each column as wide as its widest cell.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these headings and no rows yet.
    pub(super) fn new(headings: [&str; N]) -> Self {
        Self {
            rows: vec![headings.map(str::to_owned)],
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| visible(&cell)));
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in &self.rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join(GAP).trim_end())?;
        }
        Ok(())
    }
}

/// A time that has passed, in its largest unit: `7s`, `2m`, `3h`, `4d`.
pub(super) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["HOST", "LEASES"]);
        table.row(["bücherei".to_owned(), "3".to_owned()]);
        table.row(["a\u{1b}[31m".to_owned(), String::new()]);
        table.row(["b\u{202e}\u{2028}".to_owned(), String::new()]);
        assert_eq!(
            table.to_string(),
            "HOST      LEASES\nbücherei  3\na\u{fffd}[31m\nb\u{fffd}\u{fffd}\n"
        );
    }
}

//! Rows and columns as aligned text, as Markdown, and as CSV.

use std::fmt::Write as _;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its head for people.
    pub head: String,
    /// Its head for programs, with the unit.
    pub name: String,
    /// Whether it holds numbers, which stand at the right.
    pub numeric: bool,
}

impl Column {
    /// Of words, called the same by people and programs.
    pub fn text(name: &str) -> Column {
        Column { head: name.to_owned(), name: name.to_owned(), numeric: false }
    }

    /// Of numbers.
    pub fn number(name: &str) -> Column {
        Column { numeric: true, ..Column::text(name) }
    }
}

/// A table; every row has a cell for each column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// A last row of sums.
    pub total: Option<Vec<String>>,
}

impl Table {
    fn all_rows(&self) -> impl Iterator<Item = &Vec<String>> {
        self.rows.iter().chain(&self.total)
    }

    /// Columns by their widest cell, two spaces between them, a rule before the sums. Control
    /// characters become spaces.
    pub fn text(&self) -> String {
        let heads: Vec<String> = self.columns.iter().map(|column| column.head.clone()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(&heads)
            .chain(self.all_rows())
            .map(|row| row.iter().map(|cell| cell.replace(|c: char| c.is_control(), " ")).collect())
            .collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| rows.iter().map(|row| width(&row[index])).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            let is_total = self.total.is_some() && number == rows.len() - 1;
            if is_total {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                let _ = writeln!(text, "{}", rule.join("  "));
            }
            let cells: Vec<String> = row
                .iter()
                .zip(&self.columns)
                .zip(&widths)
                .map(|((cell, column), wanted)| padded(cell, *wanted, column.numeric))
                .collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        text
    }

    /// A table of GitHub's Markdown; the sums are bold.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let cell = |text: &str| {
            text.replace(|c: char| c.is_control(), " ").replace('\\', "\\\\").replace('|', "\\|")
        };
        let mut text = line(self.columns.iter().map(|column| cell(&column.head)).collect());
        text +=
            &line(self.columns.iter().map(|c| if c.numeric { "---:" } else { "---" }.to_owned()).collect());
        for row in &self.rows {
            text += &line(row.iter().map(|text| cell(text)).collect());
        }
        let bold =
            |text: &String| if text.is_empty() { String::new() } else { format!("**{}**", cell(text)) };
        if let Some(total) = &self.total {
            text += &line(total.iter().map(bold).collect());
        }
        text
    }

    /// RFC 4180: a header, lines that end with CR LF, quotes where they are needed. Sums are left
    /// out, so that whoever adds a column up does not count twice. A cell that a spreadsheet would
    /// take for a formula is preceded by an apostrophe.
    pub fn csv(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let mut text = names.join(",") + "\r\n";
        for row in &self.rows {
            let cells: Vec<String> =
                row.iter().zip(&self.columns).map(|(cell, column)| csv_cell(cell, column.numeric)).collect();
            text += &cells.join(",");
            text += "\r\n";
        }
        text
    }
}

/// A cell of CSV, so that a spreadsheet takes no text for a formula.
pub(crate) fn csv_cell(cell: &str, numeric: bool) -> String {
    let formula = !numeric && cell.starts_with(['=', '+', '-', '@']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

/// How many columns of a terminal a text takes, as far as characters tell.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, wanted: usize, right: bool) -> String {
    let space = " ".repeat(wanted.saturating_sub(width(text)));
    if right { space + text } else { text.to_owned() + &space }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(cells: Vec<(String, String)>) -> Table {
        let column =
            |head: &str, name: &str, numeric| Column { head: head.into(), name: name.into(), numeric };
        Table {
            columns: vec![column("user", "user", false), column("cost", "cost_eur", true)],
            rows: cells.into_iter().map(|(one, other)| vec![one, other]).collect(),
            total: Some(vec!["total".into(), "3.00".into()]),
        }
    }

    fn two() -> Table {
        table(vec![
            ("ann".into(), "1.00".into()),
            ("b|\"en\", jr.".into(), "2.00".into()),
            ("=1+1".into(), "-1".into()),
        ])
    }

    #[test]
    fn text_is_aligned() {
        let expected = "user         cost\n\
                        ann          1.00\n\
                        b|\"en\", jr.  2.00\n\
                        =1+1           -1\n\
                        -----------  ----\n\
                        total        3.00\n";
        assert_eq!(two().text(), expected);
    }

    #[test]
    fn markdown_keeps_its_columns() {
        let markdown = two().markdown();
        assert!(markdown.contains("| b\\|\"en\", jr. | 2.00 |\n"), "{markdown}");
        assert!(markdown.ends_with("| **total** | **3.00** |\n"), "{markdown}");
    }

    #[test]
    fn csv_is_that_of_the_rfc_and_runs_no_formula() {
        assert_eq!(two().csv(), "user,cost_eur\r\nann,1.00\r\n\"b|\"\"en\"\", jr.\",2.00\r\n'=1+1,-1\r\n");
    }

    proptest! {
        #[test]
        fn whatever_a_cell_holds_a_line_is_a_row(cells in prop::collection::vec((any::<String>(), "[0-9.]{1,9}"), 0..5)) {
            let rows = cells.len();
            let table = table(cells);
            prop_assert_eq!(table.text().split('\n').count(), rows + 4);
            prop_assert_eq!(table.markdown().split('\n').count(), rows + 4);
        }
    }
}

//! Tables of several columns on a terminal.

use unicode_width::UnicodeWidthStr as _;

use crate::terminal::Paint;

/// Rows under a head. Numbers stand to the right of their column, words to the left.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Words(&'static str),
    Number(&'static str),
}

impl Column {
    fn head(self) -> &'static str {
        match self {
            Self::Words(head) | Self::Number(head) => head,
        }
    }
}

/// What stands between two columns.
const GAP: &str = "  ";

impl Grid {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// A row has a text for each column.
    pub(crate) fn row(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    pub(crate) fn lines(&self, paint: Paint) -> Vec<String> {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let cells = self.rows.iter().map(|row| row[at].width());
                cells.chain([column.head().width()]).max().unwrap_or_default()
            })
            .collect();
        let line = |texts: &mut dyn Iterator<Item = &str>| {
            let cells = texts.zip(&self.columns).zip(&widths).map(|((text, column), width)| {
                let space = " ".repeat(width - text.width());
                match column {
                    Column::Words(_) => format!("{text}{space}"),
                    Column::Number(_) => format!("{space}{text}"),
                }
            });
            cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        let head = line(&mut self.columns.iter().map(|column| column.head()));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        [paint.faint(&head)].into_iter().chain(rows).collect()
    }
}

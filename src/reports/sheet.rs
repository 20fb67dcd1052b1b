//! What a report shows, apart from how it is shown: pairs, tables, remarks, photos and a chart, in order.

use crate::counting::spc::Chart;
use crate::domain::ids::FileHash;

/// One piece of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub title: String,
    /// Stands under the title.
    pub note: Option<String>,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Pairs(Vec<(String, String)>),
    Table(Table),
    Lines(Vec<String>),
    Chart(Box<Chart>),
    Photos(Vec<Shot>),
}

/// A photo, and what it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    pub photo: FileHash,
    pub of: String,
}

/// Rows below a head; every row is as long as the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl Section {
    pub fn pairs(title: &str, pairs: Vec<(&str, String)>) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { title: title.into(), note: None, content: Content::Pairs(pairs) }
    }

    pub fn table(title: &str, table: Table) -> Self {
        Self { title: title.into(), note: None, content: Content::Table(table) }
    }

    pub fn lines(title: &str, lines: Vec<String>) -> Self {
        Self { title: title.into(), note: None, content: Content::Lines(lines) }
    }

    pub fn chart(title: &str, chart: &Chart) -> Self {
        Self { title: title.into(), note: None, content: Content::Chart(Box::new(chart.clone())) }
    }

    pub fn photos(title: &str, photos: Vec<Shot>) -> Self {
        Self { title: title.into(), note: None, content: Content::Photos(photos) }
    }

    #[must_use]
    pub fn noted(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

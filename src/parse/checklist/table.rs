//! Dependency tables: rows of tasks with a "Depends On" column.

use crate::parse::label;
use crate::parse::markdown::{BlockKind, Outline};
use crate::parse::words::{self, Piece};

/// One row that names a task and what it depends on.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The id, where the first cell has one.
    pub id: Option<&'a str>,
    /// The title.
    pub title: String,
    /// The first cell.
    pub name: Piece<'a>,
    /// The cell of needs.
    pub needs: Piece<'a>,
    /// A status column says so.
    pub done: bool,
    /// The table is about what depends on what, so that its rows are tasks even where nothing else is.
    pub makes_tasks: bool,
}

/// Which column holds what.
struct Columns {
    title: Option<usize>,
    needs: usize,
    status: Option<usize>,
    makes_tasks: bool,
}

/// Every row of every dependency table of `outline`.
pub(super) fn rows<'a>(outline: &Outline<'a>) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let mut cells: Vec<Piece<'a>> = Vec::new();
    let mut columns: Option<Columns> = None;
    let mut in_head = false;
    for block in &outline.blocks {
        match block.kind {
            BlockKind::TableHead => {
                (in_head, columns) = (true, None);
                cells.clear();
            }
            BlockKind::TableRow | BlockKind::TableEnd => {
                if in_head {
                    columns = read_head(&cells);
                    in_head = false;
                } else if let Some(row) = columns.as_ref().and_then(|columns| read_row(columns, &cells)) {
                    rows.push(row);
                }
                cells.clear();
            }
            BlockKind::Cell if in_head || columns.is_some() => {
                cells.push(Piece::new(outline.slice(block.span), block.span.start as usize).trim(""));
            }
            _ => {}
        }
    }
    rows
}

fn read_head(cells: &[Piece<'_>]) -> Option<Columns> {
    let names: Vec<String> = cells.iter().map(|cell| words::clean(cell.text).to_lowercase()).collect();
    let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
    let strict = find(&["depends on", "needs", "blocked by", "depends"]);
    let needs = strict.or_else(|| find(&["dependencies", "dependency", "\u{4f9d}\u{8d56}"]))?;
    let is_task_table = ["task", "task id", "id", "#", "step", "\u{4efb}\u{52a1}"].contains(&names[0].as_str());
    let title = find(&["title", "task", "name", "description", "\u{4efb}\u{52a1}"]).filter(|column| *column > 0);
    let makes_tasks = strict.is_some() || is_task_table;
    (needs > 0).then(|| Columns { title, needs, status: find(&["status", "done", "state"]), makes_tasks })
}

fn read_row<'a>(columns: &Columns, cells: &[Piece<'a>]) -> Option<Row<'a>> {
    let name = *cells.first()?;
    let needs = cells.get(columns.needs).copied().unwrap_or(Piece::new("", name.at + name.text.len()));
    let label = label::read_label(name).filter(|label| label.named || label.ended || label.id.text.contains('.'));
    let words = words::clean(label.map_or(name.text, |label| label.title.text));
    let titled = columns.title.and_then(|column| cells.get(column)).map(|cell| words::clean(cell.text));
    let title = titled.filter(|title| !title.is_empty()).unwrap_or(words);
    let status = columns.status.and_then(|column| cells.get(column));
    let done = status.is_some_and(|cell| {
        let word = words::clean(cell.text).to_lowercase();
        word.starts_with("done") || word.starts_with("complete") || word.starts_with("[x]") || word == "\u{2705}"
    });
    let id = label.map(|label| label.id.text);
    Some(Row { id, title, name, needs, done, makes_tasks: columns.makes_tasks })
}

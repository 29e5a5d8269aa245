//! Tables whose columns line up, whatever stands in them.

use super::style::{Style, Tone, clean, columns, cut, pad};

/// One cell: a text and its colour.
pub(super) type Cell = (String, Option<Tone>);

/// A cell in a colour.
pub(super) fn toned(tone: Tone, text: impl Into<String>) -> Cell {
    (text.into(), Some(tone))
}

/// A cell without a colour.
pub(super) fn plain(text: impl Into<String>) -> Cell {
    (text.into(), None)
}

/// Lines up `rows` with two spaces between columns, and one after a mark. A column without text takes no room. When a row is wider than the screen, the column `flexible` gives way,
/// down to 12 columns.
pub(super) fn table(rows: &[Vec<Cell>], flexible: usize, style: Style) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; count];
    for row in rows {
        for (width, (text, _)) in widths.iter_mut().zip(row) {
            *width = columns(&clean(text)).max(*width);
        }
    }
    let total: usize = widths.iter().sum::<usize>() + 2 * count.saturating_sub(1);
    if let Some(width) = widths.get_mut(flexible) {
        *width = width.saturating_sub(total.saturating_sub(style.width)).max(12.min(*width));
    }
    let mut lines = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (text, tone)) in row.iter().enumerate() {
            let text = clean(text);
            let text = cut(&text, widths[at], style);
            let last = row[at + 1..].iter().all(|(text, _)| text.is_empty());
            let padded = if last { text.into_owned() } else { pad(&text, widths[at]) };
            line.push_str(&tone.map_or_else(|| padded.clone(), |tone| style.paint(tone, &padded)));
            if last {
                break;
            }
            line.push_str(match widths[at] {
                0 => "",
                1 if at == 0 => " ",
                _ => "  ",
            });
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_behind_wide_text() {
        let rows = vec![vec![plain("日本"), plain("x")], vec![plain("a"), plain("y")]];
        assert_eq!(table(&rows, 0, Style::PLAIN), "日本  x\na     y\n");
    }

    #[test]
    fn the_flexible_column_gives_way() {
        let rows = vec![vec![plain("a".repeat(200)), plain("end")]];
        let text = table(&rows, 0, Style { width: 40, ..Style::PLAIN });
        assert_eq!(columns(text.trim_end()), 40);
    }
}

//! Diagnostics with their places.

use spore::model::{Diagnostic, Source, Span};
use spore::render::{Style, diagnostics_summary, diagnostics_text};

use super::{golden, plain, widest};

fn span(text: &str, part: &str) -> Span {
    let start = text.find(part).expect("the part is there");
    Span::new(start, start + part.len())
}

#[test]
fn every_kind_of_place_is_shown() {
    let long = "x".repeat(3_000);
    let text = format!(
        "\u{feff}spore: demo\r\ntasks:\r\n  bild:\r\n\tneeds: [日本語, setup]\r\n    run: echo {long} END\r\n  build: one\r\n\
         {}  build: two\r\n",
        "\r\n".repeat(60)
    );
    let first = span(&text, "build");
    let again = text.rfind("build").expect("it is there");
    let section = Span::new(text.find("  bild").expect("there"), text.find("  build").expect("there"));
    let end = Span::new(text.len(), text.len());
    let diagnostics = [
        Diagnostic::error("duplicate-id", Span::new(again, again + 5), "the task `build` stands here twice")
            .related(first, "first here")
            .hint("give one of them another name"),
        Diagnostic::error("unknown-task", span(&text, "setup"), "the task `setup` does not exist")
            .related(span(&text, "bild"), "needed by this task")
            .hint("did you mean `bild`?"),
        Diagnostic::warning("long-line", span(&text, "END"), "far to the right"),
        Diagnostic::note("section", section, "a whole section"),
        Diagnostic::warning("byte-order-mark", Span::new(0, 3), "begins with a byte-order mark"),
        Diagnostic::error("unexpected-end", end, "the file ends too early"),
        Diagnostic::error("beyond", Span::new(text.len() + 100, text.len() + 200), "a place that is not there"),
    ];
    let source = Source::new("flows/démo.yaml", &text);
    let shown = diagnostics_text(&source, &diagnostics, Style { width: 80, ..Style::PLAIN });
    golden("snippets.txt", &shown);
    assert!(widest(&shown) <= 100, "{} columns", widest(&shown));
    let coloured = diagnostics_text(&source, &diagnostics, Style { colour: true, width: 80, ..Style::PLAIN });
    let coloured: Vec<String> = coloured.lines().map(|line| plain(line).trim_end().to_owned()).collect();
    assert_eq!(coloured.join("\n"), shown.trim_end_matches('\n').to_owned() + "\n");
}

#[test]
fn hostile_text_moves_no_cursor() {
    let text = "a: \u{1b}[2J\u{202e}evil\0\n";
    let diagnostic = Diagnostic::error("bad", Span::new(3, text.len()), "`\u{1b}[31mred`");
    let shown = diagnostics_text(&Source::new("x.yaml", text), &[diagnostic.hint("\u{1b}]0;title\u{7}")], Style::PLAIN);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\0', '\u{7}']), "{shown:?}");
}

#[test]
fn sums_are_told_in_one_line() {
    let (error, warning) =
        (Diagnostic::error("e", Span::default(), "e"), Diagnostic::warning("w", Span::default(), "w"));
    let summary = |list: &[&Diagnostic], files| diagnostics_summary(list.iter().copied(), files, Style::PLAIN);
    assert_eq!(summary(&[&error, &warning, &error], 3), "2 errors, 1 warning in 3 files");
    assert_eq!(summary(&[&warning], 1), "1 warning in 1 file");
    assert_eq!(summary(&[], 1), "1 file is fine");
    assert_eq!(summary(&[], 4), "4 files are fine");
}

//! What people and programs get to see: golden pages and screens, widths, escapes, and JSON against its schemas.
//!
//! The golden files stand in `tests/cases/render/`; `SPORE_UPDATE=1` writes them anew.

mod page;
mod plan;
mod report;
mod sample;
mod snippet;
mod view;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares `text` with a file of the repository.
fn same_as_file(path: &Path, text: &str) {
    if std::env::var_os("SPORE_UPDATE").is_some() {
        spore::os::file::create_dir_all(path.parent().expect("files stand in folders")).expect("a folder");
        spore::os::file::write_over(path, text.as_bytes()).expect("written");
        return;
    }
    let name = path.display();
    let golden =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}; SPORE_UPDATE=1 makes it"));
    assert!(golden == text, "{name} differs; SPORE_UPDATE=1 takes this over:\n{text}");
}

fn golden(name: &str, text: &str) {
    same_as_file(&root().join("tests/cases/render").join(name), text);
}

/// Columns of the widest line, escape codes not counted.
fn widest(text: &str) -> usize {
    text.lines().map(|line| unicode_width::UnicodeWidthStr::width(plain(line).as_str())).max().unwrap_or(0)
}

/// Text without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

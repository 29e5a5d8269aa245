//! Files that people wrote, as they are: none crashes, none is changed, and none gives fewer tasks than it used to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use spore::model::{Digest, Limits, Severity, Source};
use spore::os::file::write_over;
use spore::parse::parse;

/// A folder with the corpus, or `None` where there is none.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("SPORE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Every file under `folder`, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[derive(Default)]
struct Sum {
    files: usize,
    tasks: usize,
    needs: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
}

#[test]
#[expect(clippy::print_stderr, reason = "the counts are for whoever runs the test with --nocapture")]
fn every_real_file_is_read_and_none_gives_fewer_tasks() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: no corpus (set SPORE_CORPUS)");
        return;
    };
    let seeds = corpus.with_file_name("seeds");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for (base, path) in [&corpus, &seeds].into_iter().flat_map(|base| files(base).into_iter().map(move |p| (base, p))) {
        let relative = path.strip_prefix(base).expect("the file stands in its folder").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("the file can be read");
        let before = Digest::of(&bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let parsed = parse(&Source::new(&*relative, text), &Limits::DEFAULT);
        for spore in &parsed.spores {
            let sum = sums.entry(format!("{:?} {:?}", spore.dialect, spore.kind)).or_default();
            sum.files += 1;
            sum.tasks += spore.tasks.len();
            sum.needs += spore.tasks.iter().map(|task| task.needs.len()).sum::<usize>();
            *counts.entry(relative.clone()).or_default() += spore.tasks.len();
        }
        let key =
            parsed.spores.first().map_or("unread".to_owned(), |spore| format!("{:?} {:?}", spore.dialect, spore.kind));
        let sum = sums.entry(key).or_default();
        for diagnostic in &parsed.diagnostics {
            match diagnostic.severity {
                Severity::Error => sum.errors += 1,
                Severity::Warning => sum.warnings += 1,
                Severity::Note => sum.notes += 1,
            }
        }
        let after = Digest::of(&std::fs::read(&path).expect("the file is still there"));
        assert_eq!(before, after, "{relative} was changed");
    }
    for (dialect, sum) in &sums {
        eprintln!(
            "{dialect}: {} files, {} tasks, {} needs, {} errors, {} warnings, {} notes",
            sum.files, sum.tasks, sum.needs, sum.errors, sum.warnings, sum.notes
        );
    }
    compare(&counts);
}

/// Compares with the committed counts; `SPORE_UPDATE=1` rewrites them.
fn compare(counts: &BTreeMap<String, usize>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus.baseline");
    let mut text = String::new();
    for (name, count) in counts {
        writeln!(text, "{count} {name}").expect("a string takes everything");
    }
    if std::env::var_os("SPORE_UPDATE").is_some_and(|value| value == "1") {
        write_over(&path, text.as_bytes()).expect("the baseline can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the baseline is committed");
    for line in committed.lines() {
        let (count, name) = line.split_once(' ').expect("a line is a count and a name");
        let count: usize = count.parse().expect("the count is a number");
        if let Some(found) = counts.get(name) {
            assert!(*found >= count, "{name} gave {count} tasks and now gives {found}");
        }
    }
}

//! Artifacts: the files that a task declares, recorded with size and digest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use crate::model::{Digester, Recorded};

/// What was found, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Artifacts {
    /// The files, by path.
    pub(super) recorded: Vec<Recorded>,
    /// Patterns that matched nothing, files that were refused.
    pub(super) remarks: Vec<String>,
}

/// Records the files under `workdir` that match a pattern. `*` stays within a folder, `**` does not; a folder stands for
/// all files in it. Files outside of `root` are refused, also those that a link leads to.
pub(super) fn record(workdir: &Path, root: &Path, patterns: &[String], files_max: usize) -> Artifacts {
    let mut artifacts = Artifacts::default();
    let mut found = BTreeMap::new();
    let real_root = match root.canonicalize() {
        Ok(real_root) => real_root,
        Err(error) => {
            artifacts.remarks.push(format!("no artifacts were recorded, because the root cannot be read: {error}"));
            return artifacts;
        }
    };
    for pattern in patterns {
        match search(workdir, &real_root, pattern, files_max, &mut found) {
            Ok(()) => {}
            Err(remark) => artifacts.remarks.push(format!("artifact `{pattern}` {remark}")),
        }
    }
    if found.len() > files_max {
        artifacts.remarks.push(format!("only the first {files_max} of the artifacts were recorded"));
    }
    for (path, place) in found.into_iter().take(files_max) {
        match digest(&place) {
            Ok((size_bytes, digest)) => artifacts.recorded.push(Recorded { path, size_bytes, digest }),
            Err(error) => artifacts.remarks.push(format!("artifact `{path}` cannot be read: {error}")),
        }
    }
    artifacts
}

/// Adds what `pattern` matches to `found`: the path relative to `workdir`, with the place it really is at.
fn search(
    workdir: &Path,
    real_root: &Path,
    pattern: &str,
    files_max: usize,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), String> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
    let is_inside =
        Path::new(pattern).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if pattern.is_empty() || !is_inside {
        return Err("was refused: it must lie in the working directory".into());
    }
    let start = workdir.join(literal_start(pattern));
    let Ok(real_start) = start.canonicalize() else { return Err("matched no file".into()) };
    if !real_start.starts_with(real_root) {
        return Err("was refused: it leads out of the root".into());
    }
    let exact = matcher(pattern)?;
    let below = matcher(&format!("{pattern}/**"))?;
    let (mut matched, mut refused) = (false, 0_usize);
    let skipped = |name: &std::ffi::OsStr| name == ".git" || name == ".spore";
    let walk = WalkDir::new(&start).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !skipped(entry.file_name())).flatten() {
        let Ok(relative) = entry.path().strip_prefix(workdir) else { continue };
        if entry.file_type().is_dir() || !(exact.is_match(relative) || below.is_match(relative)) {
            continue;
        }
        match entry.path().canonicalize() {
            Ok(real) if real.is_file() && real.starts_with(real_root) => {
                matched = true;
                found.insert(relative.to_string_lossy().into_owned(), real);
            }
            Ok(real) if !real.starts_with(real_root) => refused += 1,
            // A pipe, a socket, a link to a folder or to nothing: not a file that could be handed on.
            _ => {}
        }
        if found.len() > files_max {
            break;
        }
    }
    match (refused, matched) {
        (0, true) => Ok(()),
        (0, false) => Err("matched no file".into()),
        (count, _) => Err(format!("matched {count} links that lead out of the root; they were refused")),
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("is no pattern: {}", error.kind()))
}

/// The folders that a pattern names without doubt: where the search can begin.
fn literal_start(pattern: &str) -> PathBuf {
    pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', ']', '{', '}', '\\'])).collect()
}

fn digest(place: &Path) -> io::Result<(u64, crate::model::Digest)> {
    let mut file = File::open(place)?;
    let mut digester = Digester::default();
    let mut buffer = vec![0; 128 << 10];
    let mut size_bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((size_bytes, digester.finish())),
            Ok(count) => {
                digester.update(&buffer[..count]);
                size_bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        file::create_dir_all(&root.path().join("work/out/deep")).expect("made");
        for name in ["work/out/a.csv", "work/out/b.txt", "work/out/deep/c.csv", "work/z", "outside"] {
            file::write_new(&root.path().join(name), name.as_bytes()).expect("written");
        }
        root
    }

    fn names(root: &Path, patterns: &[&str]) -> (Vec<String>, Vec<String>) {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let artifacts = record(&root.join("work"), root, &patterns, 3);
        (artifacts.recorded.into_iter().map(|file| file.path).collect(), artifacts.remarks)
    }

    #[test]
    fn patterns_match_files_and_folders() {
        let root = root();
        let found = |patterns: &[&str]| names(root.path(), patterns);
        assert_eq!(found(&["out/*.csv"]), (vec!["out/a.csv".into()], vec![]));
        assert_eq!(found(&["**/*.csv", "out/a.csv"]).0, ["out/a.csv", "out/deep/c.csv"]);
        assert_eq!(found(&["out/"]).0, ["out/a.csv", "out/b.txt", "out/deep/c.csv"]);
        assert_eq!(found(&["./z"]).0, ["z"]);
        let (files, remarks) = found(&["**"]);
        assert_eq!(files.len(), 3);
        assert!(remarks[0].contains("first 3"), "{remarks:?}");
        let digest = record(&root.path().join("work"), root.path(), &["z".into()], 3).recorded[0].digest;
        assert_eq!(digest, crate::model::Digest::of(b"work/z"));
    }

    #[test]
    fn nothing_leads_out_of_the_root() {
        let root = root();
        let link = |to: &str, from: &str| std::os::unix::fs::symlink(to, root.path().join(from)).expect("linked");
        link("/etc/passwd", "work/out/passwd");
        link("/etc", "work/etc");
        link("../../outside", "work/out/inside");
        let remarks = |pattern: &str| names(root.path(), &[pattern]).1.join(" ");
        assert!(remarks("out/passwd").contains("out of the root"));
        assert!(remarks("out/p*").contains("1 links"));
        assert!(remarks("etc/host*").contains("out of the root"));
        assert!(remarks("../outside").contains("was refused"));
        assert!(remarks("/etc/passwd").contains("was refused"));
        assert!(remarks("nothing/*").contains("matched no file"));
        assert!(remarks("[").contains("is no pattern"));
        assert_eq!(names(root.path(), &["out/inside"]).0, ["out/inside"]);
    }
}

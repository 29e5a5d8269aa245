//! Which names are those of authored files, and which folders hold any. By name alone; what git ignores is another matter.

use std::ffi::OsStr;
use std::path::Path;

/// Endings that a spore can have, in lower case.
const ENDINGS: [&str; 4] = ["md", "markdown", "yaml", "yml"];
/// Folders that hold nobody's authored files.
const PASSED_OVER: [&str; 4] = [".git", ".spore", "target", "node_modules"];
/// Folders in the root whose files Spore wrote itself.
const WRITTEN_BACK: [&str; 2] = ["results", "learnings"];
/// The file that says what git ignores.
pub(super) const IGNORE_FILE: &str = ".gitignore";

/// Whether a watcher of files wants to hear of this name: an authored file, or one that says which files are.
#[must_use]
pub fn is_watched(name: &OsStr) -> bool {
    is_authored(name) || name == IGNORE_FILE
}

/// Whether this is the name of an authored file that is not just being written.
pub(super) fn is_authored(name: &OsStr) -> bool {
    has_ending(name) && !is_unfinished(name)
}

/// Whether a spore can have this name.
pub(super) fn has_ending(name: &OsStr) -> bool {
    let Some(ending) = Path::new(name).extension() else { return false };
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Whether this is a name that editors, synchronisers and Spore give to files that they are writing or keep for safety.
///
/// Most have no ending of a spore anyway; the others, such as `.#notes.md` and `~$plan.md`, are the reason for this.
pub(super) fn is_unfinished(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    // Also Spore's own `.NAME.<hex>.tmp`, and the swap files of vim.
    let begins = name.starts_with(b".") || name.starts_with(b"~") || name.starts_with(b"#");
    let ends = [&b"~"[..], b"#", b".swp", b".swo", b".swx", b".tmp", b".part", b".crdownload"];
    // Vim makes `4913` to see whether it may.
    begins || ends.iter().any(|end| name.ends_with(end)) || name == b"4913"
}

/// Whether a folder of this name may hold authored files. `is_top`: it stands in the root.
pub(super) fn is_folder(name: &OsStr, is_top: bool) -> bool {
    let is_one_of = |others: &[&str]| others.iter().any(|other| name == *other);
    let is_passed_over = is_one_of(&PASSED_OVER) || (is_top && is_one_of(&WRITTEN_BACK));
    !is_passed_over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_authored_files_are_told_from_those_of_editors() {
        for name in ["a.md", "A.MD", "b.markdown", "c.yml", "d.Yaml", "a.tmp.md", "4913.md", "a b.md", "-rf.md"] {
            assert!(is_authored(OsStr::new(name)), "{name}");
        }
        for name in [
            "a.txt",
            "md",
            "Makefile",
            "a.md.bak",
            ".a.md",
            ".#a.md",
            "#a.md#",
            "a.md~",
            "~$a.md",
            ".a.md.swp",
            ".a.md.swx",
            "a.md.tmp",
            "4913",
            ".a.md.1f2e3d.tmp",
            "a.md.part",
            "~a.md",
            "#a.md",
            "sedAbCdEf",
            "",
        ] {
            assert!(!is_authored(OsStr::new(name)), "{name}");
        }
        for name in ["a.md~", "#a.md#", ".#a.md", ".a.md.swp", "x.swx", "x.tmp", "4913", ".a.md.0f.tmp"] {
            assert!(is_unfinished(OsStr::new(name)), "{name}");
        }
        assert!(is_watched(OsStr::new(".gitignore")) && !is_watched(OsStr::new(".gitattributes")));
    }

    #[test]
    fn folders_that_hold_no_authored_files_are_known() {
        assert!(is_folder(OsStr::new("docs"), true) && is_folder(OsStr::new(".github"), true));
        assert!(!is_folder(OsStr::new("results"), true) && is_folder(OsStr::new("results"), false));
        assert!(!is_folder(OsStr::new("node_modules"), false));
    }
}

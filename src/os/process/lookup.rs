//! Where a program is: the look-up that a shell does along `PATH`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A program.
    Program(PathBuf),
    /// Something with that name that cannot be executed.
    NotExecutable(PathBuf),
    /// Nothing.
    Nothing,
}

/// Looks `word` up: along `path` when it holds no slash, else as a path from `folder`, which is also where the relative
/// and empty parts of `path` begin. What is found is an absolute path if `folder` is one.
#[must_use]
pub fn find_program(word: &OsStr, path: &OsStr, folder: &Path) -> Found {
    if word.is_empty() {
        return Found::Nothing;
    }
    if word.as_bytes().contains(&b'/') {
        let place = folder.join(word);
        return if is_program(&place) {
            Found::Program(place)
        } else if place.exists() {
            Found::NotExecutable(place)
        } else {
            Found::Nothing
        };
    }
    let mut not_executable = None;
    for part in path.as_bytes().split(|byte| *byte == b':') {
        let mut place = folder.join(OsStr::from_bytes(part));
        place.push(word);
        if is_program(&place) {
            return Found::Program(place);
        }
        if not_executable.is_none() && place.is_file() {
            not_executable = Some(place);
        }
    }
    not_executable.map_or(Found::Nothing, Found::NotExecutable)
}

/// The place where `word` most likely is, at the least cost: what stands at a path is not looked at at all, and a folder
/// on the way along `path` may be taken for a program. So this is for who tries to start it and, when that fails, looks
/// closer. `None` when there is nothing.
#[must_use]
pub fn guess_program(word: &OsStr, path: &OsStr, folder: &Path) -> Option<PathBuf> {
    if word.as_bytes().contains(&b'/') {
        return Some(folder.join(word));
    }
    let places = path.as_bytes().split(|byte| *byte == b':').map(|part| {
        let mut place = folder.join(OsStr::from_bytes(part));
        place.push(word);
        place
    });
    places.into_iter().find(|place| rustix::fs::access(place, Access::EXEC_OK).is_ok())
}

fn is_program(place: &Path) -> bool {
    rustix::fs::access(place, Access::EXEC_OK).is_ok() && place.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let look = |word: &str, path: &str, folder: &str| find_program(word.as_ref(), path.as_ref(), Path::new(folder));
        assert_eq!(look("sh", "/nowhere:/bin", "/"), Found::Program("/bin/sh".into()));
        assert_eq!(look("sh", "/nowhere::x", "/bin"), Found::Program("/bin/sh".into()), "an empty part is the folder");
        assert_eq!(look("./sh", "", "/bin"), Found::Program("/bin/./sh".into()));
        assert_eq!(look("passwd", "/etc:/nowhere", "/"), Found::NotExecutable("/etc/passwd".into()));
        assert_eq!(look("bin", "/", "/"), Found::Nothing, "a folder is no program");
        assert_eq!(look("", "/bin", "/"), Found::Nothing);
        let guess = |word: &str, path: &str| guess_program(word.as_ref(), path.as_ref(), Path::new("/bin"));
        assert_eq!(guess("sh", "/nowhere:"), Some("/bin/sh".into()));
        assert_eq!(guess("./x", ""), Some("/bin/./x".into()), "nobody has looked");
        assert_eq!(guess("nothing-by-this-name", "/bin"), None);
    }
}

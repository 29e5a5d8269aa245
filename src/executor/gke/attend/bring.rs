//! The small files that a task wants brought along.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::executor::gke::manifest::Brought;

/// Bytes of all files together: an object of a cluster takes a megabyte, and the script may be in it, too.
const FILES_BYTES_MAX: u64 = 512 << 10;

/// Reads them.
///
/// # Errors
/// The reason, as a sentence for people, where one cannot be brought.
pub(in crate::executor::gke) fn bring(root: &Path, paths: &[String]) -> Result<Vec<Brought>, String> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let real_root = root.canonicalize().map_err(|error| format!("the root `{}`: {error}", root.display()))?;
    let mut all = Vec::new();
    let mut bytes_left = FILES_BYTES_MAX;
    for path in paths {
        let unreadable = |error: std::io::Error| format!("`{path}` under `files:` cannot be read: {error}");
        let real = root.join(path).canonicalize().map_err(unreadable)?;
        if !real.starts_with(&real_root) {
            return Err(format!("`{path}` under `files:` leads out of the root of the spores"));
        }
        let metadata = real.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(format!("`{path}` under `files:` is no plain file; name each file"));
        }
        let is_small = metadata.len() <= bytes_left;
        let bytes = if is_small { std::fs::read(&real).map_err(unreadable)? } else { Vec::new() };
        match bytes_left.checked_sub(metadata.len().max(bytes.len() as u64)) {
            Some(left) => bytes_left = left,
            None => {
                return Err(format!(
                    "the files under `files:` are more than {} KiB together; put large ones into the image, a volume or \
                     a bucket",
                    FILES_BYTES_MAX >> 10
                ));
            }
        }
        let is_executable = metadata.permissions().mode() & 0o111 != 0;
        all.push(Brought { path: path.clone(), bytes, is_executable });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file;

    #[test]
    fn only_small_files_of_the_root_are_brought() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        file::create_dir_all(&root.join("in")).expect("made");
        file::write_new(&root.join("in/a"), b"a").expect("written");
        file::write_new(&folder.path().join("out"), b"secret").expect("written");
        file::write_new(&root.join("big"), &vec![0; 600 << 10]).expect("written");
        std::os::unix::fs::symlink("../out", root.join("link")).expect("linked");
        let of = |path: &str| bring(&root, &[path.to_owned()]);
        let expected = Brought { path: "in/a".into(), bytes: b"a".to_vec(), is_executable: false };
        assert_eq!(of("in/a"), Ok(vec![expected]));
        assert!(of("link").is_err_and(|reason| reason.contains("leads out")));
        assert!(of("none").is_err_and(|reason| reason.contains("`none`")));
        assert!(of("in").is_err_and(|reason| reason.contains("no plain file")));
        assert!(of("big").is_err_and(|reason| reason.contains("512 KiB")));
    }
}

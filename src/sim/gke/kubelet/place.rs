//! Where a container stands: its environment, its folder, its root, its mounts. Programs that are started beside it later
//! stand there too.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::paths::Paths;
use crate::os::process::{Beginning, Found, Refusal, Variables, find_program};

/// Mounts, then changes the root and the folder, then becomes the program: the root, the folder, the number of mounts, a
/// pair for each, the program and its arguments.
const ENTER: &str = r#"root=$1 folder=$2 n=$3; shift 3
while [ "$n" -gt 0 ]; do
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")"; [ -e "$root$2" ] || : > "$root$2"; fi
  mount --bind "$1" "$root$2" || exit 128
  shift 2; n=$((n - 1))
done
exec unshare --root="$root" --wd="$folder" -- "$@""#;

/// Where a container stands.
#[derive(Clone, Debug)]
pub(in crate::sim::gke) struct Place {
    /// Its whole environment, translated.
    pub(super) variables: Variables,
    /// The value of its `PATH`.
    pub(super) path: String,
    pub(super) paths: Paths,
    /// Its folder, translated.
    pub(super) folder: PathBuf,
    /// What it sees as its root, where that is another one.
    pub(super) root: Option<PathBuf>,
}

/// A program with its arguments, ready to be started.
#[derive(Clone, Debug)]
pub(in crate::sim::gke) struct Prepared {
    place: Place,
    program: PathBuf,
    name: OsString,
    words: Vec<OsString>,
    folder: PathBuf,
}

impl Place {
    /// Looks the program up and translates its arguments.
    ///
    /// # Errors
    /// Why there is no such program, as containerd words it.
    pub(in crate::sim::gke) fn prepare(&self, words: &[String]) -> Result<Prepared, String> {
        let Some(named) = words.first() else { return Err("no command specified".into()) };
        let translate = |text: &str| if self.root.is_some() { text.to_owned() } else { self.paths.translate(text) };
        let name = OsString::from(translate(named));
        let program = self.look(&name).map_err(|because| format!("exec: \"{named}\": {because}: unknown"))?;
        let arguments = words[1..].iter().map(|word| translate(word).into());
        let Some(root) = &self.root else {
            let words = arguments.collect();
            return Ok(Prepared { place: self.clone(), program, name, words, folder: self.folder.clone() });
        };
        let mounts: Vec<_> = self.paths.outer_first().collect();
        let mut all: Vec<OsString> = vec!["--mount".into(), "--map-root-user".into(), "/bin/sh".into(), "-e".into()];
        all.extend(["-c".into(), ENTER.into(), "sh".into(), root.into(), self.folder.clone().into()]);
        all.push(mounts.len().to_string().into());
        all.extend(mounts.into_iter().flat_map(|(inside, real)| [real.into(), inside.into()]));
        all.push(program.into());
        all.extend(arguments);
        let own = std::env::var_os("PATH").unwrap_or_default();
        let Found::Program(unshare) = find_program("unshare".as_ref(), &own, Path::new("/")) else {
            return Err("the program `unshare`, which gives a container another root, is not on PATH".into());
        };
        Ok(Prepared { place: self.clone(), program: unshare, name: "unshare".into(), words: all, folder: "/".into() })
    }

    /// The program as the container would find it: a path in its own root.
    fn look(&self, name: &OsStr) -> Result<PathBuf, String> {
        let has_slash = name.as_encoded_bytes().contains(&b'/');
        let outside = |path: &Path| match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_path_buf(),
        };
        let found = if has_slash {
            find_program(outside(&self.folder.join(name)).as_os_str(), OsStr::new(""), &self.folder)
        } else {
            let path: Vec<PathBuf> =
                std::env::split_paths(&self.path).map(|part| outside(&self.folder.join(part))).collect();
            find_program(name, &std::env::join_paths(path).unwrap_or_default(), &self.folder)
        };
        match found {
            Found::Program(place) => Ok(match &self.root {
                Some(root) => Path::new("/").join(place.strip_prefix(root).unwrap_or(&place)),
                None => place,
            }),
            Found::NotExecutable(_) => Err("permission denied".into()),
            Found::Nothing if has_slash => Err(format!("stat {}: no such file or directory", name.to_string_lossy())),
            Found::Nothing => Err("executable file not found in $PATH".into()),
        }
    }
}

impl Prepared {
    /// To be started.
    pub(in crate::sim::gke) fn beginning(&self) -> Beginning<'_> {
        Beginning {
            program: &self.program,
            name: &self.name,
            words: &self.words,
            folder: &self.folder,
            variables: &self.place.variables,
        }
    }

    /// What `error`, which the start came to, is called.
    pub(in crate::sim::gke) fn refusal(&self, error: &io::Error) -> String {
        let because = match Refusal::of(error) {
            Refusal::TooLong => "argument list too long",
            Refusal::NoProgram => "exec format error",
            Refusal::NoLoader => "no such file or directory",
            Refusal::Forbidden => "permission denied",
            Refusal::Shortage | Refusal::Other => return error.to_string(),
        };
        format!("exec {}: {because}: unknown", self.program.display())
    }
}

//! What an approval is bound to: the spore's bytes, and the files that its commands name, as they are now.

mod content;
mod search;

use std::path::{Path, PathBuf};

pub use content::{Named, State};
use search::Search;

use crate::model::{Digest, Digester, Spore};

/// Files that the commands of one spore may name, those of their scripts included.
pub const REFERENCES_MAX: usize = 500;

/// A file that the commands of a spore name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The path: relative to the root, or in full where it leads out of it.
    pub path: String,
    /// Where it is looked for.
    at: PathBuf,
    /// What is there.
    pub state: State,
    /// Its text, where it has one that is not too long.
    pub text: Option<String>,
}

/// All that an approval of a spore would be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What is approved: it is another one as soon as anything of this is.
    pub digest: Digest,
    /// The spore's own bytes.
    pub spore: Digest,
    /// The files, by path.
    pub references: Vec<Reference>,
    /// Files that it makes itself, as it says under `artifacts`; they are not bound.
    pub made: Vec<String>,
    /// What it runs that only running it can tell; not bound.
    pub unclear: Vec<String>,
    /// Why it cannot be approved at all.
    pub refused: Option<String>,
}

/// Files that must stay as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(Vec<Reference>);

/// Finds what `spores`, which stand in one file with the digest `spore`, name, and reads it. `root` is canonical.
#[must_use]
pub fn bind(root: &Path, spore: Digest, spores: &[Spore]) -> Bound {
    let mut search = Search::new(root);
    for one in spores {
        search.spore(one);
    }
    let (references, made, unclear, refused) = search.finish();
    Bound { digest: digest(spore, &references), spore, references, made, unclear, refused }
}

/// Every field goes in with its length, so that no two lists have the same bytes.
fn digest(spore: Digest, references: &[Reference]) -> Digest {
    let mut digester = Digester::default();
    let mut field = |text: &str| {
        digester.update(&(text.len() as u64).to_le_bytes());
        digester.update(text.as_bytes());
    };
    field("spore approval 1");
    field(&spore.to_string());
    for reference in references {
        field(&reference.path);
        field(&reference.state.identity());
    }
    digester.finish()
}

impl Bound {
    /// What must stay as it is for the approval to hold, the spore itself left out: it is read once.
    #[must_use]
    pub fn held(&self) -> Held {
        Held(self.references.clone().into_iter().map(|reference| Reference { text: None, ..reference }).collect())
    }
}

impl Held {
    /// Reads the files again. `Err` names one that is another one now, and says how.
    ///
    /// # Errors
    /// When anything has changed.
    pub fn check(&self, root: &Path) -> Result<(), String> {
        for reference in &self.0 {
            let path = &reference.path;
            let now = content::look(root, &reference.at, Named::ToRun).0;
            match (&reference.state, now) {
                (before, now) if *before == now => {}
                (State::Missing, _) => return Err(format!("`{path}` was not there and now is")),
                (_, State::Missing) => return Err(format!("`{path}` is gone")),
                _ => return Err(format!("`{path}` has changed")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limits, Source};

    fn bound(root: &Path, text: &str) -> Bound {
        let source = Source::new("w.yaml", text.to_owned());
        let parsed = crate::parse::parse(&source, &Limits::DEFAULT);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        bind(root, source.digest, &parsed.spores)
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = std::fs::canonicalize(folder.path()).expect("there");
        crate::os::file::create_dir(&root.join("tools")).expect("made");
        (folder, root)
    }

    fn put(root: &Path, name: &str, text: &str) {
        crate::os::file::write_over(&root.join(name), text.as_bytes()).expect("written");
    }

    fn paths(bound: &Bound) -> Vec<&str> {
        bound.references.iter().map(|reference| reference.path.as_str()).collect()
    }

    const SPORE: &str = "spore: w\nkind: workflow\ntasks: {a: 'sh tools/a.sh x.txt > out.txt'}\n";

    #[test]
    fn scripts_are_followed_to_those_they_run() {
        let (_folder, root) = folder();
        put(&root, "tools/a.sh", ". \"$(dirname \"$0\")/lib.sh\"\npython3 tools/b.py\n");
        put(&root, "tools/lib.sh", "echo lib\n");
        put(&root, "tools/b.py", "import c\n");
        put(&root, "tools/c.py", "print(1)\n");
        put(&root, "x.txt", "no script\n");
        let first = bound(&root, SPORE);
        assert_eq!(paths(&first), ["tools/a.sh", "tools/b.py", "tools/c.py", "tools/lib.sh"]);
        assert_eq!(first, bound(&root, SPORE), "the same is the same");
        for name in ["tools/a.sh", "tools/b.py", "tools/c.py", "tools/lib.sh"] {
            let (before, held) = (bound(&root, SPORE), first.held());
            let text = std::fs::read_to_string(root.join(name)).expect("read");
            put(&root, name, &format!("{text}\n"));
            assert_ne!(bound(&root, SPORE).digest, before.digest, "{name}");
            assert_eq!(held.check(&root), Err(format!("`{name}` has changed")));
            put(&root, name, &text);
            assert_eq!(held.check(&root), Ok(()));
        }
        put(&root, "x.txt", "other\n");
        put(&root, "out.txt", "made\n");
        assert_eq!(bound(&root, SPORE).digest, first.digest, "what is no script is not bound");
    }

    #[test]
    fn what_runs_elsewhere_is_bound_to_the_settings_and_files_that_go_with_it() {
        let (_folder, root) = folder();
        put(&root, "tools/a.sh", "echo\n");
        let spore =
            "spore: w\nkind: workflow\ntasks: {a: {run: sh a.sh, executor: gke, with: {files: [tools/a.sh]}}}\n";
        let before = bound(&root, spore);
        assert_eq!(paths(&before), ["a.sh", "spore.toml", "tools/a.sh"]);
        put(&root, "spore.toml", "[executors.gke]\nimage = \"x\"\n");
        assert_ne!(bound(&root, spore).digest, before.digest);
        assert_eq!(before.held().check(&root), Err("`spore.toml` was not there and now is".into()));
        let with_settings = bound(&root, spore);
        put(&root, "tools/a.sh", "echo evil\n");
        assert_eq!(with_settings.held().check(&root), Err("`tools/a.sh` has changed".into()));
    }

    #[test]
    fn what_is_missing_is_bound_as_missing() {
        let (_folder, root) = folder();
        let before = bound(&root, SPORE);
        assert_eq!((paths(&before), &before.references[0].state), (vec!["tools/a.sh"], &State::Missing));
        put(&root, "tools/a.sh", "echo\n");
        assert_ne!(bound(&root, SPORE).digest, before.digest);
        assert_eq!(before.held().check(&root), Err("`tools/a.sh` was not there and now is".into()));
        crate::os::file::remove(&root.join("tools/a.sh")).expect("removed");
        assert_eq!(before.held().check(&root), Ok(()));
    }

    #[test]
    fn links_and_ways_out_of_the_root_are_bound_too() {
        let (_folder, root) = folder();
        let (_other, other) = folder();
        put(&other, "evil.sh", "echo evil\n");
        put(&root, "tools/a.sh", "echo good\n");
        let good = bound(&root, SPORE);
        crate::os::file::remove(&root.join("tools/a.sh")).expect("removed");
        std::os::unix::fs::symlink(other.join("evil.sh"), root.join("tools/a.sh")).expect("linked");
        assert!(good.held().check(&root).is_err());
        let linked = bound(&root, SPORE);
        let State::Outside { target, .. } = &linked.references[0].state else { panic!("{linked:?}") };
        assert_eq!(target, &other.join("evil.sh").display().to_string());
        put(&other, "evil.sh", "echo worse\n");
        assert_eq!(linked.held().check(&root), Err("`tools/a.sh` has changed".into()));

        let name = other.file_name().and_then(|name| name.to_str()).expect("text");
        let up = format!("spore: w\nkind: workflow\ntasks: {{a: [sh, ../{name}/evil.sh]}}\n");
        let out = bound(&root, &up);
        assert_eq!(paths(&out), [other.join("evil.sh").display().to_string()]);
        put(&other, "evil.sh", "echo worst\n");
        assert_ne!(bound(&root, &up).digest, out.digest);
    }

    #[test]
    fn strange_names_are_names_and_programs_of_the_system_are_not_bound() {
        let (_folder, root) = folder();
        put(&root, "a\nb.sh", "echo\n");
        put(&root, "-x.sh", "echo\n");
        let text = "spore: w\nkind: workflow\ntasks:\n  a: {run: [sh, \"a\\nb.sh\"]}\n  b: {run: [./-x.sh]}\n  c: /bin/sh -c true; ls; /usr/bin/env true\n  d: 'sh tools; cat < /dev/zero'\n";
        let found = bound(&root, text);
        assert_eq!(paths(&found), ["-x.sh", "a\nb.sh", "tools"]);
        assert!(matches!(&found.references[2].state, State::Unread { because } if because == "a folder"), "{found:?}");
    }

    #[test]
    fn what_a_spore_makes_itself_is_told_and_not_bound() {
        let (_folder, root) = folder();
        let spore = |more: &str| {
            format!("spore: w\nkind: workflow\ntasks:\n  a: {{run: 'cc -o app x.c; ./app $X; $Y/z'{more}}}\n")
        };
        let bare = bound(&root, &spore(""));
        assert_eq!((paths(&bare), bare.unclear.as_slice()), (vec!["app"], ["…/z".to_owned()].as_slice()));
        let declared = bound(&root, &spore(", artifacts: [app]"));
        assert_eq!((paths(&declared), declared.made.as_slice()), (vec![], ["app".to_owned()].as_slice()));
    }

    #[test]
    fn too_many_are_refused() {
        let (_folder, root) = folder();
        let commands: Vec<String> = (0..=REFERENCES_MAX).map(|number| format!("./x{number}.sh")).collect();
        let commands = commands.join("; ");
        let found = bound(&root, &format!("spore: w\nkind: workflow\ntasks: {{a: '{commands}'}}\n"));
        assert_eq!(found.refused.as_deref(), Some("its commands name more than 500 files"));
    }
}

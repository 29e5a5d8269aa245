//! A folder to try the program in: files go in, commands run, answers are looked at.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A temporary folder, empty at first, and gone in the end.
pub(crate) struct Folder {
    inside: tempfile::TempDir,
    /// Where the owner's settings are, apart from what is watched.
    config: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    /// An empty folder that is in no git repository.
    pub(crate) fn new() -> Self {
        let temporary = || tempfile::tempdir().expect("a temporary folder");
        Self { inside: temporary(), config: temporary(), env: Vec::new() }
    }

    /// With a file, and the folders above it.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    /// With a variable in the environment of the program.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file, over what may be there.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("folders are made");
        std::fs::write(path, text).expect("a file is written");
    }

    /// Where `name` stands.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.inside.path().join(name)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        self.inside.path()
    }

    /// The folder that is `XDG_CONFIG_HOME` to the program.
    pub(crate) fn config(&self) -> &Path {
        self.config.path()
    }

    /// What a file holds.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program with these words, ready to be started.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spore"));
        command.args(words).current_dir(self.inside.path()).stdin(Stdio::null());
        command.env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8").env("HOME", self.inside.path());
        command.env("XDG_CONFIG_HOME", self.config.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program with these words.
    pub(crate) fn spore(&self, words: &[&str]) -> Answer {
        let output = self.command(words).output().expect("the program starts");
        Answer {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs `spore run FILE --format json` and whatever else is said.
    pub(crate) fn run(&self, file: &str, words: &[&str]) -> Ran {
        let answer = self.spore(&[&["run", file, "--format", "json"], words].concat());
        Ran { report: answer.json(), code: answer.code }
    }

    /// Runs git, and expects it to work.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]);
        command.args(words).current_dir(self.inside.path()).env("HOME", self.inside.path());
        let output = command.output().expect("git starts");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Answer {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Expects this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }

    /// Expects a text in one of the streams.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.out.contains(text) || self.err.contains(text),
            "no {text:?} in\nout:\n{}\nerr:\n{}",
            self.out,
            self.err
        );
        self
    }

    /// Expects a text to be in neither stream.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(
            !self.out.contains(text) && !self.err.contains(text),
            "{text:?} in\nout:\n{}\nerr:\n{}",
            self.out,
            self.err
        );
        self
    }
}

/// A run, as its JSON report tells it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) report: Value,
    pub(crate) code: i32,
}

impl Ran {
    /// Expects this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{:#}", self.report);
        self
    }

    /// The id of the run.
    pub(crate) fn id(&self) -> String {
        self.report["id"].as_str().expect("an id").to_owned()
    }

    /// One task of the report.
    #[track_caller]
    pub(crate) fn task(&self, id: &str) -> &Value {
        let tasks = self.report["tasks"].as_array().expect("tasks");
        tasks.iter().find(|task| task["id"] == id).unwrap_or_else(|| panic!("no task {id} in {:#}", self.report))
    }

    /// The status of one task.
    #[track_caller]
    pub(crate) fn status(&self, id: &str) -> &str {
        self.task(id)["status"].as_str().expect("a status")
    }
}

//! A simulated cluster served by the real binary, and kubectl to talk to it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::cli::folder::Folder;

/// A cluster that is served as long as this is held.
pub(super) struct Served {
    pub(super) folder: Folder,
    child: Child,
    pub(super) url: String,
}

/// What a command answered.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) out: String,
    pub(super) err: String,
}

/// Whether this machine has kubectl.
pub(super) fn has_kubectl() -> bool {
    let asked =
        Command::new("kubectl").args(["version", "--client"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

impl Served {
    /// A new cluster, started with more words.
    pub(super) fn new(more: &[&str]) -> Self {
        let folder = Folder::new();
        let place = folder.path("kubeconfig").display().to_string();
        let words = [&["sim", "gke", "--format", "json", "--kubeconfig", &place], more].concat();
        let mut child = folder.command(&words).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let report = first_value(&mut out);
        // Nobody writes there any more; it is held so that nothing is broken off.
        child.stdout = Some(out.into_inner());
        let url = report["url"].as_str().expect("an address").to_owned();
        Self { folder, child, url }
    }

    /// Ends it as a crash does.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// kubectl with these words, ready to be started.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(words).stdin(Stdio::null()).current_dir(self.folder.root());
        command.env("HOME", self.folder.root()).env("KUBECONFIG", self.folder.path("kubeconfig"));
        command
    }

    /// What kubectl answers.
    pub(super) fn kubectl(&self, words: &[&str]) -> Said {
        let output = self.command(words).output().expect("kubectl starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Said { ok: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// What kubectl prints, which must do what it was told.
    pub(super) fn told(&self, words: &[&str]) -> String {
        let said = self.kubectl(words);
        assert!(said.ok, "kubectl {words:?}: {said:?}");
        said.out
    }

    /// An object, as JSON.
    pub(super) fn object(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.told(&[words, &["-o", "json"]].concat())).expect("JSON")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends its containers before it goes.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// The report is one value over several lines, and ends with the brace that it began with.
fn first_value(out: &mut BufReader<ChildStdout>) -> Value {
    let mut text = String::new();
    loop {
        let count = out.read_line(&mut text).expect("a line");
        if let Ok(value) = serde_json::from_str(&text) {
            return value;
        }
        if count == 0 {
            let _ = out.read_to_string(&mut text);
            panic!("the program ended, and said: {text}");
        }
    }
}

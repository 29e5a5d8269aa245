//! A watcher at work: started, heard line by line, and ended with its test, whatever becomes of that.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::cli::folder::Folder;

/// How long a test waits for what must come. Only a watcher that is broken takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Words that every watcher of a test is started with: in the folders of tests everything may run.
const ALWAYS: &[&str] = &["--trust", "open"];

/// A running `spore watch --format json`. Declare it after its folder, so that it ends before that goes.
pub(crate) struct Watching {
    child: Child,
    lines: Receiver<Value>,
    heard: VecDeque<Value>,
    /// Everything it ever told.
    all: Vec<Value>,
    errors: std::fs::File,
}

impl Watching {
    /// Watches a folder, and returns when it does.
    #[track_caller]
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same, with more words on the command line.
    #[track_caller]
    pub(crate) fn start_with(folder: &Folder, words: &[&str]) -> Self {
        let mut watching = Self::spawn(folder, words);
        watching.hears("ready");
        watching
    }

    /// Starts it without waiting for anything.
    pub(crate) fn spawn(folder: &Folder, words: &[&str]) -> Self {
        Self::spawn_command(folder.command(&[&["watch", "--format", "json"], ALWAYS, words].concat()))
    }

    /// The same, of a command that a test has put together itself.
    pub(crate) fn spawn_command(mut command: Command) -> Self {
        let errors = tempfile::tempfile().expect("a file for what it complains of");
        let copy = errors.try_clone().expect("another descriptor");
        let mut child = command.stdout(Stdio::piped()).stderr(copy).spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let said = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(said).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, heard: VecDeque::new(), all: Vec::new(), errors }
    }

    /// The next thing of this kind (`queued`, `began`, `ended`, …) that was not asked for yet.
    #[track_caller]
    pub(crate) fn hears(&mut self, said: &str) -> Value {
        self.hears_that(said, |one| one["said"] == said)
    }

    /// The next thing that is so, and was not asked for yet; `what` names it when it does not come.
    #[track_caller]
    pub(crate) fn hears_that(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.heard.iter().position(&is_it) {
            return self.heard.remove(at).expect("it was there");
        }
        loop {
            let why = match self.lines.recv_timeout(PATIENCE) {
                Ok(one) => {
                    self.all.push(one.clone());
                    if is_it(&one) {
                        return one;
                    }
                    self.heard.push_back(one);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => "it goes on without saying so",
                Err(RecvTimeoutError::Disconnected) => "it has ended",
            };
            panic!("nobody said {what}: {why}\nsaid: {:#?}\nerrors: {}", self.all, self.complaints());
        }
    }

    /// The end of the next run of this file, which must end so.
    #[track_caller]
    pub(crate) fn hears_end_of(&mut self, path: &str, status: &str) -> Value {
        let end = self.hears_that(&format!("end of {path}"), |one| one["said"] == "ended" && one["path"] == path);
        assert_eq!(end["status"], status, "{:#?}", self.all);
        end
    }

    /// Everything it has told so far, oldest first.
    pub(crate) fn told(&mut self) -> &[Value] {
        while let Ok(one) = self.lines.try_recv() {
            self.all.push(one.clone());
            self.heard.push_back(one);
        }
        &self.all
    }

    /// How many things of this kind it has told so far.
    pub(crate) fn count(&mut self, said: &str) -> usize {
        self.told().iter().filter(|one| one["said"] == said).count()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `HUP`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill starts").success());
    }

    /// Asks it to end, waits until it has, and returns everything that it told.
    #[track_caller]
    pub(crate) fn end(self) -> Vec<Value> {
        self.signal("TERM");
        let (status, told) = self.wait();
        assert_eq!(status.code(), Some(0), "signal {:?}, told {told:#?}", status.signal());
        told
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<Value>) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(one) => self.all.push(one),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it does not end\nsaid: {:#?}\nerrors: {}", self.all, self.complaints())
                }
            }
        }
        let status = self.child.wait().expect("collected");
        (status, std::mem::take(&mut self.all))
    }

    /// Waits until it ends by itself with this code, and returns what it has written to standard error.
    #[track_caller]
    pub(crate) fn complaints_at_end(self, code: i32) -> String {
        let errors = self.errors.try_clone().expect("another descriptor");
        let (status, told) = self.wait();
        let complaints = text_of(&errors);
        assert_eq!(status.code(), Some(code), "{complaints}\n{told:#?}");
        complaints
    }

    /// Kills it on the spot, as a power cut would.
    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.child.kill().expect("killed");
        self.wait().1
    }

    /// What it has written to standard error.
    pub(crate) fn complaints(&self) -> String {
        text_of(&self.errors)
    }
}

/// All that stands in a file.
fn text_of(mut file: &std::fs::File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.map_or_else(|error| error.to_string(), |_| text)
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended and been collected; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

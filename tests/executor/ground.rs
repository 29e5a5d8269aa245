//! What every case stands on: an executor, a root, a run folder, and attempts that are easy to write.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;
use spore::executor::terminal::Terminal;
use spore::executor::{Executor, Report};
use spore::model::{
    Attempt, AttemptEnd, AttemptId, CommandLine, Language, Limits, Outcome, RunId, Secret, Stream, TaskId,
};
use tokio::sync::mpsc;

/// After so long a case has failed. Far more than any needs, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The terminal executor, with the real program as its supervisors.
pub(crate) fn terminal(limits: Limits) -> Terminal {
    Terminal::new(limits).supervised_by(env!("CARGO_BIN_EXE_spore").as_ref())
}

pub(crate) struct Ground<'a> {
    pub(crate) executor: &'a dyn Executor,
    pub(crate) root: Arc<PathBuf>,
    run: RunId,
    run_dir: Arc<PathBuf>,
    with: Arc<IndexMap<String, Value>>,
    pub(crate) gives: Gives,
    instance: Option<String>,
    folder: tempfile::TempDir,
}

/// What a place gives, where one is not like another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gives {
    /// Bytes of `$SPORE_OUTPUT`.
    pub(crate) output_bytes_max: usize,
    /// Whether `$SPORE_OUTPUT` is a file that the command finds there, and cannot make into something else.
    pub(crate) output_is_there: bool,
}

/// An attempt that was started.
pub(crate) struct Started {
    pub(crate) id: AttemptId,
    reports: mpsc::UnboundedReceiver<Report>,
    pub(crate) lines: Vec<String>,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(executor: &'a dyn Executor) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("its real path");
        let root = real.join("root");
        spore::os::file::create_dir(&root).expect("made");
        spore::os::file::create_dir(&real.join("run")).expect("made");
        let run = RunId::from_parts(1, spore::os::random::bits());
        let gives = Gives { output_bytes_max: 1 << 20, output_is_there: false };
        let (root, run_dir) = (Arc::new(root), Arc::new(real.join("run")));
        Self { executor, root, run, run_dir, with: Arc::default(), gives, instance: None, folder }
    }

    /// The same, in a place that needs settings and gives something else.
    pub(crate) fn in_place(mut self, with: impl FnOnce(&Path) -> Value, gives: Gives) -> Self {
        self.with = Arc::new(serde_json::from_value(with(&self.root)).expect("settings"));
        self.gives = gives;
        self
    }

    /// The same, in an instance that its attempts share.
    pub(crate) fn in_instance(self, name: &str) -> Self {
        Self { instance: Some(name.to_owned()), ..self }
    }

    /// The same run, taken over by another engine.
    pub(crate) fn taken_over_by(self, executor: &dyn Executor) -> Ground<'_> {
        let Self { root, run, run_dir, with, gives, instance, folder, .. } = self;
        Ground { executor, root, run, run_dir, with, gives, instance, folder }
    }

    /// The run of its attempts.
    pub(crate) fn run_id(&self) -> RunId {
        self.run
    }

    pub(crate) fn attempt(&self, command: CommandLine) -> Attempt {
        let run = self.run;
        let task = TaskId::new("the-task").expect("an id");
        Attempt {
            id: AttemptId { run, task, number: 1 },
            command,
            env: Vec::new(),
            secrets: Arc::from([]),
            root: Arc::clone(&self.root),
            workdir: self.root.to_path_buf(),
            run_dir: Arc::clone(&self.run_dir),
            timeout: None,
            grace: Duration::from_secs(20),
            artifacts: Arc::from([]),
            with: Arc::clone(&self.with),
            jobs: 1_000,
            instance: self.instance.clone(),
            recalled: None,
        }
    }

    pub(crate) fn sh(&self, text: &str) -> Attempt {
        self.script(Language::Sh, text)
    }

    pub(crate) fn script(&self, language: Language, text: &str) -> Attempt {
        self.attempt(CommandLine::Script { language, text: Arc::from(text) })
    }

    pub(crate) fn argv(&self, words: &[&str]) -> Attempt {
        self.attempt(CommandLine::Argv(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    pub(crate) fn start(&self, attempt: Attempt) -> Started {
        let (sender, reports) = mpsc::unbounded_channel();
        let id = attempt.id.clone();
        self.executor.start(attempt, sender);
        Started { id, reports, lines: Vec::new() }
    }

    pub(crate) async fn run(&self, attempt: Attempt) -> AttemptEnd {
        self.start(attempt).end().await
    }

    pub(crate) async fn run_sh(&self, text: &str) -> AttemptEnd {
        self.run(self.sh(text)).await
    }

    pub(crate) fn run_dir(&self) -> &std::path::Path {
        &self.run_dir
    }

    /// Where the attempt's log is, by the layout that DESIGN.md promises.
    pub(crate) fn log_path(&self, stream: Stream) -> PathBuf {
        let end = if stream == Stream::Out { "out" } else { "err" };
        self.run_dir.join("logs").join(format!("{}.{end}", self.sh("").id.file_name()))
    }

    /// The whole log of the attempt.
    pub(crate) async fn log(&self, stream: Stream) -> Vec<u8> {
        let id = self.sh("").id;
        let (mut bytes, mut cursor) = (Vec::new(), 0);
        loop {
            let chunk = self.executor.logs(&id, stream, cursor).await.expect("a log");
            if chunk.bytes.is_empty() {
                return bytes;
            }
            bytes.extend(chunk.bytes);
            cursor = chunk.cursor;
        }
    }

    pub(crate) async fn text(&self, stream: Stream) -> String {
        String::from_utf8(self.log(stream).await).expect("text")
    }
}

impl Started {
    async fn next(&mut self) -> Report {
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await.expect("in time");
        report.expect("the end is the last report")
    }

    /// Waits until the command has printed this line.
    pub(crate) async fn line(&mut self, wanted: &str) {
        loop {
            match self.next().await {
                Report::Line { text, .. } if text == wanted => return,
                Report::Line { text, .. } => self.lines.push(text),
                Report::Started { .. } => {}
                Report::Ended { end, .. } => panic!("ended without the line `{wanted}`: {end:?}"),
            }
        }
    }

    /// Waits until a line was told that has this in it.
    #[cfg(all(feature = "gke", feature = "sim"))]
    pub(crate) async fn line_with(&mut self, part: &str) {
        loop {
            match self.next().await {
                Report::Line { text, .. } if text.contains(part) => return,
                Report::Line { text, .. } => self.lines.push(text),
                Report::Started { .. } => {}
                Report::Ended { end, .. } => panic!("ended without a line of `{part}`: {end:?}"),
            }
        }
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> AttemptEnd {
        self.see_end().await
    }

    pub(crate) async fn see_end(&mut self) -> AttemptEnd {
        loop {
            match self.next().await {
                Report::Ended { end, attempt } => {
                    assert_eq!(attempt, self.id);
                    return *end;
                }
                Report::Line { text, .. } => self.lines.push(text),
                Report::Started { .. } => {}
            }
        }
    }
}

pub(crate) fn secret(value: &str) -> Secret {
    Secret { name: "TOKEN".into(), value: value.into() }
}

pub(crate) fn exit(code: i32) -> Outcome {
    Outcome::Failed { exit_code: Some(code), signal: None, reason: None }
}

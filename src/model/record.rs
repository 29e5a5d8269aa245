//! The record of a run: what the events of its journal add up to. Every report is made from it.

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    Declared, Engine, Event, LogSize, Origin, Outcome, Recorded, Resolution, RunId, RunStatus, TaskId, TaskStatus,
    Timestamp,
};

/// One attempt, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Which try, from 1.
    pub number: u32,
    /// Where.
    pub executor: String,
    /// When it was about to be started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What it made.
    pub artifacts: Vec<Recorded>,
    /// Its standard output.
    pub out: LogSize,
    /// Its standard error.
    pub err: LogSize,
    /// Remarks for the reader.
    pub remarks: Vec<String>,
}

/// One task, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRecord {
    /// As it stood when the run began.
    pub declared: Declared,
    /// Where it stands.
    pub status: TaskStatus,
    /// Why it was skipped or counted as done.
    pub because: Option<String>,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptRecord>,
    /// What it handed on.
    pub outputs: IndexMap<String, Value>,
    /// What a person said became of it, when it was lost.
    pub resolution: Option<Resolution>,
}

impl TaskRecord {
    /// Whether a person has to say what became of it before anything can go on from it.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        self.status == TaskStatus::Lost && !self.declared.idempotent && self.resolution.is_none()
    }

    /// From the first attempt's start to the last one's end.
    #[must_use]
    pub fn duration(&self) -> Option<std::time::Duration> {
        Some(self.attempts.last()?.finished?.since(self.attempts.first()?.started))
    }
}

/// One run, as far as its events tell.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// Where it comes from.
    pub origin: Origin,
    /// Attempts at a time.
    pub jobs: u32,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The engine that works, or worked last, on it.
    pub engine: Option<Engine>,
    /// How often another engine went on with it.
    pub resumed: u32,
    /// Who or what stopped it.
    pub stopped_because: Option<String>,
    /// How often it was asked to stop.
    pub stops: u32,
    /// Its tasks, in the author's order.
    pub tasks: IndexMap<TaskId, TaskRecord>,
    /// The result spore, relative to the root.
    pub result_path: Option<String>,
    /// The commit that holds the result spore.
    pub result_commit: Option<String>,
}

impl RunRecord {
    /// The record of a run of which only the first event is known; `None` when that is no [`Event::RunStarted`].
    #[must_use]
    pub fn begin(at: Timestamp, first: &Event) -> Option<Self> {
        let Event::RunStarted { run, origin, jobs, tasks, engine } = first else { return None };
        let tasks = tasks.iter().map(|declared| {
            let record = TaskRecord {
                status: declared.status,
                because: declared.because.clone(),
                declared: declared.clone(),
                attempts: Vec::new(),
                outputs: IndexMap::new(),
                resolution: None,
            };
            (declared.id.clone(), record)
        });
        Some(Self {
            run: *run,
            origin: (**origin).clone(),
            jobs: *jobs,
            status: RunStatus::Running,
            started: at,
            finished: None,
            engine: engine.clone(),
            resumed: 0,
            stopped_because: None,
            stops: 0,
            tasks: tasks.collect(),
            result_path: None,
            result_commit: None,
        })
    }

    /// The record of a whole journal; `None` when it is empty or does not begin with [`Event::RunStarted`].
    pub fn fold<'a>(events: impl IntoIterator<Item = (Timestamp, &'a Event)>) -> Option<Self> {
        let mut events = events.into_iter();
        let (at, first) = events.next()?;
        let mut record = Self::begin(at, first)?;
        events.for_each(|(at, event)| record.apply(at, event));
        Some(record)
    }

    /// Adds the next fact. Facts about tasks that were never declared are passed over: they cannot have been written by
    /// this Spore, and a reader must not fall over them.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::RunStarted { .. } | Event::StartsForeseen { .. } => {}
            Event::RunResumed { engine } => {
                self.engine = Some(engine.clone());
                self.resumed += 1;
            }
            Event::TaskResolved { task, resolution } => {
                self.with_task(task, |task| task.resolution = Some(*resolution));
            }
            Event::TaskSkipped { task, because } => self.with_task(task, |task| {
                task.status = TaskStatus::Skipped;
                task.because = Some(because.clone());
            }),
            Event::TaskReused { task, from, outputs } => self.with_task(task, |task| {
                task.status = TaskStatus::Done;
                task.because.get_or_insert_with(|| format!("done in run {from}"));
                task.outputs.clone_from(outputs);
            }),
            Event::AttemptIntended { task, number, executor } => self.with_task(task, |task| {
                task.status = TaskStatus::Running;
                task.attempts.push(AttemptRecord {
                    number: *number,
                    executor: executor.clone(),
                    started: at,
                    finished: None,
                    outcome: None,
                    artifacts: Vec::new(),
                    out: LogSize::default(),
                    err: LogSize::default(),
                    remarks: Vec::new(),
                });
            }),
            Event::AttemptEnded { task, .. } => self.with_task(task, |task| task.end_attempt(at, event)),
            Event::RetryScheduled { task, .. } => self.with_task(task, |task| task.status = TaskStatus::Running),
            Event::StopRequested { because, .. } => {
                self.stopped_because.get_or_insert_with(|| because.clone());
                self.stops += 1;
            }
            Event::RunEnded { status } => {
                self.status = *status;
                self.finished = Some(at);
            }
            Event::ResultWritten { path, commit } => {
                self.result_path = Some(path.clone());
                self.result_commit.clone_from(commit);
            }
        }
    }

    /// What is to be said of a run that no engine works on: without an end it is orphaned. `supervised` says whether its
    /// commands are still seen to: then what runs goes on; else what was under way is in doubt until somebody resumes the
    /// run. A run that has ended stays as it is.
    pub fn orphan(&mut self, supervised: bool) {
        if self.finished.is_some() {
            return;
        }
        self.status = RunStatus::Orphaned;
        for task in self.tasks.values_mut().filter(|task| task.status == TaskStatus::Running) {
            let Some(last) = task.attempts.last_mut() else { continue };
            if last.outcome.is_some() {
                task.status = TaskStatus::Waiting;
                task.because = Some("waits for its next attempt".to_owned());
            } else if !supervised {
                let stage =
                    "in doubt: it ran when its engine died, and `spore resume` finds out how it ended".to_owned();
                task.status = TaskStatus::Lost;
                last.outcome = Some(Outcome::Lost { stage });
            }
        }
    }

    /// The tasks that were lost, that may not simply run again, and of which nobody has said yet what became of them.
    pub fn unresolved(&self) -> impl Iterator<Item = &TaskRecord> {
        self.tasks.values().filter(|task| task.is_unresolved())
    }

    /// How many tasks stand at each status, in the order of [`TaskStatus`], without zeros.
    #[must_use]
    pub fn counts(&self) -> Vec<(TaskStatus, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for task in self.tasks.values() {
            *counts.entry(task.status).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    fn with_task(&mut self, id: &TaskId, change: impl FnOnce(&mut TaskRecord)) {
        if let Some(task) = self.tasks.get_mut(id) {
            change(task);
        }
    }
}

impl TaskRecord {
    fn end_attempt(&mut self, at: Timestamp, event: &Event) {
        let Event::AttemptEnded { number, outcome, began, outputs, artifacts, out, err, remarks, .. } = event else {
            return;
        };
        self.status = outcome.status();
        self.outputs.clone_from(outputs);
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.number == *number) {
            attempt.started = began.unwrap_or(attempt.started);
            attempt.finished = Some(at);
            attempt.outcome = Some(outcome.clone());
            attempt.artifacts.clone_from(artifacts);
            attempt.out = *out;
            attempt.err = *err;
            attempt.remarks.clone_from(remarks);
        }
    }
}

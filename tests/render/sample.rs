//! Plans and runs made by hand.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};
use spore::model::{
    Command, Dag, Declared, Dialect, Digest, Disposition, Event, Kind, Language, LogSize, Order, Origin, Outcome, Plan,
    PlannedTask, Recorded, Retry, RunId, RunRecord, RunStatus, Span, TaskId, TaskStatus, Template, Timestamp, Work,
};

pub(super) const START: Timestamp = Timestamp(1_795_172_308_000);

pub(super) fn id(text: &str) -> TaskId {
    TaskId::new(text).expect("an id")
}

/// A task that runs `echo`; its line is its place in the list.
pub(super) fn task(name: &str, title: &str, needs: &[&str]) -> PlannedTask {
    PlannedTask {
        id: id(name),
        title: title.to_owned(),
        span: Span::default(),
        line: 1,
        done: false,
        optional: false,
        parent: None,
        phase: None,
        steps: std::sync::Arc::from([]),
        needs: needs.iter().map(|need| id(need)).collect(),
        external_needs: Vec::new(),
        work: Work::Command(Command::Script { language: Language::Sh, text: format!("echo {name}\n") }),
        executor: "terminal".to_owned(),
        with: Arc::default(),
        env: Arc::default(),
        workdir: None,
        when: None,
        retry: Retry::default(),
        timeout: None,
        continue_on_failure: false,
        idempotent: false,
        artifacts: Arc::from([]),
        matrix: IndexMap::new(),
        expanded_from: None,
        max_parallel: None,
        instance: None,
        finally: false,
        disposition: Disposition::Run,
        explanation: "nothing keeps it from running".to_owned(),
    }
}

pub(super) fn become_(mut task: PlannedTask, disposition: Disposition, explanation: &str) -> PlannedTask {
    task.done = disposition == Disposition::Done;
    if matches!(disposition, Disposition::Agent | Disposition::Done) {
        task.work = Work::Agent(task.title.clone());
    }
    task.disposition = disposition;
    task.explanation = String::from(explanation);
    task
}

/// A plan of these tasks, with waves and critical path as the planner would make them.
pub(super) fn plan(title: Option<&str>, mut tasks: Vec<PlannedTask>) -> Plan {
    for (at, task) in tasks.iter_mut().enumerate() {
        task.line = u32::try_from(at + 1).expect("small");
    }
    let place = |need: &TaskId| tasks.iter().position(|task| task.id == *need).expect("a known need");
    let needs =
        tasks.iter().map(|task| task.needs.iter().map(|need| u32::try_from(place(need)).expect("small")).collect());
    let dag = Dag::new(needs.collect()).expect("acyclic");
    let counts = |at: usize| matches!(tasks[at].disposition, Disposition::Run | Disposition::Agent);
    let (waves, critical_path) = (dag.waves(counts), dag.longest_path(|at| u64::from(counts(at))));
    Plan {
        spore: "nightly-report".to_owned(),
        title: title.map(str::to_owned),
        path: "reports/nightly.yaml".to_owned(),
        kind: Kind::Workflow,
        dialect: Dialect::Yaml,
        metadata: Vec::new(),
        order: Order::Needs,
        params: IndexMap::new(),
        concurrency: None,
        timeout: None,
        tasks,
        dag,
        waves,
        critical_path,
    }
}

/// A plan with one of everything.
pub(super) fn full_plan() -> Plan {
    let mut tasks = vec![
        become_(task("setup", "Set up the folders", &[]), Disposition::Done, "ticked off"),
        task("extract", "Extract the rows 日本語の行", &["setup"]),
        task("fetch", "fetch", &[]),
    ];
    for shard in 1..=5 {
        let mut combination = task(&format!("check[{shard}]"), "Check a shard", &["extract", "fetch"]);
        combination.expanded_from = Some(id("check"));
        combination.matrix = IndexMap::from([("shard".to_owned(), json!(shard))]);
        tasks.push(combination);
    }
    let shards = ["check[1]", "check[2]", "check[3]", "check[4]", "check[5]"];
    let mut publish = task("publish", "Publish 🚀 the report to everybody who asked for it", &shards);
    publish.executor = String::from("cloud-run");
    publish.when = Some(Template::from("{{ params.region == \"eu\" }}"));
    publish.work = Work::Command(Command::Argv(vec![Template::from("report"), Template::from("--publish")]));
    let mut announce = task("announce", "Tell the people", &["publish", "fetch"]);
    announce.optional = true;
    announce.external_needs = vec!["quic".to_owned()];
    tasks.push(publish);
    tasks.push(announce);
    let review = task("review", "Review the wording by hand", &["publish"]);
    tasks.push(become_(review, Disposition::Agent, "prose without a command: work for an agent"));
    let deploy = task("deploy", "Deploy", &[]);
    tasks.push(become_(deploy, Disposition::Skip, "`--only publish` leaves it out"));
    tasks.push(become_(task("try-it", "Try it", &[]), Disposition::Inert, "its fence is not marked as one to run"));
    let mut notify = task("notify", "notify", &[]);
    notify.finally = true;
    tasks.push(notify);
    let mut plan = plan(Some("Nightly report"), tasks);
    plan.params = IndexMap::from([("region".to_owned(), json!("eu")), ("days".to_owned(), json!(7))]);
    plan
}

/// Builds the journal of a run, event by event.
pub(super) struct Journal {
    pub(super) events: Vec<(Timestamp, Event)>,
    now: i64,
}

impl Journal {
    pub(super) fn new(tasks: &[(&str, &str)]) -> Self {
        let declared = tasks.iter().enumerate().map(|(at, (name, title))| Declared {
            id: id(name),
            title: (*title).to_owned(),
            line: u32::try_from(at + 3).expect("small"),
            executor: "terminal".to_owned(),
            status: TaskStatus::Waiting,
            because: None,
            counts: true,
            idempotent: false,
        });
        let origin = Origin {
            spore: "nightly-report".to_owned(),
            path: "reports/nightly report.yaml".to_owned(),
            digest: Digest::of(b"spore"),
            retry_of: None,
            params: IndexMap::from([("region".to_owned(), json!("eu"))]),
            only: Vec::new(),
            from: None,
            cause: None,
            written_by: None,
            depth: 0,
        };
        let run = RunId::from_parts(START.0.unsigned_abs(), 7);
        let started =
            Event::RunStarted { run, origin: Box::new(origin), jobs: 2, tasks: declared.collect(), engine: None };
        Self { events: vec![(START, started)], now: START.0 }
    }

    pub(super) fn add(&mut self, milliseconds: i64, event: Event) -> &mut Self {
        self.now += milliseconds;
        self.events.push((Timestamp(self.now), event));
        self
    }

    pub(super) fn attempt(&mut self, name: &str, number: u32, milliseconds: i64, outcome: Outcome) -> &mut Self {
        self.attempt_with(name, number, milliseconds, outcome, &[])
    }

    pub(super) fn attempt_with(
        &mut self,
        name: &str,
        number: u32,
        milliseconds: i64,
        outcome: Outcome,
        outputs: &[(&str, Value)],
    ) -> &mut Self {
        let outputs: IndexMap<String, Value> =
            outputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let artifacts = if outputs.is_empty() {
            Vec::new()
        } else {
            vec![Recorded { path: "out/rows.csv".to_owned(), size_bytes: 4_321, digest: Digest::of(b"rows") }]
        };
        let executor = "terminal".to_owned();
        self.add(1, Event::AttemptIntended { task: id(name), number, executor });
        self.add(
            milliseconds,
            Event::AttemptEnded {
                task: id(name),
                number,
                outcome,
                began: None,
                outputs,
                artifacts,
                out: LogSize { seen_bytes: 120, dropped_bytes: 0 },
                err: LogSize::default(),
                remarks: Vec::new(),
            },
        )
    }

    pub(super) fn end(&mut self, status: RunStatus) -> RunRecord {
        self.add(1, Event::RunEnded { status });
        self.record()
    }

    pub(super) fn record(&self) -> RunRecord {
        RunRecord::fold(self.events.iter().map(|(at, event)| (*at, event))).expect("a run")
    }
}

/// A journal with one of everything that can happen to a task.
pub(super) fn full_journal() -> Journal {
    let mut journal = Journal::new(&[
        ("extract", "Extract the rows"),
        ("check", "Check | them `all` — 日本語"),
        ("upload", "upload"),
        ("publish", "Publish 🚀"),
        ("old", "old"),
    ]);
    journal.attempt_with("extract", 1, 1_234, Outcome::Succeeded, &[("rows", json!(42)), ("name", json!("a|b`c"))]);
    journal.attempt("check", 1, 3_400, Outcome::of_exit(1));
    let at = Timestamp(START.0 + 6_700);
    journal.add(0, Event::RetryScheduled { task: id("check"), number: 2, at });
    journal.attempt("check", 2, 3_300, Outcome::of_exit(1));
    journal.attempt("upload", 1, 65_000, Outcome::of_signal(9));
    journal.add(0, Event::TaskSkipped { task: id("publish"), because: "`check` failed".to_owned() });
    let from = RunId::from_parts(START.0.unsigned_abs() - 100_000, 3);
    journal.add(0, Event::TaskReused { task: id("old"), from, outputs: IndexMap::new() });
    journal
}

pub(super) fn full_record() -> RunRecord {
    let mut record = full_journal().end(RunStatus::Failed);
    record.result_path = Some("results/2026/11/nightly-report-01KAG.md".to_owned());
    record.result_commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
    record
}

/// A finished run of many small tasks, every hundredth of which failed.
pub(super) fn large_journal(tasks: usize) -> Journal {
    let names: Vec<String> = (0..tasks).map(|at| format!("task-{at}")).collect();
    let declared: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let mut journal = Journal::new(&declared);
    for (at, name) in names.iter().enumerate() {
        journal.attempt(name, 1, 2, if at % 100 == 99 { Outcome::of_exit(3) } else { Outcome::Succeeded });
    }
    journal
}

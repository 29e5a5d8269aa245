//! A driver that takes a run up, with real journals and an executor that only pretends: whatever the journal before had
//! come to, what is recorded in the end is the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use serde_json::{Value, json};
use spore::executor::{Check, Executor, Executors, LogChunk, Observation, Pending, Profile, Report, Reports};
use spore::journal::{self, Journal};
use spore::model::{
    Attempt, AttemptEnd, AttemptId, Digest, Engine, Event, Limits, LogSize, Origin, Outcome, Plan, Recalled, RunId,
    RunRecord, RunStatus, Source, Stream, TaskId, TaskRecord, TaskStatus, Timestamp,
};
use spore::os::clock::{Clock as _, SystemClock};
use spore::os::identity::Identity;
use spore::plan::{Capability, Options, plan};
use spore::run::{Allowance, Error, Order, Preparer, Ran, Reused, Stop, View, drive};
use tokio::sync::mpsc;

/// A bit of everything that a run can come to.
const SPORE: &str = r#"
spore: w
kind: workflow
tasks:
  first: "true"
  fed: {needs: [first], env: {GIVEN: "{{ tasks.first.outputs.said }}"}, run: "true"}
  wanted: {needs: [first], when: "{{ tasks.first.outputs.said == 'first 1: none' }}", run: "true"}
  unwanted: {needs: [first], when: "{{ tasks.first.outputs.said == 'else' }}", run: "true"}
  past-unwanted: {needs: [unwanted], run: "true"}
  flaky: {run: "true", retry: {limit: 2, backoff: 1ms}}
  fails: {needs: [flaky], run: "true", retry: {limit: 1, backoff: 1ms}}
  past-fails: {needs: [fails], run: "true"}
  may-fail: {run: "true", continue_on_failure: true}
  past-may-fail: {needs: [may-fail], env: {GIVEN: "{{ tasks['may-fail'].status }}"}, run: "true"}
  impossible: {needs: [first], env: {GIVEN: "{{ tasks.first.outputs.nothing }}"}, run: "true"}
  lost: {run: "true"}
  lost-again: {run: "true", idempotent: true, retry: {limit: 2, backoff: 1ms}}
  many: {matrix: {x: [1, 2, 3]}, max_parallel: 2, env: {GIVEN: "{{ matrix.x }}"}, run: "true"}
finally:
  at-last: {env: {GIVEN: "{{ tasks.fails.status }}"}, run: "true"}
"#;

/// What happens to each attempt, and the same whenever anybody asks.
fn end_of(attempt: &Attempt) -> AttemptEnd {
    let AttemptId { task, number, .. } = &attempt.id;
    let outcome = match (task.as_str(), number) {
        ("flaky", 1) => Outcome::of_exit(75),
        ("flaky", 2) => Outcome::TimedOut,
        ("fails" | "may-fail", _) => Outcome::of_exit(3),
        ("lost", _) | ("lost-again", 1) => Outcome::Lost { stage: "running".into() },
        _ => Outcome::Succeeded,
    };
    let given = attempt.env.iter().find(|(name, _)| name == "GIVEN").map_or("none", |(_, given)| given.as_str());
    let said = json!(format!("{task} {number}: {given}"));
    let err = LogSize { seen_bytes: 10, dropped_bytes: 0 };
    AttemptEnd { err, outputs: IndexMap::from([("said".to_owned(), said)]), ..AttemptEnd::bare(outcome) }
}

/// What an executor was told, in order.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Start(AttemptId, Option<Recalled>),
    Cancel(AttemptId, bool),
}

/// An executor that starts nothing and knows how everything ends.
#[derive(Default)]
pub(super) struct Oracle {
    told: Mutex<Vec<Told>>,
    /// Tasks that go on until somebody cancels them.
    endless: Vec<&'static str>,
    listening: Mutex<HashMap<AttemptId, Reports>>,
    /// What is done instead of knowing.
    instead: Option<Instead>,
}

type Instead = Box<dyn Fn(Attempt, Reports) + Send + Sync>;

impl Oracle {
    /// One that does this with what is started.
    pub(super) fn that(instead: impl Fn(Attempt, Reports) + Send + Sync + 'static) -> Self {
        Self { instead: Some(Box::new(instead)), ..Self::default() }
    }

    pub(super) fn tell(reports: &Reports, attempt: AttemptId, end: AttemptEnd) {
        reports.send(Report::Ended { attempt, end: Box::new(end) }).expect("somebody listens");
    }
}

impl Executor for Oracle {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn start(&self, attempt: Attempt, reports: Reports) {
        let id = attempt.id.clone();
        self.told.lock().expect("whole").push(Told::Start(id.clone(), attempt.recalled));
        if let Some(instead) = &self.instead {
            return instead(attempt, reports);
        }
        if self.endless.contains(&id.task.as_str()) {
            self.listening.lock().expect("whole").insert(id, reports);
        } else {
            Self::tell(&reports, id, end_of(&attempt));
        }
    }

    fn observe(&self, _attempt: &AttemptId) -> Observation {
        Observation::Unknown
    }

    fn logs<'a>(&'a self, attempt: &'a AttemptId, _: Stream, _: u64) -> Pending<'a, std::io::Result<LogChunk>> {
        let bytes = format!("the log of {}\n", attempt.task).into_bytes();
        Box::pin(async { Ok(LogChunk { bytes, cursor: 0 }) })
    }

    fn cancel(&self, attempt: &AttemptId, now: bool) {
        self.told.lock().expect("whole").push(Told::Cancel(attempt.clone(), now));
        if let Some(reports) = self.listening.lock().expect("whole").remove(attempt) {
            Self::tell(&reports, attempt.clone(), AttemptEnd::bare(Outcome::Cancelled));
        }
    }

    fn launch<'a>(&'a self, _: &'a Profile, _: u32) -> Pending<'a, std::io::Result<Vec<String>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn cleanup<'a>(&'a self, _: &'a str) -> Pending<'a, std::io::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn check(&self) -> Pending<'_, Check> {
        Box::pin(async { Check::default() })
    }
}

struct Nobody;

impl View for Nobody {
    fn event(&mut self, _: Timestamp, _: &Event, _: &RunRecord) {}
    fn line(&mut self, _: &AttemptId, _: Stream, _: &str) {}
    fn failed(&mut self, _: &TaskRecord, _: &str) {}
    fn tick(&mut self, _: Timestamp, _: &RunRecord) {}
}

pub(super) fn planned(text: &str, options: &Options) -> Plan {
    let parsed = spore::parse::parse(&Source::new("w.yaml", text), &Limits::DEFAULT);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let planned = plan(&parsed.spores[0], text, options, &[Capability::available("terminal")]);
    planned.plan.unwrap_or_else(|| panic!("{:?}", planned.diagnostics))
}

fn run_id() -> RunId {
    RunId::from_parts(1, 2)
}

fn id(task: &str) -> TaskId {
    TaskId::new(task).expect("an id")
}

fn engine() -> Engine {
    Engine { process: Identity::me().to_string(), host: "here".into(), version: "1".into() }
}

/// What came of an engine's work.
pub(super) struct Worked {
    pub(super) ran: Result<Ran, Error>,
    events: Vec<(Timestamp, Event)>,
    told: Vec<Told>,
}

/// An engine works on a run in a folder of its own, with `past` in its journal.
async fn work(plan: &Plan, past: &[(Timestamp, Event)], reused: Vec<Reused>, endless: &[&'static str]) -> Worked {
    let oracle = Oracle { endless: endless.to_vec(), ..Oracle::default() };
    work_with(plan, past, reused, oracle, Allowance::of(3)).await
}

/// As [`work`], with this executor and so many attempts at a time.
pub(super) async fn work_with(
    plan: &Plan,
    past: &[(Timestamp, Event)],
    reused: Vec<Reused>,
    oracle: Oracle,
    jobs: Allowance,
) -> Worked {
    let folder = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(folder.path(), run_id()).expect("a journal");
    let run_dir = journal.run_dir().to_path_buf();
    if !past.is_empty() {
        journal.append(past).expect("written");
        drop(journal);
        let (opened, entries) = Journal::open(&run_dir).expect("opened");
        assert_eq!(entries.events, past);
        journal = opened;
    }
    let oracle = Arc::new(oracle);
    let executor: Arc<dyn Executor> = oracle.clone();
    let root = Arc::new(folder.path().to_path_buf());
    let order = Order {
        plan,
        run: run_id(),
        origin: Origin {
            spore: "w".into(),
            path: "w.yaml".into(),
            digest: Digest::of(b"w"),
            retry_of: None,
            params: IndexMap::new(),
            only: Vec::new(),
            from: None,
            cause: None,
            written_by: None,
            depth: 0,
        },
        engine: engine(),
        jobs: jobs.clone(),
        reused,
        past: past.to_vec(),
        preparer: Preparer::new(plan, run_id(), root, Arc::new(run_dir.clone()), Arc::from([]), jobs, &Limits::DEFAULT),
        executors: &Executors::from([("terminal", executor)]),
        clock: &SystemClock::new(),
    };
    let (_nobody_stops_it, stops) = mpsc::unbounded_channel();
    let ran = drive(order, &mut journal, stops, &mut Nobody).await;
    drop(journal);
    let events = journal::read(&run_dir).expect("read").events;
    let told = oracle.told.lock().expect("whole").clone();
    Worked { ran, events, told }
}

/// What does not depend on when it happened, and who did it.
fn essence(record: &RunRecord) -> (RunStatus, BTreeMap<String, Value>) {
    let tasks = record.tasks.iter().map(|(id, task)| {
        let attempts: Vec<_> = task.attempts.iter().map(|attempt| json!([attempt.number, attempt.outcome])).collect();
        let (status, because, outputs) = (task.status.word(), &task.because, &task.outputs);
        (id.to_string(), json!({"status": status, "because": because, "outputs": outputs, "attempts": attempts}))
    });
    (record.status, tasks.collect())
}

fn intended(events: &[(Timestamp, Event)]) -> BTreeMap<(String, u32), usize> {
    let mut intended = BTreeMap::new();
    for (_, event) in events {
        if let Event::AttemptIntended { task, number, .. } = event {
            *intended.entry((task.to_string(), *number)).or_insert(0) += 1;
        }
    }
    intended
}

fn tails(ran: &Ran) -> BTreeMap<TaskId, String> {
    ran.tails.iter().cloned().collect()
}

fn kind_count(events: &[(Timestamp, Event)], kind: &str) -> usize {
    events.iter().filter(|(_, event)| json!(event)["event"] == kind).count()
}

#[tokio::test]
async fn from_every_beginning_of_its_journal_a_run_comes_to_the_same() {
    let plan = planned(SPORE, &Options::default());
    let whole = work(&plan, &[], Vec::new(), &[]).await;
    let whole_ran = whole.ran.expect("it ran");
    let expected = essence(&whole_ran.record);
    assert_eq!(expected.0, RunStatus::Failed);
    assert_eq!(expected.1["fed"]["outputs"]["said"], "fed 1: first 1: none");
    assert_eq!(expected.1["impossible"]["status"], "not_started");
    assert_eq!(expected.1["flaky"]["attempts"].as_array().map(Vec::len), Some(3));

    for count in 1..=whole.events.len() {
        let past = &whole.events[..count];
        let Worked { ran, events, told } = work(&plan, past, Vec::new(), &[]).await;
        let ran = ran.unwrap_or_else(|error| panic!("after {count} events: {error}"));
        assert_eq!(essence(&ran.record), expected, "after {count} events");
        assert_eq!(ran.record.resumed, 1);
        assert_eq!(events[..count], *past, "nothing is taken back");
        let folded = RunRecord::fold(events.iter().map(|(at, event)| (*at, event)));
        assert_eq!(folded.as_ref(), Some(&ran.record), "the record is what the journal says");
        assert_eq!(kind_count(&events, "run_ended"), 1);
        assert_eq!(kind_count(&events, "retry_scheduled"), kind_count(&whole.events, "retry_scheduled"));
        for (attempt, times) in intended(&events) {
            assert_eq!(times, 1, "{attempt:?} is intended again");
        }
        let before = intended(past);
        for told in &told {
            let Told::Start(attempt, recalled) = told else { panic!("{told:?}") };
            let is_known = before.contains_key(&(attempt.task.to_string(), attempt.number));
            let expected = match (is_known, past.is_empty()) {
                (true, _) => Some(Recalled::ThisBoot),
                (false, true) => None,
                (false, false) => Some(Recalled::Perhaps),
            };
            assert_eq!(*recalled, expected, "{attempt:?} after {count} events");
        }
        let starts = told.iter().map(|told| format!("{told:?}")).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(starts.len(), told.len(), "nothing is started twice");
        assert_eq!(tails(&ran), tails(&whole_ran), "also of what failed before");
    }
}

/// The first events of a run of one task that has not ended.
async fn one_under_way(plan: &Plan) -> Vec<(Timestamp, Event)> {
    let mut events = work(plan, &[], Vec::new(), &[]).await.events;
    let last = events.iter().position(|(_, event)| matches!(event, Event::AttemptIntended { .. }));
    events.truncate(last.expect("an intent") + 1);
    events
}

fn minutes_ago(minutes: i64) -> Timestamp {
    Timestamp(SystemClock::new().wall_milliseconds() - minutes * 60_000)
}

fn two_tasks(more: &str) -> String {
    format!("spore: w\nkind: workflow\n{more}tasks:\n  one: \"true\"\n  two: {{needs: [one], run: \"true\"}}\n")
}

#[tokio::test]
async fn a_run_that_was_to_stop_goes_on_stopping() {
    let plan = planned(&two_tasks("timeout: 1h\n"), &Options::default());
    let stops = [
        (Stop::Cancelled, false, RunStatus::Cancelled),
        (Stop::TimedOut, false, RunStatus::TimedOut),
        (Stop::AtOnce, true, RunStatus::Cancelled),
    ];
    for (stop, now, status) in stops {
        let mut past = one_under_way(&plan).await;
        // Its time is over, too, but it is not stopped for a second reason.
        past[0].0 = minutes_ago(61);
        past.push((minutes_ago(0), Event::StopRequested { because: "somebody asked".into(), stop }));
        let Worked { ran, events, told } = work(&plan, &past, Vec::new(), &["one"]).await;
        let record = ran.expect("it ran").record;
        assert_eq!(record.status, status);
        assert_eq!(record.tasks[&id("one")].status, TaskStatus::Cancelled);
        assert_eq!(record.tasks[&id("two")].status, TaskStatus::Skipped);
        assert_eq!(kind_count(&events, "stop_requested"), 1, "it is not asked twice");
        let one = AttemptId { run: run_id(), task: id("one"), number: 1 };
        assert_eq!(told, [Told::Start(one.clone(), Some(Recalled::ThisBoot)), Told::Cancel(one, now)]);
    }
}

#[tokio::test]
async fn the_time_of_a_run_counts_from_its_beginning() {
    let plan = planned(&two_tasks("timeout: 1h\n"), &Options::default());
    for (minutes, expected) in [(10, RunStatus::Succeeded), (61, RunStatus::TimedOut)] {
        let mut past = one_under_way(&plan).await;
        for (at, _) in &mut past {
            *at = minutes_ago(minutes);
        }
        let endless: &[&str] = if expected == RunStatus::TimedOut { &["one"] } else { &[] };
        let record = work(&plan, &past, Vec::new(), endless).await.ran.expect("it ran").record;
        assert_eq!(record.status, expected);
        assert_eq!(record.tasks[&id("two")].attempts.len(), usize::from(expected == RunStatus::Succeeded));
    }
}

#[tokio::test]
async fn attempts_of_an_earlier_boot_are_told_from_those_of_this_one() {
    let plan = planned(&two_tasks(""), &Options::default());
    let engines = [
        (Some(engine().process), Recalled::ThisBoot),
        (Some(format!("{}@7@{:032x}", 7, 7)), Recalled::EarlierBoot),
        (Some("somebody".into()), Recalled::EarlierBoot),
        (None, Recalled::EarlierBoot),
    ];
    for (process, expected) in engines {
        let mut past = one_under_way(&plan).await;
        let Event::RunStarted { engine: first, .. } = &mut past[0].1 else { panic!("no start") };
        *first = process.map(|process| Engine { process, ..engine() });
        let told = work(&plan, &past, Vec::new(), &[]).await.told;
        assert!(matches!(&told[0], Told::Start(_, Some(recalled)) if *recalled == expected), "{told:?}");
        assert!(matches!(&told[1], Told::Start(_, Some(Recalled::Perhaps))), "{told:?}");
    }
}

#[tokio::test]
async fn a_plan_with_other_tasks_is_refused_by_name() {
    let text = two_tasks("");
    let past = one_under_way(&planned(&text, &Options::default())).await;
    let ticked = Options { done: [(id("one"), "done".to_owned())].into_iter().collect(), ..Options::default() };
    let others = [
        (text.replace("one", "uno"), Options::default(), "the task `uno` is new"),
        (format!("{text}  three: \"true\"\n"), Options::default(), "the task `three` is new"),
        (text.replace("  two: {needs: [one], run: \"true\"}\n", ""), Options::default(), "the task `two` is gone"),
        (text.replace("run:", "continue_on_failure: true, run:"), Options::default(), "failure of the task `two`"),
        (text.clone(), ticked, "the task `one` was waiting and is done now"),
    ];
    for (text, options, expected) in others {
        let worked = work(&planned(&text, &options), &past, Vec::new(), &[]).await;
        let error = worked.ran.expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(worked.events, past, "nothing is recorded");
        assert_eq!(worked.told, [], "nothing is started");
    }
}

#[tokio::test]
async fn what_was_reused_is_noted_once_even_when_the_journal_was_torn_before_it() {
    let text = two_tasks("").replace("needs: [one],", "needs: [one], env: {GIVEN: '{{ tasks.one.outputs.said }}'},");
    let options = Options { done: [(id("one"), "done".to_owned())].into_iter().collect(), ..Options::default() };
    let plan = planned(&text, &options);
    let outputs = IndexMap::from([("said".to_owned(), json!("hello"))]);
    let reused = || vec![Reused { task: 0, from: run_id(), outputs: outputs.clone() }];
    let whole = work(&plan, &[], reused(), &[]).await;
    assert_eq!(kind_count(&whole.events, "task_reused"), 1);
    for count in 1..whole.events.len() {
        let worked = work(&plan, &whole.events[..count], reused(), &[]).await;
        let record = worked.ran.expect("it ran").record;
        assert_eq!(record.tasks[&id("two")].outputs["said"], "two 1: hello", "after {count} events");
        assert_eq!(kind_count(&worked.events, "task_reused"), 1);
    }
}

/// What may have been started is not started as if nothing had been, however often the machine went down since.
#[tokio::test]
async fn what_was_foreseen_before_the_machine_went_down_is_lost() {
    let plan = planned(&two_tasks(""), &Options::default());
    let of_boot = |boot: u128| Engine { process: format!("7@7@{boot:032x}"), ..engine() };
    let foreseen = |tasks: &[&str]| Event::StartsForeseen { tasks: tasks.iter().map(|task| id(task)).collect() };
    let resumed = |engine: Engine| Event::RunResumed { engine };
    let both = || foreseen(&["one", "two"]);
    let cases = [
        (of_boot(7), vec![both()], true),
        (engine(), vec![both()], false),
        (of_boot(7), vec![both(), foreseen(&[])], false),
        (of_boot(7), vec![both(), resumed(of_boot(7))], false),
        (of_boot(7), vec![both(), resumed(of_boot(8)), foreseen(&[])], true),
        (of_boot(7), vec![both(), resumed(engine()), foreseen(&[])], true),
    ];
    for (first, facts, is_lost) in cases {
        let mut past = one_under_way(&plan).await;
        past.truncate(1);
        let Event::RunStarted { engine, .. } = &mut past[0].1 else { panic!("no start") };
        *engine = Some(first);
        past.extend(facts.into_iter().map(|fact| (minutes_ago(0), fact)));
        let Worked { ran, told, .. } = work(&plan, &past, Vec::new(), &[]).await;
        let record = ran.expect("it ran").record;
        let expected = if is_lost { TaskStatus::Lost } else { TaskStatus::Succeeded };
        for task in ["one", "two"] {
            assert_eq!(record.tasks[&id(task)].status, expected, "{task} after {past:#?}");
        }
        assert_eq!(told.len(), if is_lost { 0 } else { 2 }, "{told:?}");
    }
}

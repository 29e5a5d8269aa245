//! Plans: each rule by a small spore, whole plans in words, and what must hold of every plan there is.

mod property;
mod select;
mod template;

use indexmap::IndexMap;
use serde_json::{Value, json};
use spore::model::{
    Command, Diagnostic, Dialect, Disposition, EnvValue, Kind, Language, Limits, Matrix, Need, NeedTarget, Order,
    Param, ParamType, Plan, Severity, Span, Spore, Task, TaskId, Work,
};
use spore::plan::{Capability, Options, Planned, plan};

fn id(text: &str) -> TaskId {
    TaskId::new(text).expect("an id")
}

/// A task on the line of its own number, with a command that may run.
fn task(line: usize, name: &str, needs: &[&str]) -> Task {
    let script = Command::Script { language: Language::Sh, text: format!("echo {name}") };
    let mut task = Task::new(id(name), name.to_uppercase(), Span::new(line - 1, line), Work::Command(script));
    task.marked = true;
    task.needs =
        needs.iter().map(|need| Need { target: NeedTarget::Task(id(need)), span: Span::new(line - 1, line) }).collect();
    task
}

fn agent(line: usize, name: &str, needs: &[&str]) -> Task {
    Task { work: Work::Agent("do it".into()), ..task(line, name, needs) }
}

fn child(parent: &str, task: Task) -> Task {
    Task { parent: Some(id(parent)), ..task }
}

fn group(line: usize, name: &str, needs: &[&str]) -> Task {
    Task { work: Work::Group, ..task(line, name, needs) }
}

fn done(task: Task) -> Task {
    Task { done: true, ..task }
}

fn matrix(task: Task, axes: &[(&str, Value)]) -> Task {
    let values = |value: &Value| value.as_array().expect("a list").clone();
    let axes = axes.iter().map(|(name, value)| ((*name).to_owned(), values(value))).collect();
    Task { matrix: Some(Box::new(Matrix { axes })), ..task }
}

fn env(task: Task, text: &str) -> Task {
    let mut task = task;
    task.settings.env.insert("X".into(), EnvValue::Text(text.into()));
    task
}

fn spore(tasks: Vec<Task>) -> Spore {
    Spore { kind: Kind::Workflow, order: Order::Needs, tasks, ..Spore::empty("s", Dialect::Yaml) }
}

/// As many lines as anyone needs.
fn text() -> String {
    "\n".repeat(200)
}

fn planned_with(spore: &Spore, options: &Options) -> Planned {
    let capabilities = [Capability::available("terminal"), Capability::unavailable("gke", "it is not built in yet")];
    plan(spore, &text(), options, &capabilities)
}

fn planned(tasks: Vec<Task>) -> Planned {
    planned_with(&spore(tasks), &Options::default())
}

fn only(names: &[&str]) -> Options {
    Options { only: names.iter().map(|name| (*name).to_owned()).collect(), ..Options::default() }
}

fn from(name: &str) -> Options {
    Options { from: Some(name.to_owned()), ..Options::default() }
}

/// A plan in words: each task with what becomes of it and why, the waves, the critical path.
fn words(planned: &Planned) -> Vec<String> {
    let plan = planned.plan.as_ref().expect("a plan");
    let names = |list: &[usize]| list.iter().map(|at| plan.tasks[*at].id.as_str()).collect::<Vec<_>>().join(" ");
    let tasks = plan
        .tasks
        .iter()
        .map(|task| format!("{} {}: {}", task.id, format!("{:?}", task.disposition).to_lowercase(), task.explanation));
    let waves = plan.waves.iter().map(|wave| format!("| {}", names(wave)));
    tasks.chain(waves).chain([format!("> {}", names(&plan.critical_path))]).collect()
}

/// Diagnostics in words: severity, code, line, message, hint.
fn remarks(diagnostics: &[Diagnostic]) -> Vec<String> {
    let severity = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    diagnostics
        .iter()
        .map(|it| {
            let hint = it.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{} {} {}: {}{hint}", severity(it.severity), it.code, it.span.start + 1, it.message)
        })
        .collect()
}

fn dispositions(planned: &Planned) -> Vec<(String, Disposition)> {
    let plan = planned.plan.as_ref().expect("a plan");
    plan.tasks.iter().map(|task| (task.id.to_string(), task.disposition)).collect()
}

fn needs_of<'a>(plan: &'a Plan, name: &str) -> Vec<&'a str> {
    let at = plan.tasks.iter().position(|task| task.id.as_str() == name).expect("the task");
    plan.dag.needs(at).iter().map(|need| plan.tasks[*need as usize].id.as_str()).collect()
}

#[test]
fn a_plan_explains_itself() {
    let tasks = vec![
        task(1, "lint", &[]),
        done(task(2, "fetch", &[])),
        task(3, "build", &["fetch"]),
        task(4, "test", &["build", "lint"]),
        agent(5, "review", &["test"]),
        task(6, "deploy", &["review"]),
        Task { marked: false, ..task(7, "notes", &[]) },
        task(8, "after", &["notes", "deploy"]),
    ];
    let mut spore = spore(tasks);
    spore.finally = vec![task(9, "notify", &[])];
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(remarks(&planned.diagnostics), Vec::<String>::new());
    assert!(planned.runnable());
    assert_eq!(
        words(&planned),
        [
            "lint run: no needs: starts at once",
            "fetch done: ticked off in the file (line 2)",
            "build run: needs `fetch`, which is done: starts at once",
            "test run: needs `lint` and `build`",
            "review agent: prose without a command: needs an agent, which this Spore plans but does not run",
            "deploy skip: waits for `review`, which needs an agent",
            "notes inert: its command is not marked as one to run: add `kind: workflow` to the front matter, or \
         `task=notes` to its fence",
            "after skip: waits for `review`, which needs an agent",
            "notify run: runs when all others have ended, whatever became of them",
            "| lint build notes",
            "| test",
            "| review",
            "| deploy",
            "| after",
            "| notify",
            "> lint test review deploy after notify",
        ]
    );
}

#[test]
fn sequence_goes_from_top_to_bottom_through_parents() {
    let tasks = vec![
        group(1, "1", &[]),
        child("1", done(task(2, "1.1", &[]))),
        child("1", task(3, "1.2", &[])),
        task(4, "2", &[]),
        child("2", task(5, "2.1", &[])),
        task(6, "3", &[]),
    ];
    let spore = Spore { order: Order::Sequence, ..spore(tasks) };
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(
        words(&planned),
        [
            "1 group: holds 2 tasks together",
            "1.1 done: ticked off in the file (line 2)",
            "1.2 run: follows `1.1`, which is done: starts at once",
            "2 run: follows `2.1`",
            "2.1 run: follows `1.2`",
            "3 run: follows `2`",
            "| 1.2",
            "| 2.1",
            "| 2",
            "| 3",
            "> 1.2 2.1 2 3",
        ]
    );
}

#[test]
fn parents_wait_for_their_parts_and_parts_inherit_needs() {
    let tasks = vec![
        task(1, "a", &[]),
        group(2, "p", &["a", "p.1"]),
        child("p", task(3, "p.1", &[])),
        child("p", group(4, "q", &[])),
        child("q", task(5, "q.1", &["p"])),
        task(6, "z", &["p"]),
    ];
    let planned = planned(tasks);
    let plan = planned.plan.as_ref().expect("a plan");
    assert_eq!(needs_of(plan, "p.1"), ["a"]);
    assert_eq!(needs_of(plan, "q.1"), ["a"]);
    assert_eq!(needs_of(plan, "q"), ["a", "q.1"]);
    assert_eq!(needs_of(plan, "p"), ["a", "p.1", "q"]);
    assert_eq!(needs_of(plan, "z"), ["p"]);
    assert_eq!(
        remarks(&planned.diagnostics),
        [
            "warning need-on-parent 5: `q.1` is a part of `p` and cannot wait for it (the need is passed over; a parent ends \
         with its parts)"
        ]
    );
}

#[test]
fn a_parent_is_done_when_its_parts_are() {
    let tasks = vec![
        group(1, "p", &[]),
        child("p", done(task(2, "p.1", &[]))),
        done(group(3, "q", &[])),
        child("q", task(4, "q.1", &[])),
        task(5, "z", &["p"]),
    ];
    let planned = planned(tasks);
    assert_eq!(
        words(&planned)[..5],
        [
            "p done: all its parts are ticked off (line 1)",
            "p.1 done: ticked off in the file (line 2)",
            "q group: holds one task",
            "q.1 run: no needs: starts at once",
            "z run: needs `p`, which is done: starts at once",
        ]
    );
}

#[test]
fn names_must_exist() {
    let mut tasks = vec![
        task(1, "build", &[]),
        task(2, "test", &["biuld", "test"]),
        task(3, "pack", &["notify"]),
        task(4, "build", &[]),
        Task {
            needs: vec![Need { target: NeedTarget::External("quic".into()), span: Span::default() }],
            ..task(5, "x", &[])
        },
    ];
    tasks[1].needs[0].span = Span::new(10, 14);
    let mut spore = spore(tasks);
    spore.finally = vec![task(6, "notify", &["build"]), task(7, "last", &["notify"])];
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(
        remarks(&planned.diagnostics),
        [
            "error cycle 2: `test` needs itself (take this need out)",
            "error need-on-finally 3: `pack` needs `notify`, which is in `finally` and runs after all others (move one of the two)",
            "error duplicate-id 4: two tasks are called `build` (give one of them another name)",
            "warning finally-need 6: `notify` is in `finally` and runs when `build` has ended, whatever became of it (take \
         this need out)",
            "error unknown-need 11: `test` needs `biuld`, which does not exist (did you mean `build`?)",
        ]
    );
    assert!(!planned.runnable());
    let plan = planned.plan.as_ref().expect("the plan is shown all the same");
    assert_eq!(plan.tasks.len(), 6);
    assert_eq!(plan.tasks[3].external_needs, ["quic"]);
    assert_eq!(plan.tasks[3].explanation, "no needs: starts at once; outside this file it needs `quic`");
    assert_eq!(needs_of(plan, "last"), ["notify"]);
}

#[test]
fn every_cycle_is_named_in_full() {
    let planned = planned(vec![
        task(1, "a", &["c"]),
        task(2, "b", &["a"]),
        task(3, "c", &["b"]),
        task(4, "d", &["e", "a"]),
        task(5, "e", &["d"]),
        task(6, "f", &["e"]),
    ]);
    assert!(planned.plan.is_none());
    assert_eq!(
        remarks(&planned.diagnostics),
        [
            "error cycle 1: these tasks wait for each other: `a` → `c` → `b` → `a` (take one of these needs out)",
            "error cycle 4: these tasks wait for each other: `d` → `e` → `d` (take one of these needs out)",
        ]
    );
    let related: Vec<_> =
        planned.diagnostics[0].related.iter().map(|it| (it.span.start + 1, it.message.as_str())).collect();
    assert_eq!(related, [(3, "`c` needs `b`"), (2, "`b` needs `a`")]);
}

#[test]
fn matrices_become_one_task_for_each_combination() {
    let tasks = vec![
        matrix(task(1, "build", &[]), &[("os", json!(["linux", "a/b", "a b"])), ("n", json!([1, true]))]),
        matrix(task(2, "test", &["build"]), &[("n", json!([1, 2]))]),
        task(3, "one", &["test[2]"]),
        task(4, "all", &["test"]),
    ];
    let planned = planned(tasks);
    assert_eq!(remarks(&planned.diagnostics), Vec::<String>::new());
    let plan = planned.plan.as_ref().expect("a plan");
    let names: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(
        names,
        [
            "build[linux,1]",
            "build[linux,true]",
            "build[a-b,1]",
            "build[a-b,true]",
            "build[a-b,1].2",
            "build[a-b,true].2",
            "test[1]",
            "test[2]",
            "one",
            "all",
        ]
    );
    assert_eq!(plan.tasks[4].matrix, IndexMap::from([("os".to_owned(), json!("a b")), ("n".to_owned(), json!(1))]));
    assert_eq!(plan.tasks[4].expanded_from, Some(id("build")));
    assert_eq!(needs_of(plan, "test[1]").len(), 6);
    assert_eq!(needs_of(plan, "one"), ["test[2]"]);
    assert_eq!(needs_of(plan, "all"), ["test[1]", "test[2]"]);
    assert_eq!(plan.tasks[9].needs, [id("test[1]"), id("test[2]")]);
    assert_eq!(plan.tasks[9].explanation, "needs `test`");
    assert!(std::sync::Arc::ptr_eq(&plan.tasks[0].env, &plan.tasks[9].env), "equal layers are shared");
}

#[test]
fn too_much_is_refused_quickly() {
    let wide: Value = (0..1_000).collect();
    let huge = matrix(task(1, "m", &[]), &[("a", wide.clone()), ("b", wide.clone()), ("c", wide.clone())]);
    let refused = planned(vec![huge]);
    assert!(refused.plan.is_none());
    assert_eq!(refused.diagnostics[0].code, "too-many-tasks");

    let wide: Value = (0..4_000).collect();
    let first = matrix(task(1, "a", &[]), &[("n", wide.clone())]);
    let second = matrix(task(2, "b", &["a"]), &[("n", wide)]);
    let refused = planned(vec![first, second]);
    assert!(refused.plan.is_none());
    assert_eq!(refused.diagnostics[0].code, "too-many-needs");

    let empty = planned(vec![matrix(task(1, "m", &[]), &[("a", json!([]))])]);
    assert_eq!(empty.diagnostics[0].code, "empty-matrix");

    let unknown = (1..3_000).map(|n| task(1, &format!("t{n}"), &["gone"])).collect();
    let diagnostics = planned(unknown).diagnostics;
    assert_eq!(diagnostics.len(), Limits::DEFAULT.diagnostics_max + 1);
    assert_eq!(diagnostics.last().map(|it| it.message.as_str()), Some("1999 more remarks are left out"));
    assert!(diagnostics.last().is_some_and(Diagnostic::is_error));
}

fn param(kind: ParamType, default: Option<Value>, choices: &Value) -> Param {
    let choices = choices.as_array().expect("a list").clone();
    Param { kind, required: default.is_none(), default, choices, ..Param::default() }
}

#[test]
fn parameters_are_typed_and_checked() {
    let mut spore = spore(vec![task(1, "a", &[])]);
    spore.params = IndexMap::from([
        ("region".to_owned(), param(ParamType::String, Some(json!("eu")), &json!(["eu", "us"]))),
        ("count".to_owned(), param(ParamType::Integer, None, &json!([]))),
        ("rate".to_owned(), param(ParamType::Number, Some(json!("1.5")), &json!([]))),
        ("fast".to_owned(), param(ParamType::Boolean, Some(json!(false)), &json!([]))),
        ("tag".to_owned(), param(ParamType::String, Some(json!(7)), &json!([]))),
    ]);
    let with = |pairs: &[(&str, &str)]| Options {
        params: pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        ..Options::default()
    };
    let good = planned_with(&spore, &with(&[("count", "3"), ("fast", "true"), ("region", "us")]));
    assert!(good.runnable(), "{:?}", good.diagnostics);
    let params = serde_json::to_value(&good.plan.expect("a plan").params).expect("JSON");
    assert_eq!(params, json!({"region": "us", "count": 3, "rate": 1.5, "fast": true, "tag": "7"}));

    let bad = planned_with(&spore, &with(&[("cuont", "3"), ("fast", "maybe"), ("region", "asia"), ("rate", "NaN")]));
    assert!(!bad.runnable() && bad.plan.is_some());
    assert_eq!(
        remarks(&bad.diagnostics),
        [
            "error unknown-param 1: no parameter is called `cuont` (did you mean `count`?)",
            "error bad-param 1: `asia` is no value for the parameter `region` (it takes one of `eu` and `us`)",
            "error missing-param 1: the parameter `count` is required (give it with `--param count=…`: a whole number)",
            "error bad-param 1: `NaN` is no value for the parameter `rate` (it takes a number)",
            "error bad-param 1: `maybe` is no value for the parameter `fast` (it takes `true` or `false`)",
        ]
    );

    spore.params = IndexMap::from([("n".to_owned(), param(ParamType::Integer, Some(json!("x")), &json!([])))]);
    let bad = planned_with(&spore, &Options::default());
    assert_eq!(
        remarks(&bad.diagnostics),
        ["error bad-default 1: the default \"x\" is no value for the parameter `n` (it takes a whole number)"]
    );
}

#[test]
fn settings_come_in_layers() {
    let text = |text: &str| EnvValue::Text(text.into());
    let mut own = env(task(1, "own", &[]), "task");
    own.settings.with.insert("cpu".into(), json!(2));
    own.settings.executor = Some("gke".into());
    let mut spore = spore(vec![own, Task { optional: true, ..task(2, "plain", &[]) }]);
    spore.env = IndexMap::from([("X".into(), text("spore")), ("S".into(), text("spore"))]);
    spore.defaults.env = IndexMap::from([("X".into(), text("defaults")), ("D".into(), text("defaults"))]);
    spore.defaults.with = IndexMap::from([("cpu".into(), json!(1)), ("memory".into(), json!("1Gi"))]);
    spore.defaults.workdir = Some("sub".into());
    let planned = planned_with(&spore, &Options::default());
    let plan = planned.plan.as_ref().expect("a plan");
    let env = |at: usize| serde_json::to_value(&*plan.tasks[at].env).expect("JSON");
    let as_text = |x: &str| json!({"X": {"text": x}, "S": {"text": "spore"}, "D": {"text": "defaults"}});
    assert_eq!(env(0), as_text("task"));
    assert_eq!(env(1), as_text("defaults"));
    assert_eq!(serde_json::to_value(&*plan.tasks[0].with).expect("JSON"), json!({"cpu": 2, "memory": "1Gi"}));
    assert_eq!((plan.tasks[0].executor.as_str(), plan.tasks[1].executor.as_str()), ("gke", "terminal"));
    assert_eq!(plan.tasks[1].workdir.as_deref(), Some("sub"));
    assert_eq!(plan.tasks[1].retry.limit, 0);
    assert!(plan.tasks[1].continue_on_failure && !plan.tasks[0].continue_on_failure);
    assert_eq!(remarks(&planned.diagnostics), Vec::<String>::new());
    assert_eq!(
        remarks(&planned.unavailable),
        [
            "error executor-unavailable 1: the executor `gke` cannot be used: it is not built in yet (`executor: terminal` can be used here)"
        ]
    );
    assert!(!planned.runnable());
}

#[test]
fn executors_must_be_known() {
    let mut spore = spore(vec![task(1, "a", &[]), task(2, "b", &[])]);
    spore.defaults.executor = Some("termnal".into());
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(
        remarks(&planned.diagnostics),
        ["error unknown-executor 1: no executor is called `termnal` (2 tasks name it) (did you mean `terminal`?)"]
    );
}

#[test]
fn with_nothing_to_run_nothing_is_cleaned_up() {
    let mut spore = spore(vec![agent(1, "a", &[])]);
    spore.finally = vec![task(2, "clean", &[])];
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(words(&planned)[1], "clean skip: nothing runs before it");
    assert!(!planned.plan.expect("a plan").has_work());
    let result = Spore { kind: Kind::Result, ..spore_of_one() };
    assert_eq!(
        words(&planned_with(&result, &Options::default()))[0],
        "a inert: a result or learning spore never runs anything"
    );
}

fn spore_of_one() -> Spore {
    spore(vec![task(1, "a", &[])])
}

#[test]
fn the_stated_critical_path_is_held_against_the_needs() {
    let mut spore = spore(vec![task(1, "a", &[]), task(2, "b", &["a"]), task(3, "c", &["b"]), task(4, "beta", &["a"])]);
    let path = ["a", "c", "beta", "gone", "beta", "a"];
    spore.stated_critical_path = path.iter().zip(20..).map(|(name, at)| (id(name), Span::new(at, at + 1))).collect();
    let planned = planned_with(&spore, &Options::default());
    assert!(planned.runnable());
    assert_eq!(
        remarks(&planned.diagnostics),
        [
            "warning critical-path 23: the stated critical path goes from `c` to `beta`, but `beta` does not need `c` (add `c` \
         to the needs of `beta`, or take one of them out of the stated path)",
            "warning critical-path 24: the stated critical path names `gone`, which does not exist (no task of this file has \
         this name)",
            "warning critical-path 26: the stated critical path goes from `beta` to `a`, but `beta` needs `a` (turn the two \
         around in the stated path)",
        ]
    );
}

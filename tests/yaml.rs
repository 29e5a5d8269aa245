//! YAML spores: golden cases, generated workflows, hostile files.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use spore::model::{Command, Diagnostic, EnvValue, Limits, LineIndex, NeedTarget, Settings, Source, Spore, Task, Work};
use spore::parse::{spore_schema, yaml_spores};

fn parse(text: &str) -> (Vec<Spore>, Vec<Diagnostic>) {
    yaml_spores(&Source::new("dir/file.yaml", text), &Limits::DEFAULT)
}

fn codes(text: &str) -> Vec<&'static str> {
    parse(text).1.iter().map(|diagnostic| diagnostic.code).collect()
}

/// Compares `text` with a committed file, or writes the file when `SPORE_UPDATE=1` is set.
#[expect(clippy::disallowed_methods, reason = "a golden file is rewritten on request")]
fn compare(path: &Path, text: &str) {
    if std::env::var_os("SPORE_UPDATE").is_some_and(|value| value == "1") {
        fs::write(path, text).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(path).expect("the golden file is there; SPORE_UPDATE=1 makes it");
    assert_eq!(text, golden, "{} differs; SPORE_UPDATE=1 rewrites it", path.display());
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn cases() -> Vec<PathBuf> {
    let folder = fs::read_dir(here("tests/cases/yaml")).expect("the cases are there");
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths
}

#[test]
fn golden_cases() {
    let paths = cases();
    assert!(paths.len() > 15);
    for path in paths {
        let text = fs::read_to_string(&path).expect("a case is text");
        let (spores, diagnostics) = parse(&text);
        let mut shown = String::new();
        for spore in &spores {
            show_spore(&mut shown, &text, spore);
        }
        show_diagnostics(&mut shown, &text, &diagnostics);
        compare(&path.with_extension("txt"), &shown);
    }
}

fn show_diagnostics(shown: &mut String, text: &str, diagnostics: &[Diagnostic]) {
    let index = LineIndex::new(text);
    for diagnostic in diagnostics {
        let at = index.position(text, diagnostic.span.start);
        let under = text.get(diagnostic.span.range()).unwrap_or("OUTSIDE").lines().next().unwrap_or_default();
        let severity = format!("{:?}", diagnostic.severity).to_lowercase();
        let _ = writeln!(shown, "{}:{} {severity} {} [{under}]", at.line, at.column, diagnostic.code);
        let _ = writeln!(shown, "    {}", diagnostic.message);
        let _ = writeln!(shown, "    hint: {}", diagnostic.hint.as_deref().expect("every diagnostic has a hint"));
        for related in &diagnostic.related {
            let at = index.position(text, related.span.start);
            let _ = writeln!(shown, "    {}:{} {}", at.line, at.column, related.message);
        }
    }
}

fn show_spore(shown: &mut String, text: &str, spore: &Spore) {
    let _ = writeln!(shown, "spore {} {:?} {:?} {:?}", spore.id, spore.kind, spore.dialect, spore.order);
    let mut line = |name: &str, value: String| {
        if !matches!(value.as_str(), "" | "{}" | "[]" | "None") {
            let _ = writeln!(shown, "  {name}: {value}");
        }
    };
    line("title", format!("{:?}", spore.title));
    for note in &spore.metadata {
        line("note", format!("{} = {}", note.key, note.value));
    }
    line("drop", if spore.triggers.drop { "true".to_owned() } else { String::new() });
    line("priority", if spore.priority == 0 { String::new() } else { spore.priority.to_string() });
    line("push", format!("{:?}", spore.triggers.push));
    line("schedule", format!("{:?}", spore.triggers.schedule));
    line("session", format!("{:?}", spore.triggers.session));
    for (name, param) in &spore.params {
        let choices = serde_json::to_string(&param.choices).expect("values are JSON");
        let default = param.default.as_ref().map(ToString::to_string);
        let required = if param.required { " required" } else { "" };
        line("param", format!("{name} {:?} {default:?} {choices}{required} {:?}", param.kind, param.description));
    }
    line("env", env(&spore.env));
    line("defaults", settings(&spore.defaults));
    line("concurrency", format!("{:?}", spore.concurrency));
    line("timeout", format!("{:?}", spore.timeout));
    line("instructions", format!("{:?}", spore.instructions));
    for (name, tasks) in [("task", &spore.tasks), ("finally", &spore.finally)] {
        for task in tasks {
            show_task(shown, text, name, task);
        }
    }
}

fn show_task(shown: &mut String, text: &str, name: &str, task: &Task) {
    let work = match &task.work {
        Work::Command(Command::Script { language, text }) => format!("{language} {text:?}"),
        Work::Command(Command::Argv(words)) => format!("{:?}", words.iter().map(|word| &word.0).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    };
    let marked = if task.marked { " marked" } else { "" };
    let place = text.get(task.span.range()).unwrap_or("OUTSIDE");
    let _ = writeln!(shown, "  {name} {} [{place}] {:?}{marked}: {work}", task.id, task.title);
    let needs: Vec<String> = task
        .needs
        .iter()
        .map(|need| match &need.target {
            NeedTarget::Task(id) => format!("{id}[{}]", text.get(need.span.range()).unwrap_or("OUTSIDE")),
            NeedTarget::External(name) => format!("external {name}"),
        })
        .collect();
    let steps: Vec<&str> = task.steps.iter().map(|step| step.text.as_str()).collect();
    let matrix = task.matrix.as_ref().map(|matrix| serde_json::to_string(&matrix.axes).expect("values are JSON"));
    let marks = [(task.idempotent, "idempotent"), (task.optional, "optional")];
    let marks: Vec<&str> = marks.into_iter().filter_map(|(set, mark)| set.then_some(mark)).collect();
    let lines = [
        ("needs", needs.join(" ")),
        ("steps", steps.join(" | ")),
        ("when", task.when.as_ref().map(|when| when.0.clone()).unwrap_or_default()),
        ("matrix", matrix.unwrap_or_default()),
        ("max_parallel", task.max_parallel.map(|count| count.to_string()).unwrap_or_default()),
        ("marks", marks.join(" ")),
        ("artifacts", task.artifacts.join(" ")),
        ("agent", task.agent.clone().unwrap_or_default()),
        ("instance", task.instance.clone().unwrap_or_default()),
        ("settings", settings(&task.settings)),
    ];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(shown, "    {name}: {value}");
    }
}

fn env(env: &indexmap::IndexMap<String, EnvValue>) -> String {
    let one = |(name, value): (&String, &EnvValue)| match value {
        EnvValue::Text(text) => format!("{name}={:?}", text.0),
        EnvValue::Secret(secret) => format!("{name}=secret {}{:?}", secret.name, secret.file),
    };
    env.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn settings(settings: &Settings) -> String {
    let mut parts = Vec::new();
    parts.extend(settings.executor.as_ref().map(|executor| format!("executor={executor}")));
    parts.extend(settings.timeout.map(|timeout| format!("timeout={timeout:?}")));
    parts.extend(settings.retry.as_ref().map(|retry| format!("{retry:?}")));
    parts.extend(settings.continue_on_failure.map(|value| format!("continue_on_failure={value}")));
    parts.extend(settings.workdir.as_ref().map(|workdir| format!("workdir={workdir}")));
    parts.extend(Some(env(&settings.env)).filter(|text| !text.is_empty()));
    if !settings.with.is_empty() {
        parts.push(serde_json::to_string(&settings.with).expect("values are JSON"));
    }
    parts.join(" ")
}

#[test]
fn the_schema_is_the_committed_one() {
    let schema = serde_json::to_string_pretty(&spore_schema()).expect("a schema is JSON") + "\n";
    compare(&here("schemas/spore.schema.json"), &schema);
}

#[test]
fn schema_and_decoder_agree() {
    let schema = spore_schema();
    jsonschema::meta::validate(&schema).expect("the schema is a valid schema");
    let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
    // Wrong in ways that no schema can tell: text that is no tree, ids that clash across maps, words of other tools.
    let beyond = ["manifest", "anchors", "syntax", "tab", "alias"];
    let mut judged = (0, 0);
    for path in cases() {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        let text = fs::read_to_string(&path).expect("a case is text");
        let (_, diagnostics) = parse(&text);
        if beyond.contains(&name) || codes(&text).contains(&"no-spore") {
            continue;
        }
        for (index, document) in text.split("---\n").enumerate() {
            let Ok(value) = serde_yaml::from_str_with_options::<serde_json::Value>(document, lax()) else { continue };
            let bounds = document.as_ptr() as usize - text.as_ptr() as usize;
            let within = |at: &Diagnostic| (bounds..=bounds + document.len()).contains(&(at.span.start as usize));
            let right = !diagnostics.iter().any(|diagnostic| diagnostic.is_error() && within(diagnostic));
            assert_eq!(validator.is_valid(&value), right, "{name}, document {index}");
            if right { judged.0 += 1 } else { judged.1 += 1 }
        }
    }
    assert!(judged.0 >= 6 && judged.1 >= 6, "{judged:?}");
}

/// The package's own reading into JSON, taking the last of repeated keys.
fn lax() -> serde_yaml::Options {
    serde_yaml::options! { strict_booleans: true, duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins }
}

/// Small spores, each right or wrong on its own, so that schema and decoder are compared rule by rule.
#[test]
fn schema_and_decoder_agree_rule_by_rule() {
    let validator = jsonschema::validator_for(&spore_schema()).expect("the schema compiles");
    let values = [
        ("needs", "[a, 1, 2.1]", true),
        ("needs", "x", true),
        ("needs", "[]", true),
        ("needs", "[a b]", false),
        ("needs", "{a: b}", false),
        ("timeout", "1h30m", true),
        ("timeout", "5 minutes", true),
        ("timeout", "5", false),
        ("timeout", "soon", false),
        ("retry", "3", true),
        ("retry", "100", false),
        ("retry", "-1", false),
        ("retry", "{limit: 3, on_exit: 75, factor: 1.5}", true),
        ("retry", "{backoff: 1s}", false),
        ("retry", "{limit: 1, on_exit: [0]}", false),
        ("env", "{A: 1, B: x, C: true, D: {secret: X}}", true),
        ("env", "{A: }", false),
        ("env", "{1A: x}", false),
        ("env", "{SPORE_X: x}", false),
        ("env", "[A=B]", false),
        ("env", "{A: {file: x}}", false),
        ("matrix", "{a: [1, x, true]}", true),
        ("matrix", "{a: 1}", false),
        ("matrix", "{a: []}", false),
        ("matrix", "{a-b: [1]}", false),
        ("max_parallel", "1", true),
        ("max_parallel", "0", false),
        ("idempotent", "true", true),
        ("idempotent", "yes", false),
        ("language", "python", true),
        ("language", "cobol", false),
        ("with", "{a: {b: [c]}}", true),
        ("with", "x", false),
        ("artifacts", "out/*.csv", true),
        ("artifacts", "[a, b]", true),
        ("artifacts", "{a: b}", false),
        ("when", "\"{{ params.x }}\"", true),
        ("when", "true", true),
        ("when", "{{ params.x }}", false),
        ("agent", "reviewer", true),
        ("workdir", "[a]", false),
        ("steps", "[]", false),
    ];
    for (key, value, right) in values {
        let text = format!("spore: x\nkind: workflow\ntasks:\n  t:\n    run: x\n    {key}: {value}\n");
        let errors: Vec<Diagnostic> = parse(&text).1.into_iter().filter(Diagnostic::is_error).collect();
        assert_eq!(errors.is_empty(), right, "{key}: {value}: {errors:?}");
        if value.contains("{{ p") && !right {
            continue; // A template without quotes is a map whose key is a map, which is no JSON.
        }
        let value: serde_json::Value = serde_yaml::from_str_with_options(&text, lax()).expect("it is YAML");
        assert_eq!(validator.is_valid(&value), right, "{key} in the schema: {value}");
    }
}

/// What starts a spore, and what waits behind what.
#[test]
fn schema_and_decoder_agree_on_triggers() {
    let validator = jsonschema::validator_for(&spore_schema()).expect("the schema compiles");
    let triggers = [
        ("push", true),
        ("drop", true),
        ("[drop, push]", true),
        ("session", false),
        ("[push, {drop: true}]", false),
        ("{push: }", true),
        ("{push: main}", true),
        ("{push: {paths: [a]}, schedule: [\"@daily\"]}", true),
        ("{session: [start, end]}", true),
        ("{session: stop}", false),
        ("{schedule: {cron: \"0 6 * * *\", timezone: Europe/Berlin, overlap: queue, catch_up: 0}}", true),
        ("{schedule: [\"0 6 * * *\", {cron: \"@daily\", overlap: replace, catch_up: 100}]}", true),
        ("{schedule: {timezone: UTC}}", false),
        ("{schedule: {cron: \"@daily\", catch_up: 101}}", false),
        ("{schedule: {cron: \"@daily\", catch_up: -1}}", false),
        ("{schedule: {cron: \"@daily\", overlap: wait}}", false),
        ("{schedule: [[\"@daily\"]]}", false),
    ];
    let triggers = triggers.map(|(value, right)| (format!("on: {value}"), right));
    let priorities = [("10", true), ("-100", true), ("101", false), ("high", false), ("1.5", false)];
    let priorities = priorities.map(|(value, right)| (format!("priority: {value}"), right));
    for (line, right) in triggers.into_iter().chain(priorities) {
        let text = format!("spore: x\nkind: workflow\n{line}\ntasks: {{a: x}}\n");
        assert_eq!(codes(&text).is_empty(), right, "{line}: {:?}", parse(&text).1);
        let value: serde_json::Value = serde_yaml::from_str_with_options(&text, lax()).expect("it is YAML");
        assert_eq!(validator.is_valid(&value), right, "{line} in the schema");
    }
}

/// `count` numbered pieces of text, joined.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn bombs_are_refused() {
    let mut laughs = String::from("spore: x\ntasks: {a: x}\nx-0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let items = vec![format!("*l{}", level - 1); 9].join(", ");
        let _ = writeln!(laughs, "x-{level}: &l{level} [{items}]");
    }
    assert_eq!(codes(&laughs), ["yaml-alias-bomb"]);
    let merges = laughs.replace('[', "{a: [").replace(']', "]}");
    assert_eq!(codes(&merges), ["yaml-alias-bomb"]);
    let shells = lines(60, |level| format!("&a{level} ["));
    let filling = "x,".repeat(500_000);
    assert_eq!(codes(&format!("{shells}{filling}{}", "]".repeat(60))), ["yaml-alias-bomb"]);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[{a: ", "}]"), ("&a [", "]")] {
        let text = open.repeat(50_000) + &close.repeat(50_000);
        assert_eq!(codes(&text), ["yaml-nesting"], "{open}");
    }
    let block = lines(2_000, |level| format!("{}a:\n", " ".repeat(level)));
    assert_eq!(codes(&block), ["yaml-nesting"]);
    let flat = format!(
        "spore: x\nkind: workflow\ntasks: {{t: {{run: x, with: {}1{}}}}}\n",
        "{a: ".repeat(30) + &"[".repeat(20),
        "]".repeat(20) + &"}".repeat(30)
    );
    assert_eq!(codes(&flat), Vec::<&str>::new());
    let aliased = "a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n";
    let aliased =
        format!("{aliased}b: &b {}*a{}\nc: {}*b{}\n", "[".repeat(20), "]".repeat(20), "[".repeat(20), "]".repeat(20));
    assert_eq!(codes(&aliased), ["yaml-nesting"]);
}

#[test]
fn an_alias_cannot_hold_itself() {
    assert_eq!(codes("spore: x\ntasks: &a {b: *a}\n"), ["yaml-alias"]);
}

#[test]
fn a_flood_of_mistakes_is_cut_short() {
    let keys = lines(20_000, |number| format!("wrong_{number}: 1\n"));
    let (_, diagnostics) = parse(&format!("spore: x\nkind: workflow\ntasks: {{a: x}}\n{keys}"));
    assert_eq!(diagnostics.len(), Limits::DEFAULT.diagnostics_max + 1);
    assert!(diagnostics.iter().any(|diagnostic| diagnostic.code == "too-many-diagnostics"));
    let twice = "spore: x\nkind: workflow\ntasks: {a: {run: x, env: {".to_owned() + &"A: 1, ".repeat(50_000) + "}}}\n";
    assert_eq!(parse(&twice).1.len(), Limits::DEFAULT.diagnostics_max + 1);
    let documents = "---\nspore: x\nkind: workflow\n".repeat(2_000);
    assert_eq!(parse(&documents).1.len(), Limits::DEFAULT.diagnostics_max + 1);
}

#[test]
fn many_tasks_are_taken_and_too_many_refused() {
    let limits = Limits { tasks_max: 100, ..Limits::DEFAULT };
    let text = |count: usize| {
        let tasks = lines(count, |number| format!("  t{number}: x\n"));
        Source::new("x.yaml", format!("spore: x\nkind: workflow\ntasks:\n{tasks}"))
    };
    let (spores, diagnostics) = yaml_spores(&text(100), &limits);
    assert_eq!((spores[0].tasks.len(), diagnostics.len()), (100, 0));
    let (_, diagnostics) = yaml_spores(&text(101), &limits);
    assert_eq!(diagnostics[0].code, "too-many-tasks");
}

/// What a generated task is, to be written as YAML and found again.
#[derive(Clone, Debug)]
struct Wanted {
    script: String,
    needs: Vec<usize>,
    seconds: Option<u16>,
    retry: Option<u8>,
    env: Vec<(String, String)>,
    argv: bool,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let script = "[ -~żé🐢\n]{0,30}[a-z]";
    let env = prop::collection::vec(("[A-Z]{1,3}", "[ -~ż]{0,12}"), 0..3);
    let options = (prop::option::of(1..500_u16), prop::option::of(0..99_u8), env, any::<bool>());
    (script, prop::collection::vec(0..20_usize, 0..4), options).prop_map(|(script, needs, options)| {
        let (seconds, retry, env, argv) = options;
        let env = env.into_iter().enumerate().map(|(at, (name, value))| (format!("{name}_{at}"), value)).collect();
        Wanted { script, needs, seconds, retry, env, argv }
    })
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("JSON strings are YAML")
}

fn write(tasks: &[Wanted]) -> String {
    let mut text = "spore: generated\nkind: workflow\ntasks:\n".to_owned();
    for (at, task) in tasks.iter().enumerate() {
        let needs: Vec<String> = task.needs.iter().map(|need| format!("t{need}")).collect();
        let run = if task.argv { format!("[{}, x]", quoted(&task.script)) } else { quoted(&task.script) };
        let _ = writeln!(text, "  t{at}:\n    run: {run}\n    needs: [{}]", needs.join(", "));
        if let Some(seconds) = task.seconds {
            let _ = writeln!(text, "    timeout: {seconds}s");
        }
        if let Some(retry) = task.retry {
            let _ = writeln!(text, "    retry: {retry}");
        }
        let env: Vec<String> = task.env.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
        let _ = writeln!(text, "    env: {{{}}}", env.join(", "));
    }
    text
}

proptest! {
    #[test]
    fn generated_workflows_decode_to_what_they_were(tasks in prop::collection::vec(wanted(), 1..12)) {
        let text = write(&tasks);
        let (spores, diagnostics) = parse(&text);
        prop_assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
        prop_assert_eq!(spores[0].tasks.len(), tasks.len());
        for (at, (task, wanted)) in spores[0].tasks.iter().zip(&tasks).enumerate() {
            prop_assert_eq!(task.id.to_string(), format!("t{at}"));
            match &task.work {
                Work::Command(Command::Script { text, .. }) => prop_assert_eq!(text, &wanted.script),
                Work::Command(Command::Argv(words)) => prop_assert_eq!(&words[0].0, &wanted.script),
                other => prop_assert!(false, "{other:?}"),
            }
            let needs: Vec<String> = wanted.needs.iter().map(|need| format!("t{need}")).collect();
            let found: Vec<&str> = task.needs.iter().filter_map(|need| text.get(need.span.range())).collect();
            prop_assert_eq!(found, needs);
            prop_assert_eq!(task.settings.timeout.map(|timeout| timeout.as_secs()), wanted.seconds.map(u64::from));
            prop_assert_eq!(task.settings.retry.as_ref().map(|retry| retry.limit), wanted.retry.map(u32::from));
            let env = task.settings.env.iter().map(|(name, value)| match value {
                EnvValue::Text(text) => (name.clone(), text.0.clone()),
                EnvValue::Secret(secret) => (name.clone(), secret.name.clone()),
            });
            prop_assert_eq!(env.collect::<Vec<_>>(), wanted.env.clone());
        }
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        harmless(&text)?;
    }

    #[test]
    fn any_heap_of_yaml_is_read(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..60)) {
        harmless(&parts.concat())?;
    }
}

/// Bits of YAML and of the language that fall on each other in every order.
#[rustfmt::skip]
const PARTS: [&str; 46] = [
    "spore: x\n", "kind: workflow\n", "tasks:\n", "  a:", "  - ", "run: |", "[", "]", "{", "}", ": ", ", ", "\n", "\r\n",
    "&a ", "*a", "<<: ", "|", ">", "\"", "'", "# ", "---\n", "...\n", "!!str ", "!x ", "? ", "%TAG ! x\n", "\t", "\u{feff}",
    "\u{85}", "\0", "ż🐢", "on: ", "env: ", "needs: ", "retry: ", "timeout: 5m", "params: ", "matrix: ", "~", "1.10", "x",
    "- ", "  ", "tasks: {a: ",
];

/// No panic, and every span lies within the text, on the borders of characters.
fn harmless(text: &str) -> Result<(), TestCaseError> {
    let (spores, diagnostics) = parse(text);
    prop_assert!(!spores.is_empty());
    let places = diagnostics.iter().flat_map(|diagnostic| {
        std::iter::once(diagnostic.span).chain(diagnostic.related.iter().map(|related| related.span))
    });
    let tasks = spores.iter().flat_map(|spore| spore.tasks.iter().map(|task| task.span));
    for span in places.chain(tasks) {
        prop_assert!(text.get(span.range()).is_some(), "{span:?} in {text:?}");
    }
    prop_assert!(diagnostics.iter().all(|diagnostic| diagnostic.hint.is_some()));
    Ok(())
}

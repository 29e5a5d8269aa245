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

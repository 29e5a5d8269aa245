//! Markdown spores: golden cases for every rule, files that want to break the reader, and arbitrary text.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use spore::model::{Command, Kind, Limits, LineIndex, NeedTarget, Source, Spore, Work};
use spore::os::file::write_over;
use spore::parse::{Parsed, parse};

fn read(path: &str, text: &str) -> Parsed {
    parse(&Source::new(path, text), &Limits::DEFAULT)
}

fn only(path: &str, text: &str) -> Spore {
    let mut spores = read(path, text).spores;
    assert_eq!(spores.len(), 1, "a markdown file is one spore");
    spores.remove(0)
}

/// What the reader made of a file, as text that people can judge.
fn show(text: &str, parsed: &Parsed) -> String {
    let mut out = String::new();
    let index = LineIndex::new(text);
    for spore in &parsed.spores {
        writeln!(out, "{} {:?} {:?} {:?} title={:?}", spore.id, spore.kind, spore.dialect, spore.order, spore.title)
            .expect("a string takes everything");
        for note in &spore.metadata {
            writeln!(out, "  {}: {}", note.key, note.value).expect("a string takes everything");
        }
        for task in &spore.tasks {
            show_task(&mut out, text, task);
        }
        if !spore.stated_critical_path.is_empty() {
            let ids: Vec<_> = spore.stated_critical_path.iter().map(|(id, _)| id.as_str()).collect();
            writeln!(out, "critical path {}", ids.join(" > ")).expect("a string takes everything");
        }
        if let Some(instructions) = &spore.instructions {
            writeln!(out, "instructions {instructions:?}").expect("a string takes everything");
        }
    }
    for diagnostic in &parsed.diagnostics {
        let place = index.position(text, diagnostic.span.start);
        let (severity, code) = (diagnostic.severity, diagnostic.code);
        write!(out, "{}:{} {severity:?} {code}: {}", place.line, place.column, diagnostic.message)
            .expect("a string takes everything");
        for related in &diagnostic.related {
            write!(out, " ({} at line {})", related.message, index.line(related.span.start))
                .expect("a string takes everything");
        }
        out.push('\n');
    }
    out
}

fn show_task(out: &mut String, text: &str, task: &spore::model::Task) {
    let marks = [
        (task.done, "done"),
        (task.in_doubt, "in-doubt"),
        (task.optional, "optional"),
        (task.marked, "marked"),
        (task.work == Work::Group, "group"),
    ];
    let marks: Vec<_> = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
    writeln!(out, "- {} {:?} [{}]", task.id, task.title, marks.join(" ")).expect("a string takes everything");
    if let Some(parent) = &task.parent {
        writeln!(out, "    parent {parent}").expect("a string takes everything");
    }
    if let Some(phase) = &task.phase {
        writeln!(out, "    phase {phase}").expect("a string takes everything");
    }
    for need in &task.needs {
        let target = match &need.target {
            NeedTarget::Task(id) => id.to_string(),
            NeedTarget::External(name) => format!("external {name}"),
        };
        writeln!(out, "    needs {target} written {:?}", &text[need.span.range()]).expect("a string takes everything");
    }
    for step in &task.steps {
        writeln!(out, "    step {:?} {}", step.done, step.text).expect("a string takes everything");
    }
    if let Work::Command(Command::Script { language, text }) = &task.work {
        writeln!(out, "    {language} {text:?}").expect("a string takes everything");
    }
    if let Some(executor) = &task.settings.executor {
        writeln!(out, "    executor {executor}").expect("a string takes everything");
    }
    if let Some(timeout) = &task.settings.timeout {
        writeln!(out, "    timeout {timeout:?}").expect("a string takes everything");
    }
}

fn cases(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the cases are there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            cases(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

#[test]
fn golden_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/markdown");
    let mut found = Vec::new();
    cases(&folder, &mut found);
    assert!(found.len() >= 15, "the cases are there");
    for path in found {
        let text = fs::read_to_string(&path).expect("a case can be read");
        let name = path.strip_prefix(&folder).expect("it stands in the folder").to_string_lossy().into_owned();
        let shown = show(&text, &read(&name, &text));
        let golden = path.with_extension("txt");
        if std::env::var_os("SPORE_UPDATE").is_some_and(|value| value == "1") {
            write_over(&golden, shown.as_bytes()).expect("the golden file can be written");
        }
        let expected = fs::read_to_string(&golden).expect("the golden file is there; SPORE_UPDATE=1 makes it");
        assert_eq!(shown, expected, "{name} is read otherwise; SPORE_UPDATE=1 rewrites the golden file");
    }
}

fn seed(name: &str) -> Option<String> {
    let corpus = crate::corpus::corpus()?;
    fs::read_to_string(corpus.with_file_name("seeds").join(name)).ok()
}

#[test]
fn the_local_gke_plan_is_read_as_written() {
    let Some(text) = seed("local-gke-tasks.md") else { return };
    let spore = only("local-gke-tasks.md", &text);
    assert_eq!(spore.tasks.len(), 31);
    assert_eq!(spore.tasks.iter().filter(|task| task.done).count(), 3);
    let task = spore.tasks.iter().find(|task| task.id.as_str() == "8.3").expect("8.3 is there");
    assert_eq!(task.needs.len(), 1);
    let line = LineIndex::new(&text).line(task.needs[0].span.start) as usize;
    assert!(text.lines().nth(line - 1).is_some_and(|line| line.contains("Task 8.2")));
    let path: Vec<_> = spore.stated_critical_path.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(path, ["1", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3", "6.1", "6.2", "6.3", "8.1", "8.2", "8.3"]);
}

#[test]
fn the_other_seeds_are_read_as_written() {
    if let Some(text) = seed("integration-patterns-roadmap.md") {
        let spore = only("integration-patterns-roadmap.md", &text);
        assert_eq!(spore.tasks.len(), 12);
        assert_eq!(spore.tasks[11].needs.len(), 6, "ALL 6 PATTERNS");
        assert!(spore.tasks.iter().all(|task| !task.marked));
    }
    if let Some(text) = seed("orchestration-summary.md") {
        let spore = only("orchestration-summary.md", &text);
        let ids: Vec<_> = spore.tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids, ["1.1", "1.2", "1.3", "2.1", "3.1", "4.1", "5.1", "6.1", "7.1"]);
        assert!(spore.tasks.iter().all(|task| task.phase.is_some() && task.steps.len() >= 3));
    }
    if let Some(text) = seed("gke-orchestration-integration.md") {
        let spore = only("gke-orchestration-integration.md", &text);
        assert_eq!(spore.id, "GKE-ORCHESTRATION-INTEGRATION-IMPLEMENTATION-001");
        assert_eq!((spore.metadata.len(), spore.kind), (5, Kind::Inert));
        let phases = spore.tasks.iter().filter(|task| task.title.contains("day") || task.title.contains("Ongoing"));
        assert_eq!(phases.filter(|task| matches!(task.work, Work::Command(_)) && !task.marked).count(), 4);
    }
}

#[test]
fn a_hundred_thousand_boxes_are_read_in_order() {
    let mut text = String::from("# Tasks\n");
    for number in (1..=100_000).rev() {
        writeln!(text, "- [ ] {number}. Do it").expect("a string takes everything");
    }
    let spore = only("tasks.md", &text);
    assert_eq!(spore.tasks.len(), 100_000);
    assert_eq!(spore.tasks[0].id.as_str(), "1");
}

#[test]
fn hostile_shapes_end_soon_and_in_one_piece() {
    let many = |part: &str, times: usize| part.repeat(times);
    let nested: String = (0..2_000).fold(String::new(), |mut text, depth| {
        writeln!(text, "{}- [ ] {depth}. x", " ".repeat(depth * 2)).expect("a string takes everything");
        text
    });
    let waves: String = (1..=3_000).fold(String::new(), |mut text, number| {
        writeln!(text, "- [ ] {number}. x").expect("a string takes everything");
        text
    });
    let all: Vec<String> = (1..=3_000).map(|number: u32| number.to_string()).collect();
    let wave = all.join(",");
    let texts = [
        many("> ", 10_000) + "x",
        many("- ", 10_000) + "x",
        many("[", 100_000),
        format!("- [ ] 1. {}", many("[a](", 50_000)),
        format!("- [ ] 1. {}", many("`", 100_001)),
        format!("- [ ] 1. {}", many("*_", 50_000)),
        format!("- [ ] 1. x\n  - Depends on: {}", many("1 and ", 50_000)),
        format!("- [ ] 1. x\n  - Depends on: {}", many("1-999999999, ", 10_000)),
        format!("- [ ] 1. x\n  - Depends on: {}", many("(", 100_000)),
        format!(
            "{waves}\n```json\n{{\"waves\":[{{\"tasks\":[]}},{{\"tasks\":[{wave}]}},{{\"tasks\":[{wave}]}}]}}\n```\n"
        ),
        format!("Critical path: {}", many("1 \u{2192} ", 50_000)),
        format!("| a | depends on |\n|--|--|\n{}", many("| x | all tasks |\n", 3_000)),
        many("```sh task=a\n```\n", 5_000),
        nested,
        format!("---\n{}", many("a: b\n", 50_000)),
        "---".to_owned(),
        "---\n".to_owned(),
        "---\n---".to_owned(),
        "\u{feff}".to_owned(),
        String::new(),
    ];
    for text in texts {
        let parsed = read("tasks.md", &text);
        assert_eq!(parsed.spores.len(), 1, "{:?}", text.chars().take(40).collect::<String>());
        assert!(parsed.diagnostics.len() <= Limits::DEFAULT.diagnostics_max + 1);
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let parsed = read("a.md", "a\nb\0c");
    assert_eq!((parsed.spores.len(), parsed.diagnostics[0].code, parsed.diagnostics[0].span.start), (0, "nul-byte", 3));
    let limits = Limits { spore_bytes_max: 3, ..Limits::DEFAULT };
    let parsed = parse(&Source::new("a.md", "four"), &limits);
    assert_eq!((parsed.spores.len(), parsed.diagnostics[0].code), (0, "too-large"));
}

#[test]
fn a_signature_cannot_name_a_place() {
    let spore = only("a.md", "```yaml\nspore_id: ../../etc/x\n```\n");
    assert_eq!(spore.id, "a.md");
}

/// Text in which markdown, checklists and needs are likely.
fn likely_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("- [ ] ".to_owned()),
        Just("  - [x]* ".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("## Task ".to_owned()),
        Just("**Task 1.1: x**".to_owned()),
        Just("_Dependencies: ".to_owned()),
        Just("Depends on: Tasks 1-".to_owned()),
        Just("| a | depends on |\n|---|---|\n| ".to_owned()),
        Just("```sh task=".to_owned()),
        Just("```\n".to_owned()),
        Just("```json\n{\"waves\":[{\"tasks\":[1.1,\"".to_owned()),
        Just("---\n".to_owned()),
        Just("kind: workflow\n".to_owned()),
        Just("Critical path: 1 \u{2192} 2\u{2013}3".to_owned()),
        Just("\u{ff1a}\u{4efb}\u{52a1} ".to_owned()),
        "[0-9]{1,3}(\\.[0-9]{1,3})?",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_gives_one_spore_with_places_in_it(text in prop_oneof![likely_text(), "\\PC{0,200}"]) {
        let parsed = read("tasks.md", &text);
        prop_assert_eq!(parsed.spores.len(), 1);
        for spore in &parsed.spores {
            let mut ids = std::collections::HashSet::new();
            for task in &spore.tasks {
                prop_assert!(ids.insert(task.id.clone()), "{} is used twice", task.id);
                prop_assert!(text.get(task.span.range()).is_some());
                for span in task.needs.iter().map(|need| need.span).chain(task.steps.iter().map(|step| step.span)) {
                    prop_assert!(text.get(span.range()).is_some());
                }
            }
        }
        for diagnostic in &parsed.diagnostics {
            prop_assert!(diagnostic.span.end as usize <= text.len(), "{:?}", diagnostic);
        }
    }
}

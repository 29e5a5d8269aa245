//! What must hold for every text that claims to be a spore.

use spore::model::{Diagnostic, Limits, Source, Span};
use spore::{parse, plan};

/// Limits low enough for a fuzzer to reach them.
fn limits() -> Limits {
    Limits { tasks_max: 2_000, diagnostics_max: 100, ..Limits::DEFAULT }
}

/// Parses and plans `bytes` as the file `path`, and asserts what must hold of the outcome.
pub fn check(path: &str, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let limits = limits();
    let parsed = parse::parse(&Source::new(path, text), &limits);
    // One more line may say that there were more.
    assert!(parsed.diagnostics.len() <= limits.diagnostics_max + 1, "{} diagnostics", parsed.diagnostics.len());
    parsed.diagnostics.iter().for_each(|diagnostic| check_places(diagnostic, text));
    for spore in &parsed.spores {
        let tasks = || spore.tasks.iter().chain(&spore.finally);
        assert!(tasks().count() <= limits.tasks_max, "{} tasks", tasks().count());
        for task in tasks() {
            check_span(task.span, text);
            task.needs.iter().for_each(|need| check_span(need.span, text));
        }
        let options = plan::Options { path: path.into(), limits, ..plan::Options::default() };
        let planned = plan::plan(spore, text, &options, &[]);
        planned.diagnostics.iter().for_each(|diagnostic| check_places(diagnostic, text));
        let Some(plan) = planned.plan else { continue };
        let places = plan.waves.iter().flatten().chain(&plan.critical_path);
        assert!(places.into_iter().all(|place| *place < plan.tasks.len()), "a place without a task");
    }
}

fn check_places(diagnostic: &Diagnostic, text: &str) {
    check_span(diagnostic.span, text);
    diagnostic.related.iter().for_each(|related| check_span(related.span, text));
}

/// A span can be cut out of the text: whoever underlines it does just that.
fn check_span(span: Span, text: &str) {
    assert!(text.get(span.range()).is_some(), "{span:?} in a text of {} bytes", text.len());
}

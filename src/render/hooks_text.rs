//! What `spore hooks` says, for people.

use std::fmt::Write as _;

use super::report::{CallerHooks, HooksReport};
use super::style::{Style, Tone, clean};
use crate::model::HookState;

/// What was done, or what there is.
#[must_use]
pub fn hooks_text(report: &HooksReport, style: Style) -> String {
    let mut text = String::new();
    for caller in &report.callers {
        caller_text(&mut text, caller, style);
    }
    for remark in &report.remarks {
        let _ = writeln!(text, "{} {}", style.paint(Tone::Dim, style.pick("·", ".")), clean(remark));
    }
    text
}

fn caller_text(text: &mut String, caller: &CallerHooks, style: Style) {
    let head = format!("{} ({})", caller.caller, caller.scope);
    let _ = writeln!(text, "{}  {}", style.paint(Tone::Strong, &head), clean(&caller.path));
    for hook in &caller.hooks {
        let (tone, mark, words) = match hook.state {
            HookState::Installed => (Tone::Good, style.pick("✓", "+"), "installed"),
            HookState::Made => (Tone::Good, style.pick("✓", "+"), "installed just now"),
            HookState::Kept => (Tone::Good, style.pick("✓", "+"), "was installed already"),
            HookState::Removed => (Tone::Dim, style.pick("·", "."), "taken out"),
            HookState::Absent => (Tone::Dim, style.pick("·", "."), "not installed"),
        };
        let before = match (&hook.before, hook.state) {
            (None, _) => String::new(),
            (Some(before), HookState::Absent) => format!("; `{}` was left behind", clean(before)),
            (Some(_), _) => "; the one that was there before is called first".to_owned(),
        };
        let _ = writeln!(text, "  {} {:<16} {words}{before}", style.paint(tone, mark), hook.name);
    }
}

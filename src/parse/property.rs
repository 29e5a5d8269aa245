//! Task properties written in markdown: `timeout=5m` on a fence, `Timeout: 5m` under a heading.

use crate::model::{Diagnostic, Span, Task};

/// Applies one property to `task`; false when `key` is none of Spore's.
pub(super) fn apply(task: &mut Task, key: &str, value: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let _ = (span, diagnostics);
    match key {
        "executor" => task.settings.executor = Some(value.to_owned()),
        "agent" => task.agent = Some(value.to_owned()),
        _ => return false,
    }
    true
}

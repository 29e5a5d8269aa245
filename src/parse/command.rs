//! The command of a task: its fences of one language, in order, as one script.

use super::context::Context;
use super::fence::{self, Marks};
use super::markdown::Outline;
use super::property;
use super::table;
use super::workflow::instead;
use crate::model::{Command, Diagnostic, Language, Span, Task, Work};

/// A command and what its fences say about the task.
#[derive(Debug)]
pub(super) struct Found<'f> {
    language: Language,
    script: String,
    marks: Vec<Marks<'f>>,
    marked: bool,
}

/// The command in `fences` of `outline`. Fences of the first one's language are joined; others stay text, which is
/// worth a warning where the file is meant to run.
pub(super) fn command_of<'f>(
    outline: &'f Outline<'_>,
    fences: &[usize],
    context: &Context<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Found<'f>> {
    let mut found: Option<Found<'f>> = None;
    for index in fences {
        let fence = &outline.fences[*index];
        let Some(language) = fence.language else { continue };
        let marks = fence::marks(fence, outline.text);
        if marks.no_run {
            continue;
        }
        let found = found.get_or_insert_with(|| Found {
            language,
            script: String::new(),
            marks: Vec::new(),
            marked: context.is_workflow,
        });
        if language != found.language {
            if found.marked {
                let place = Span::new(fence.span.start as usize, fence.span.start as usize + 3);
                let message = format!("a `{language}` fence in a task of `{}` does not run", found.language);
                diagnostics.push(
                    Diagnostic::warning("mixed-languages", place, message)
                        .hint("give it a task of its own, or mark it `norun`"),
                );
            }
            continue;
        }
        found.script.push_str(&fence::script(fence));
        if !found.script.is_empty() && !found.script.ends_with('\n') {
            found.script.push('\n');
        }
        found.marked |= marks.marked;
        found.marks.push(marks);
    }
    found
}

impl Found<'_> {
    /// Gives the command and its marks to `task`.
    pub(super) fn give(self, task: &mut Task, diagnostics: &mut Vec<Diagnostic>) {
        task.work = Work::Command(Command::Script { language: self.language, text: self.script });
        task.marked = self.marked;
        for marks in self.marks {
            task.optional |= marks.optional;
            for (key, value, span) in &marks.others {
                // Other tools have marks of their own; a word in a fence that nothing marks is none of ours.
                let known = self.marked && property::apply(task, &key.to_lowercase(), value, *span, diagnostics);
                if !known && marks.own {
                    let message = format!("`{key}` is no property of a task");
                    let hint = instead(&table::TASK, key);
                    diagnostics.push(Diagnostic::warning("unknown-key", *span, message).hint(hint));
                }
            }
        }
    }
}

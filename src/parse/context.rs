//! What every reader of one markdown file must know about the file.

use crate::model::{Diagnostic, Limits, Severity, Span};

/// One markdown file, as its front matter and name describe it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'c> {
    /// How much is taken.
    pub limits: &'c Limits,
    /// `kind: workflow`: every runnable fence of a task is marked as one to run.
    pub is_workflow: bool,
    /// The name or first heading says that its boxes are tasks.
    pub is_task_list: bool,
    /// What a task without a heading is called: the file's name without its ending.
    pub stem: &'c str,
}

impl Context<'_> {
    /// A remark on an id that is used twice. Where the author `chose` it, it keeps a workflow from running, because a
    /// need could mean either; two equal headings are no such choice.
    pub(super) fn duplicate(&self, id: &str, renamed: &str, span: Span, first: Span, chose: bool) -> Diagnostic {
        let severity = if self.is_workflow && chose { Severity::Error } else { Severity::Warning };
        let message = format!("the id `{id}` is used twice");
        let diagnostic = Diagnostic { severity, ..Diagnostic::error("duplicate-id", span, message) };
        diagnostic
            .hint(format!("this one is called `{renamed}` here; give it an id of its own"))
            .related(first, "first used here")
    }
}

//! Who looks on while a run goes on.

use crate::model::{AttemptId, Event, RunId, RunRecord, Stream, TaskRecord, Timestamp};

/// Somebody who looks on. What is seen here is already in the journal, except for lines and ticks.
pub trait View {
    /// Before anything begins: another run has the turn of the concurrency group, and this one waits for it. Of an orphaned
    /// one the engine is gone, and its commands still run.
    fn waiting(&mut self, _group: &str, _holder: Option<RunId>, _orphaned: bool) {}

    /// Before anything begins: something that whoever looks on should know, as a sentence without its end.
    fn remark(&mut self, _text: &str) {}

    /// A fact was recorded; `record` is what all facts so far add up to, this one included.
    fn event(&mut self, at: Timestamp, event: &Event, record: &RunRecord);

    /// A command printed this; the last line only, masked, at most every 50 ms for each attempt.
    fn line(&mut self, attempt: &AttemptId, stream: Stream, text: &str);

    /// A task has failed for good. `tail` is the end of its last attempt's log, masked.
    fn failed(&mut self, task: &TaskRecord, tail: &str);

    /// Nothing of it runs any more, and nothing will: what is left is to write down how it ended.
    fn over(&mut self) {}

    /// There is no space for the journal, as `reason` says: nothing starts until there is, and what runs goes on.
    fn stalled(&mut self, _reason: &str) {}

    /// There is space again, and the run goes on.
    fn unstalled(&mut self) {}

    /// Time has passed: called about ten times a second while anything runs.
    fn tick(&mut self, now: Timestamp, record: &RunRecord);
}

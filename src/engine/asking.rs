//! Asking for something in a watched folder: the watcher does it, or, where none runs, it is done here.

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Error, Found, Pace, World, look, resume};
use crate::model::{Answer, Ask, AttemptId, Event, RunId, RunRecord, Stream, TaskRecord, Timestamp};
use crate::os::clock::Clock as _;
use crate::os::identity::Identity;
use crate::queue::{self, Fact, Log, Pause, Phase};
use crate::repo::{self, Root};
use crate::run::{Stop, View};
use crate::transport::{self, Client};
use crate::{journal, os};

/// How long it is tried to reach a watcher that is just coming or going.
const PATIENCE: Duration = Duration::from_secs(5);
/// From one try to the next.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends a run of the folder around `start`, or takes a wanted one out of the queue: by its watcher, by the engine that works
/// on it elsewhere, or, when its engine is gone, by taking it up. Returns what was done, as a sentence without its end.
///
/// # Errors
/// When there is no such run, it has ended, or nobody can be asked.
pub async fn cancel(world: &World, start: &Path, text: &str, now: bool) -> Result<String, Error> {
    let root = Root::find(start)?;
    let run = find(&root, text)?;
    match ask(&root, &Ask::Cancel { run, now }) {
        Ok(said) => return Ok(said),
        Err(Error::Refused { .. } | Error::Transport(transport::Error::Nobody(_))) => {}
        Err(error) => return Err(error),
    }
    if is_waiting(&root, run)? {
        return drop_wanted(world, &root, run);
    }
    let found = Found { root, run };
    let looked = look::show_run(&found.root, run)?;
    if looked.record.result_path.is_some() {
        return Err(Error::HasEnded { run: run.to_string() });
    }
    if looked.live {
        return stop_elsewhere(world, &found, &looked.record, now);
    }
    stop_orphan(world, &found, now).await
}

/// Takes a wanted run of the folder around `start` out of the queue.
///
/// # Errors
/// When it is not wanted there, has begun, or the queue cannot be written.
pub fn drop_from_queue(world: &World, start: &Path, text: &str) -> Result<String, Error> {
    let root = Root::find(start)?;
    let run = find(&root, text)?;
    if !is_waiting(&root, run)? {
        return Err(Error::Refused {
            because: format!("run {run} does not wait in the queue"),
            hint: Some(format!("if it is under way: `spore cancel {run}`")),
        });
    }
    drop_wanted(world, &root, run)
}

/// Has nothing begin in the folder around `start`, until `until` or until somebody says so.
///
/// # Errors
/// When nobody has ever watched it, or its queue cannot be written.
pub fn pause(world: &World, start: &Path, until: Option<Timestamp>) -> Result<String, Error> {
    let root = Root::find(start)?;
    let said = "nothing begins from here on; what runs goes on".to_owned();
    let fact = Fact::Paused(Pause { since: world.now(), until });
    ask_or_note(world, &root, &Ask::Pause { until }, |_| Ok((fact.clone(), said.clone())))
}

/// Has things begin again in the folder around `start`.
///
/// # Errors
/// As [`pause`].
pub fn unpause(world: &World, start: &Path) -> Result<String, Error> {
    let root = Root::find(start)?;
    ask_or_note(world, &root, &Ask::Unpause, |_| {
        Ok((Fact::Unpaused, "wanted runs begin again with the next watcher".to_owned()))
    })
}

fn drop_wanted(world: &World, root: &Root, run: RunId) -> Result<String, Error> {
    ask_or_note(world, root, &Ask::Cancel { run, now: false }, |state| {
        if state.ticket(run).is_none_or(|waiting| waiting.phase == Phase::Running) {
            return Err(Error::Refused {
                because: format!("run {run} does not wait in the queue any more"),
                hint: None,
            });
        }
        let because = "somebody took it out of the queue".to_owned();
        Ok((Fact::Withdrawn { run, because, forgotten: false }, format!("run {run} is taken out of the queue")))
    })
}

/// Asks the watcher; where none runs, notes the fact in its queue, as a watcher that holds the folder for a moment.
fn ask_or_note(
    world: &World,
    root: &Root,
    asked: &Ask,
    fact: impl Fn(&queue::State) -> Result<(Fact, String), Error>,
) -> Result<String, Error> {
    let begun = world.clock.monotonic();
    loop {
        match ask(root, asked) {
            Err(Error::Transport(transport::Error::Nobody(_))) => {}
            answered => return answered,
        }
        // A folder that was never watched must not look as if it had been: its first watcher leaves alone what is there.
        if !queue::read(&root.state())?.has_past() {
            return Err(Error::NeverWatched { folder: root.path().display().to_string() });
        }
        if let Some(_held) = repo::take_watch(root)? {
            let mut log = Log::open(&root.state())?;
            let (fact, said) = fact(log.state())?;
            log.append(vec![fact])?;
            log.sync()?;
            return Ok(said);
        }
        if world.clock.monotonic().saturating_sub(begun) > PATIENCE {
            let pid = repo::watched_by(root).map(Identity::pid);
            return Err(Error::Watched { folder: root.path().display().to_string(), pid });
        }
        std::thread::sleep(PAUSE);
    }
}

fn ask(root: &Root, asked: &Ask) -> Result<String, Error> {
    match Client::connect(&root.state())?.ask(asked)? {
        Answer::Done { said } => Ok(said),
        Answer::Refused { because, hint } => Err(Error::Refused { because, hint }),
        Answer::Status(_) => {
            let because = "it answers what was not asked".to_owned();
            Err(transport::Error::Foreign { folder: root.path().to_path_buf(), because }.into())
        }
    }
}

/// The run that `text` means, of those that are wanted or have begun. `latest` is the newest that has not ended, if any.
fn find(root: &Root, text: &str) -> Result<RunId, Error> {
    let state = queue::read(&root.state())?;
    let wanted = state.tickets().map(|waiting| waiting.ticket.run);
    if text == "latest" {
        let open = repo::marked_runs(root)?.unwrap_or_default();
        if let Some(newest) = wanted.chain(open).max() {
            return Ok(newest);
        }
        return Ok(journal::find(&root.runs(), text)?);
    }
    let upper = text.trim().to_ascii_uppercase();
    let is_meant = |run: &RunId| {
        let name = run.to_string();
        !upper.is_empty() && (name.starts_with(&upper) || name.ends_with(&upper))
    };
    let mut meant: Vec<RunId> = wanted.filter(is_meant).collect();
    if meant.is_empty() || text.starts_with('@') {
        return Ok(journal::find(&root.runs(), text)?);
    }
    meant.extend(journal::list(&root.runs())?.into_iter().filter(is_meant));
    meant.sort_unstable_by(|a, b| b.cmp(a));
    meant.dedup();
    match meant.as_slice() {
        [run] => Ok(*run),
        _ => Err(journal::Error::Ambiguous { text: text.to_owned(), candidates: meant }.into()),
    }
}

/// Whether it is wanted and nothing of it has happened.
fn is_waiting(root: &Root, run: RunId) -> Result<bool, Error> {
    let state = queue::read(&root.state())?;
    Ok(state.ticket(run).is_some() && !root.runs().join(run.to_string()).exists())
}

/// Asks the engine that works on a run to end it, as Ctrl-C does: once asks, twice insists.
fn stop_elsewhere(world: &World, found: &Found, record: &RunRecord, now: bool) -> Result<String, Error> {
    let run = found.run;
    let stuck = |because: String, hint: &str| Error::Refused { because, hint: Some(hint.to_owned()) };
    let Some(engine) = &record.engine else {
        return Err(stuck(format!("nobody knows which engine works on run {run}"), "end it where it was started"));
    };
    if engine.host != os::host() {
        let hint = format!("say it there: `spore cancel {run}`");
        return Err(stuck(format!("run {run} is under way on `{}`", engine.host), &hint));
    }
    let process = Identity::parse(&engine.process).filter(|process| process.is_alive());
    let Some(process) = process else {
        let hint = "the engine may be in another container: end it there";
        return Err(stuck(format!("the engine of run {run} cannot be seen from here"), hint));
    };
    if repo::is_under_watch(&found.root) && repo::watched_by(&found.root) == Some(process) {
        // The watcher has just finished with it, or is just going: it must not be ended for one run.
        return Err(stuck(
            format!("run {run} is just ending, or its watcher is just leaving"),
            "try again in a moment",
        ));
    }
    process.terminate();
    if !now {
        return Ok(format!("the commands of run {run} are asked to end"));
    }
    // Two signals at once would be one: the second waits until the first was heard.
    let begun = world.clock.monotonic();
    while world.clock.monotonic().saturating_sub(begun) < PATIENCE {
        let record = look::show_run(&found.root, run)?.record;
        if record.stops > 0 || record.finished.is_some() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    process.terminate();
    Ok(format!("the commands of run {run} are killed"))
}

/// Ends a run whose engine is gone: it is taken up, stopped at once, and gets its result.
async fn stop_orphan(world: &World, found: &Found, now: bool) -> Result<String, Error> {
    let (stops, stopped) = mpsc::unbounded_channel();
    let _ = stops.send(Stop::Cancelled);
    if now {
        let _ = stops.send(Stop::AtOnce);
    }
    let finished = resume::resume(world, found, Pace::default(), stopped, &mut Nobody).await?;
    let word = finished.record.status.word().replace('_', " ");
    Ok(format!("run {} was broken off, and is ended: {word}  {}", found.run, finished.kept.path))
}

/// Nobody looks on.
struct Nobody;

impl View for Nobody {
    fn event(&mut self, _at: Timestamp, _event: &Event, _record: &RunRecord) {}
    fn line(&mut self, _attempt: &AttemptId, _stream: Stream, _text: &str) {}
    fn failed(&mut self, _task: &TaskRecord, _tail: &str) {}
    fn tick(&mut self, _now: Timestamp, _record: &RunRecord) {}
}

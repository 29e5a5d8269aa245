//! Carrying one attempt out, from preparation to everything that is known at its end.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use super::artifacts::{self, Artifacts};
use super::entry::{Entry, Urgency};
use super::machine::Shared;
use super::output;
use super::prepare::{Start, output_path, prepare, prepare_shell, refused};
use super::streams::Streams;
use super::supervise::{Finish, Stopped, Supervision};
use crate::executor::Mask;
use crate::model::{Attempt, AttemptEnd, Outcome};
use crate::os::file;
use crate::os::process::{Launched, Refusal};

/// Carries the attempt out and tells its end.
pub(super) async fn carry_out(shared: Arc<Shared>, entry: Arc<Entry>, attempt: Attempt) {
    let mask = shared.mask(&attempt.secrets);
    let mut end = if entry.urgency() == Urgency::None {
        match begin(&shared, &attempt) {
            Ok(launched) => {
                let group = launched.child.group().id();
                tracing::debug!(task = %attempt.id.task, number = attempt.id.number, group, "process started");
                entry.tell_started();
                let streams = Streams::new(&entry, launched.out, launched.err, &mask, &shared.limits);
                let supervision =
                    Supervision::new(&entry, shared.clock, launched.child, streams, attempt.timeout, attempt.grace);
                collect(&shared, &attempt, &mask, supervision.run().await).await
            }
            Err(outcome) => AttemptEnd::bare(outcome),
        }
    } else {
        AttemptEnd::bare(Outcome::Cancelled)
    };
    if !mask.is_empty() {
        cover(&mask, &mut end);
    }
    entry.tell_end(end);
}

/// Starts the process. What is wrong with the attempt stays wrong; a machine that could not start it may do so later.
fn begin(shared: &Shared, attempt: &Attempt) -> Result<Launched, Outcome> {
    shared.make_folders(attempt).map_err(for_now)?;
    let start = prepare(attempt, &shared.base).map_err(for_good)?;
    match launch(shared, attempt, &start) {
        Err(_) if start.spares_shell => {
            launch(shared, attempt, &prepare_shell(attempt, &shared.base).map_err(for_good)?)
        }
        launched => launched,
    }
}

fn for_good(reason: String) -> Outcome {
    Outcome::NotStarted { reason, permanent: true }
}

fn for_now(reason: String) -> Outcome {
    Outcome::NotStarted { reason, permanent: false }
}

fn launch(shared: &Shared, attempt: &Attempt, start: &Start) -> Result<Launched, Outcome> {
    if let Some((path, text)) = &start.script {
        let folder = path.parent().unwrap_or(path);
        file::create_dir_all(folder)
            .and_then(|()| file::write_script(path, text.as_bytes()))
            .map_err(|error| for_now(format!("the script cannot be written to `{}`: {error}", path.display())))?;
    }
    start.launch(attempt, &shared.base).start().map_err(|error| {
        let refusal = Refusal::of(&error);
        let reason = refused(refusal, start, attempt, &error);
        if refusal == Refusal::Shortage { for_now(reason) } else { for_good(reason) }
    })
}

async fn collect(shared: &Shared, attempt: &Attempt, mask: &Mask, finish: Finish) -> AttemptEnd {
    let mut end = AttemptEnd::bare(outcome(&finish));
    end.remarks = finish.remarks;
    let (out, err, remarks) = finish.streams.finish().await;
    (end.out, end.err) = (out, err);
    end.remarks.extend(remarks);
    end.remarks.extend(crate::executor::mask::uncovered(&attempt.secrets));
    let output_path = output_path(attempt);
    match output::read(&output_path, shared.limits.output_bytes_max) {
        Ok(outputs) => {
            let remarks = end.remarks.len();
            for (name, value) in outputs {
                let masked = mask.value(value.clone());
                if masked != value {
                    end.remarks.push(format!("the output `{name}` holds a secret, which was masked"));
                }
                end.outputs.insert(name, masked);
            }
            if end.remarks.len() > remarks {
                // The command wrote it there in the clear; what is not secret of it is in the journal soon.
                let _ = file::remove(&output_path);
            }
        }
        // A command that failed anyway keeps its own way of failing.
        Err(reason) if end.outcome == Outcome::Succeeded => {
            end.outcome = Outcome::Failed { exit_code: Some(0), signal: None, reason: Some(reason) };
        }
        Err(reason) => end.remarks.push(reason),
    }
    if !attempt.artifacts.is_empty() && matches!(end.outcome, Outcome::Succeeded | Outcome::Failed { .. }) {
        let (workdir, root) = (attempt.workdir.clone(), Arc::clone(&attempt.root));
        let (patterns, files_max) = (Arc::clone(&attempt.artifacts), shared.limits.artifacts_max);
        let record = move || artifacts::record(&workdir, &root, &patterns, files_max);
        let Artifacts { recorded, remarks } = tokio::task::spawn_blocking(record).await.unwrap_or_else(|error| {
            Artifacts { recorded: Vec::new(), remarks: vec![format!("artifacts could not be recorded: {error}")] }
        });
        end.artifacts = recorded;
        end.remarks.extend(remarks);
    }
    end
}

fn outcome(finish: &Finish) -> Outcome {
    match (finish.stopped, &finish.status) {
        (Some(Stopped::TimedOut), _) => Outcome::TimedOut,
        (Some(Stopped::Cancelled), _) => Outcome::Cancelled,
        (None, Some(Ok(status))) => match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::of_exit(code),
            (None, Some(signal)) => Outcome::of_signal(signal),
            (None, None) => Outcome::Lost { stage: format!("its process ended as no process ends: {status}") },
        },
        (None, Some(Err(error))) => Outcome::Lost { stage: format!("running; the end was not seen: {error}") },
        (None, None) => Outcome::Lost { stage: "running; it did not end although it was killed".into() },
    }
}

/// Masks every text for people.
fn cover(mask: &Mask, end: &mut AttemptEnd) {
    for remark in &mut end.remarks {
        *remark = mask.text(remark).into_owned();
    }
    match &mut end.outcome {
        Outcome::NotStarted { reason, .. }
        | Outcome::Failed { reason: Some(reason), .. }
        | Outcome::Lost { stage: reason } => {
            *reason = mask.text(reason).into_owned();
        }
        _ => {}
    }
    let outputs = std::mem::take(&mut end.outputs);
    end.outputs = outputs.into_iter().map(|(name, value)| (mask.text(&name).into_owned(), value)).collect();
    for artifact in &mut end.artifacts {
        artifact.path = mask.text(&artifact.path).into_owned();
    }
}

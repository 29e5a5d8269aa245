//! From what the cluster told to all that is known when an attempt has ended.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::see::{Attendance, Progress};
use crate::executor::gke::logs::{Drained, Phase};
use crate::executor::gke::outcome::Judged;
use crate::executor::gke::trailer::Found;
use crate::executor::traces::{Urgency, hand_on, parse};
use crate::executor::{Mask, mask};
use crate::model::{AttemptEnd, Outcome, Recorded, Timestamp};
use crate::os::clock::Clock as _;
use crate::os::file;

/// Bytes of `$SPORE_OUTPUT` that cannot be told from more of them: the cluster keeps so many, and no more.
const OUTPUT_BYTES: usize = 4_096;
/// How long a log is waited for when somebody wants an end at once.
const NOW_DRAIN: Duration = Duration::from_secs(2);
/// The folder, in that of a run, for files that came out of the cluster.
const FETCHED: &str = "artifacts";

impl Attendance {
    /// The end of an attempt of which nothing was in the cluster.
    pub(in crate::executor::gke) fn without_job(&self, outcome: Outcome) -> AttemptEnd {
        AttemptEnd::bare(masked(outcome, &self.mask))
    }

    /// The end of an attempt, with all that it leaves.
    pub(super) async fn finish(&self, judged: Judged, progress: &mut Progress) -> AttemptEnd {
        let seen_to_end = self.clock.wall_milliseconds();
        let outcome = match &progress.stopping {
            None => judged.outcome,
            // It began when it had just been given up.
            Some((Outcome::NotStarted { reason, .. }, ..)) if progress.has_begun => {
                Outcome::Lost { stage: format!("it began when it was just given up: {reason}") }
            }
            Some(_)
                if matches!(judged.outcome, Outcome::Lost { .. })
                    && judged.began.is_none()
                    && judged.ended.is_none() =>
            {
                judged.outcome
            }
            Some((outcome, ..)) => outcome.clone(),
        };
        let mut end = AttemptEnd::bare(masked(outcome, &self.mask));
        end.remarks = judged.remarks;
        if progress.has_begun {
            // By this machine's clock where it can be, which counts milliseconds; the cluster counts seconds. One that was over
            // when it was first seen began when its Job had been made, or in the second that the cluster tells of.
            let seen_to_begin = progress.began_here.map(|(began, _)| began);
            let between =
                || progress.made_here.map(|made| Timestamp(made.0.max(judged.began.map_or(0, |began| began.0))));
            (end.began, end.ended) = match seen_to_begin.or_else(between) {
                Some(began) => (Some(began), Some(Timestamp(seen_to_end.max(began.0)))),
                None => (judged.began, judged.ended.or(Some(Timestamp(seen_to_end)))),
            };
        }
        let logs = self.drain(progress).await;
        let mut found = None;
        for (index, drained) in logs.into_iter().enumerate() {
            match index {
                0 => end.out = drained.size,
                _ => end.err = drained.size,
            }
            end.remarks.extend(drained.remarks);
            found = found.or(drained.found);
        }
        end.remarks.extend(mask::uncovered(&self.attempt.secrets));
        if progress.has_begun {
            hand_on(&mut end, &self.mask, written(judged.output.as_deref().unwrap_or_default()));
        }
        if !self.attempt.artifacts.is_empty() && matches!(end.outcome, Outcome::Succeeded | Outcome::Failed { .. }) {
            self.record(found, &mut end);
        }
        end
    }

    /// Waits for the rest of the logs.
    async fn drain(&self, progress: &mut Progress) -> Vec<Drained> {
        progress.phase.send_replace(Phase::Over);
        let mut drained = Vec::new();
        for mut follow in std::mem::take(&mut progress.follows) {
            let done = tokio::select! {
                done = &mut follow => done,
                () = self.asked_in_vain() => {
                    progress.phase.send_replace(Phase::Given);
                    follow.await
                }
            };
            drained.push(done.unwrap_or_default());
        }
        drained
    }

    async fn asked_in_vain(&self) {
        self.asked(Urgency::Now).await;
        tokio::time::sleep(NOW_DRAIN).await;
    }

    /// Records the files that the command made, and keeps those that came along.
    pub(in crate::executor::gke) fn record(&self, found: Option<Vec<Found>>, end: &mut AttemptEnd) {
        let Some(found) = found else {
            end.remarks.push("no artifacts were recorded, because their list did not come whole".into());
            return;
        };
        if found.is_empty() {
            let patterns = self.attempt.artifacts.join("`, `");
            end.remarks.push(format!("artifacts `{patterns}` matched no file"));
        }
        let files_max = self.shared.limits.artifacts_max;
        if found.len() > files_max {
            end.remarks.push(format!("only the first {files_max} of the artifacts were recorded"));
        }
        let folder = self.attempt.run_dir.join(FETCHED).join(self.attempt.id.file_name());
        let (mut left, mut strange) = (0_usize, 0_usize);
        let mut known = HashSet::new();
        for file in found.into_iter().take(files_max) {
            // The list is what a command in a container said.
            if !is_below(&file.path) || !known.insert(file.path.clone()) {
                strange += 1;
                continue;
            }
            let path = self.mask.text(&file.path).into_owned();
            let Some(digest) = file.digest else {
                end.remarks.push(format!("artifact `{path}` cannot be read"));
                continue;
            };
            match file.content.map(|content| keep(&folder, &file.path, &content)) {
                Some(Ok(())) => {}
                Some(Err(error)) => end.remarks.push(format!("artifact `{path}` cannot be kept: {error}")),
                None => left += 1,
            }
            end.artifacts.push(Recorded { path, size_bytes: file.size_bytes, digest });
        }
        if strange > 0 {
            end.remarks.push(format!(
                "{strange} of the artifacts were not recorded, because they have no path of their own below the working \
                 directory"
            ));
        }
        if left > 0 {
            end.remarks.push(format!(
                "{left} of the artifacts were too large to be fetched, and are gone with their pod unless they lie in a \
                 volume that stays"
            ));
        }
    }
}

/// Whether a path leads to a file below a folder, and says so plainly.
fn is_below(path: &str) -> bool {
    !path.split('/').any(|part| matches!(part, "" | "." | "..")) && !path.contains('\0')
}

/// Writes a file that came out of the cluster, at a path below `folder`.
fn keep(folder: &Path, path: &str, content: &[u8]) -> std::io::Result<()> {
    let place: PathBuf = folder.join(path);
    if let Some(parent) = place.parent() {
        file::create_dir_all(parent)?;
    }
    // A later engine fetches the same once more.
    match file::remove(&place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    file::write_new(&place, content)
}

/// What stands in the termination message.
fn written(message: &str) -> Result<indexmap::IndexMap<String, serde_json::Value>, String> {
    if message.len() >= OUTPUT_BYTES {
        return Err(format!(
            "`$SPORE_OUTPUT` holds more than {} bytes, which is all that a cluster hands on; hand large values on as \
             artifacts",
            OUTPUT_BYTES - 1
        ));
    }
    if let Some(at) = message.find(char::REPLACEMENT_CHARACTER) {
        let line = message[..at].matches('\n').count() + 1;
        return Err(format!("line {line} of `$SPORE_OUTPUT` is not UTF-8"));
    }
    parse(message.strip_prefix('\u{feff}').unwrap_or(message))
}

/// The outcome, with no secret in its words.
pub(in crate::executor::gke) fn masked(outcome: Outcome, mask: &Mask) -> Outcome {
    let covered = |text: String| mask.text(&text).into_owned();
    match outcome {
        Outcome::NotStarted { reason, permanent } => Outcome::NotStarted { reason: covered(reason), permanent },
        Outcome::Lost { stage } => Outcome::Lost { stage: covered(stage) },
        Outcome::Failed { exit_code, signal, reason } => {
            Outcome::Failed { exit_code, signal, reason: reason.map(covered) }
        }
        outcome => outcome,
    }
}

//! The names and labels by which Jobs are found again.
//!
//! The name of a Job follows from its attempt, so that the cluster itself sees to it that there is at most one: who makes it
//! a second time is told that it exists.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::model::{AttemptId, Digest, RunId};

/// The alphabet of names: base 32, lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of the digest in a name: 200 bits of it. Pods add up to 6 characters of their own.
const DIGEST_CHARS: usize = 40;
/// Characters of a label's value, at most.
const LABEL_CHARS_MAX: usize = 63;

/// Who made it: the label by which all of Spore's objects are found.
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// What stands there.
pub(super) const SPORE: &str = "spore";
/// The label of a run.
pub(super) const RUN: &str = "spore.dev/run";
/// The label of a folder of spores.
pub(super) const FOLDER: &str = "spore.dev/folder";
/// The annotation with the whole name of the attempt.
pub(super) const ATTEMPT: &str = "spore.dev/attempt";
/// The label of the pods that are instances.
pub(super) const INSTANCE: &str = "spore.dev/instance";
/// The annotation with the settings that an instance was launched with, as digests by their keys.
pub(super) const PROFILE: &str = "spore.dev/profile";
/// The annotation with the task for which an instance was launched.
pub(super) const LAUNCHED_FOR: &str = "spore.dev/launched-for";
/// What the names of instances begin with. The name of no Job does: its digest holds no `-`.
const INSTANCE_PREFIX: &str = "spore-i-";
/// The label that the cluster gives the pods of a Job.
pub(super) const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// The name of the Job of an attempt.
pub(super) fn of(attempt: &AttemptId) -> String {
    format!("spore-{}", base32(&whole(attempt)))
}

/// The name of the pod that is the instance `name` of a run.
pub(super) fn instance(run: RunId, name: &str) -> String {
    format!("{INSTANCE_PREFIX}{}", base32(&format!("instance|{run}|{name}")))
}

/// The name of the pod of an instance that belongs to no run; `bits` tell it from all others.
pub(super) fn instance_by_hand(bits: u128) -> String {
    format!("{INSTANCE_PREFIX}{}", base32(&format!("by hand|{bits}")))
}

/// Whether that is the name of an instance.
pub(super) fn is_instance(name: &str) -> bool {
    name.starts_with(INSTANCE_PREFIX)
}

/// The labels of an instance. One that was launched by hand is of no run and no folder.
pub(super) fn instance_labels(name: &str, of: Option<(RunId, &str, u32)>) -> Map<String, Value> {
    let mut labels = Map::new();
    labels.insert(MANAGED_BY.into(), json!(SPORE));
    labels.insert(INSTANCE.into(), json!(label(name)));
    if let Some((run, folder, epoch)) = of {
        labels.insert(RUN.into(), json!(run.to_string()));
        labels.insert(FOLDER.into(), json!(folder));
        labels.insert("spore.dev/epoch".into(), json!(epoch.to_string()));
    }
    labels
}

/// A word that stands in no output by chance: what follows it is not the command's.
pub(super) fn marker(job: &str) -> String {
    format!("spore-trailer-{}", base32(&format!("trailer|{job}")))
}

/// The attempt, with nothing left out.
pub(super) fn whole(attempt: &AttemptId) -> String {
    format!("{}|{}|{}", attempt.run, attempt.task, attempt.number)
}

/// The label of the folder `root` of this machine.
pub(super) fn folder(machine: &str, root: &Path) -> String {
    Digest::of(format!("{machine}|{}", root.display()).as_bytes()).short(16)
}

/// The labels of everything that is made for an attempt.
pub(super) fn labels(attempt: &AttemptId, folder: &str, epoch: u32) -> Map<String, Value> {
    let labels = json!({
        MANAGED_BY: SPORE,
        RUN: attempt.run.to_string(),
        "spore.dev/task": label(attempt.task.as_str()),
        "spore.dev/attempt": attempt.number.to_string(),
        "spore.dev/epoch": epoch.to_string(),
        FOLDER: folder,
    });
    match labels {
        Value::Object(labels) => labels,
        _ => Map::new(),
    }
}

/// What selects everything of a run that this folder's engine has made.
pub(super) fn selector(run: RunId, folder: &str) -> String {
    format!("{MANAGED_BY}={SPORE},{RUN}={run},{FOLDER}={folder}")
}

/// A text as the value of a label. One that had to be changed ends in a digest of the whole.
fn label(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let kept: String = text.chars().map(|c| if plain(c) { c } else { '-' }).collect();
    let is_fine = kept == text
        && text.len() <= LABEL_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if is_fine {
        return kept;
    }
    let start = kept.trim_start_matches(['-', '_', '.']);
    let start = start[..start.len().min(LABEL_CHARS_MAX - 9)].trim_end_matches(['-', '_', '.']);
    let digest = Digest::of(text.as_bytes()).short(8);
    if start.is_empty() { digest } else { format!("{start}-{digest}") }
}

fn base32(text: &str) -> String {
    let bytes = Digest::of(text.as_bytes()).to_bytes();
    let bit = |index: usize| bytes.get(index / 8).is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1);
    let digit = |place: usize| (0..5).fold(0, |value, index| value << 1 | usize::from(bit(place * 5 + index)));
    (0..DIGEST_CHARS).map(|place| char::from(ALPHABET[digit(place)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaskId;

    fn attempt(task: &str, number: u32) -> AttemptId {
        AttemptId { run: RunId::from_parts(1, 2), task: TaskId::new(task).expect("an id"), number }
    }

    #[test]
    fn names_are_lasting_and_distinct() {
        // The name must never change between two versions of Spore: it is how a Job is found again.
        assert_eq!(of(&attempt("build", 1)), "spore-ay7if4rvayyvu24ula6f5jbznjmvmsdufuillrqx");
        assert!(of(&attempt("build", 1)).len() <= 52);
        assert_ne!(of(&attempt("build", 1)), of(&attempt("build", 2)));
        assert_ne!(marker("a"), marker("b"));
        let run = RunId::from_parts(1, 2);
        assert!(is_instance(&instance(run, "x")) && instance(run, "x").len() <= 63);
        assert!(instance(run, "x") != instance(run, "y") && !is_instance(&of(&attempt("i", 1))));
    }

    #[test]
    fn every_task_has_a_label() {
        assert_eq!(label("build.1"), "build.1");
        for odd in ["check[1,linux]", "Żółw", "x_", "a:b"] {
            let label = label(odd);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            assert!(label.chars().all(is_plain) && label.ends_with(|c: char| c.is_ascii_alphanumeric()), "{label}");
            assert_ne!(label, odd);
        }
        assert_ne!(label("a:b"), label("a+b"));
        assert_eq!(label(&"x".repeat(128)).len(), 63);
    }
}

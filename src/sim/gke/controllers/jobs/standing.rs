//! How a job stands: what runs, what is lacking, whether it is decided. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::kubelet::set_condition;
use super::super::run::Members;
use super::super::tally::{Member, condition, spans};
use super::account::Account;

/// Why jobs fail.
const REASONS: [&str; 5] =
    ["BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "FailedIndexes", "MaxFailedIndexesExceeded"];

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Enough have succeeded.
    Succeeded,
    /// It has failed.
    Failed {
        /// Why, in one word.
        reason: &'static str,
        /// Why, in a sentence.
        message: String,
    },
}

/// How a job stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// The pods that go on, by identity.
    pub(super) active: Vec<Arc<str>>,
    /// How many should go on.
    pub(super) wanted: usize,
    /// Pods on their way out whose place is not free yet.
    pub(super) in_the_way: usize,
    /// Indexes for which nothing goes on, and which have neither succeeded nor failed.
    pub(super) open: Vec<u64>,
    pub(super) is_indexed: bool,
    pub(super) has_limit_per_index: bool,
    /// How it has ended, if it has.
    pub(super) verdict: Option<Verdict>,
    ready: usize,
    terminating: usize,
    succeeded: u64,
    failed: u64,
    completed: BTreeSet<u64>,
    failed_indexes: BTreeSet<u64>,
}

impl Standing {
    pub(super) fn of(job: &Value, members: &Members, account: &Account) -> Self {
        let spec = &job["spec"];
        let is_indexed = spec["completionMode"] == "Indexed";
        let completions = spec["completions"].as_u64();
        let limit_per_index = spec["backoffLimitPerIndex"].as_u64();
        let active: Vec<_> = members.values().filter(|member| member.is_active()).collect();
        let leaving: Vec<_> = members.values().filter(|member| member.is_deleting && !member.is_over()).collect();
        let blocks = spec["podReplacementPolicy"] == "Failed";
        let too_often =
            account.of_index.iter().filter(|(_, failures)| limit_per_index.is_some_and(|limit| **failures > limit));
        let mut failed_indexes: BTreeSet<u64> = too_often.map(|(index, _)| *index).collect();
        failed_indexes.extend(&account.failed_by_rule);
        failed_indexes.retain(|index| !account.completed.contains(index));
        let taken = active.iter().chain(leaving.iter().filter(|_| blocks)).filter_map(|member| member.index);
        let taken: BTreeSet<u64> = taken.collect();
        let is_open = |index: &u64| {
            !account.completed.contains(index) && !failed_indexes.contains(index) && !taken.contains(index)
        };
        let open = if is_indexed { (0..completions.unwrap_or(0)).filter(is_open).collect() } else { Vec::new() };
        let parallelism = spec["parallelism"].as_u64().unwrap_or(1);
        let done = account.succeeded + failed_indexes.len() as u64;
        let wanted = match completions {
            Some(completions) => parallelism.min(completions.saturating_sub(done)),
            None if account.succeeded > 0 => 0,
            None => parallelism,
        };
        let mut standing = Self {
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX),
            in_the_way: if blocks { leaving.len() } else { 0 },
            open,
            is_indexed,
            has_limit_per_index: limit_per_index.is_some(),
            verdict: None,
            ready: active.iter().filter(|member| member.is_ready).count(),
            terminating: leaving.len(),
            succeeded: account.succeeded,
            failed: account.failed,
            completed: account.completed.clone(),
            failed_indexes,
            active: active.iter().map(|member| Arc::clone(&member.uid)).collect(),
        };
        if completions.is_none() && account.succeeded > 0 {
            // A queue of work that somebody has found empty: the others end by themselves.
            standing.wanted = standing.active.len();
        }
        standing.verdict = standing.judge(job, &active, account);
        standing
    }

    fn judge(&self, job: &Value, active: &[&Member], account: &Account) -> Option<Verdict> {
        let (spec, status) = (&job["spec"], &job["status"]);
        if let Some(known) = decided(status) {
            return Some(known);
        }
        let failed = |reason, message: &str| Some(Verdict::Failed { reason, message: message.to_owned() });
        if let Some(because) = &account.failed_job {
            return failed("PodFailurePolicy", because);
        }
        let unlimited = if self.has_limit_per_index { u64::MAX } else { 6 };
        let limit = spec["backoffLimit"].as_u64().unwrap_or(unlimited);
        let restarts: u64 = active.iter().map(|member| member.restarts).sum();
        let restarts_in_place = spec["template"]["spec"]["restartPolicy"] == "OnFailure";
        if account.failed > limit || (restarts_in_place && restarts > 0 && restarts >= limit) {
            return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
        }
        let failed_count = self.failed_indexes.len() as u64;
        if spec["maxFailedIndexes"].as_u64().is_some_and(|most| failed_count > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return failed("MaxFailedIndexesExceeded", message);
        }
        match spec["completions"].as_u64() {
            Some(completions) if self.succeeded >= completions => Some(Verdict::Succeeded),
            Some(completions) if failed_count > 0 && self.succeeded + failed_count >= completions => {
                failed("FailedIndexes", "Job has failed indexes")
            }
            None if self.succeeded > 0 && active.is_empty() => Some(Verdict::Succeeded),
            _ => None,
        }
    }

    /// Puts the numbers into the status.
    pub(super) fn write(&self, status: &mut Value) {
        let numbers = [("active", self.active.len() as u64), ("succeeded", self.succeeded), ("failed", self.failed)];
        for (name, number) in numbers {
            match (number, status.as_object_mut()) {
                (0, Some(status)) => drop(status.remove(name)),
                (number, _) => status[name] = number.into(),
            }
        }
        status["ready"] = self.ready.into();
        status["terminating"] = self.terminating.into();
        status["uncountedTerminatedPods"] = json!({});
        if self.is_indexed && !self.completed.is_empty() {
            status["completedIndexes"] = spans(self.completed.iter().copied()).into();
        }
        if self.has_limit_per_index {
            status["failedIndexes"] = spans(self.failed_indexes.iter().copied()).into();
        }
    }
}

/// What was decided before and only waits for the last pod.
fn decided(status: &Value) -> Option<Verdict> {
    if condition(status, "SuccessCriteriaMet") == Some("True") {
        return Some(Verdict::Succeeded);
    }
    let listed = status["conditions"].as_array()?;
    let target = listed.iter().find(|one| one["type"] == "FailureTarget" && one["status"] == "True")?;
    let reason = REASONS.into_iter().find(|reason| target["reason"] == *reason)?;
    Some(Verdict::Failed { reason, message: target["message"].as_str().unwrap_or_default().to_owned() })
}

impl Verdict {
    /// Puts it into the status: as the aim, and as the end when nobody is left.
    pub(super) fn write(&self, status: &mut Value, nobody_is_left: bool, now: &str) {
        let (aim, end, reason, message) = match self {
            Self::Succeeded => {
                ("SuccessCriteriaMet", "Complete", "CompletionsReached", "Reached expected number of succeeded pods")
            }
            Self::Failed { reason, message } => ("FailureTarget", "Failed", *reason, message.as_str()),
        };
        set_condition(status, aim, "True", reason, message, now);
        if nobody_is_left {
            set_condition(status, end, "True", reason, message, now);
            if *self == Self::Succeeded {
                status["completionTime"] = now.into();
            }
        }
    }
}

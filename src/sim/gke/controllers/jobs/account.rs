//! What is remembered of the pods of a job that have ended: they count also when they are deleted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::policy::{Meaning, judge};
use super::super::run::JobSettings;
use super::super::tally::Member;

/// The ended pods of one job.
#[derive(Default)]
pub(super) struct Account {
    counted: HashSet<Arc<str>>,
    /// Pods that the controller has ended itself.
    pub(super) dismissed: HashSet<Arc<str>>,
    /// Pods that are no more and have not been looked at.
    pub(super) lost: Vec<Member>,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// Indexes that have succeeded.
    pub(super) completed: BTreeSet<u64>,
    /// Failures of each index.
    pub(super) of_index: BTreeMap<u64, u64>,
    /// Indexes that a rule has failed.
    pub(super) failed_by_rule: BTreeSet<u64>,
    /// Why a rule has failed the job.
    pub(super) failed_job: Option<String>,
    /// Failures in a row, and when the last one was seen: of all, and of each index.
    row: HashMap<Option<u64>, (u32, Duration)>,
}

impl Account {
    /// Counts a pod if it has ended.
    pub(super) fn count(&mut self, member: &Member, job: &Value, now: Duration) {
        // A pod that is ended counts as failed as soon as another one may take its place.
        let is_replaced = member.is_deleting && job["spec"]["podReplacementPolicy"] != "Failed";
        if member.has_succeeded() {
            self.succeed(member);
        } else if member.is_over() || is_replaced {
            self.fail(member, job, now);
        }
    }

    /// Counts a pod that is no more.
    pub(super) fn count_lost(&mut self, member: &Member, job: &Value, now: Duration) {
        if member.has_succeeded() {
            self.succeed(member);
        } else {
            self.fail(member, job, now);
        }
    }

    fn succeed(&mut self, member: &Member) {
        if !self.counted.insert(Arc::clone(&member.uid)) {
            return;
        }
        self.row.clear();
        match member.index {
            Some(index) => {
                if self.completed.insert(index) {
                    self.succeeded += 1;
                }
            }
            None => self.succeeded += 1,
        }
    }

    fn fail(&mut self, member: &Member, job: &Value, now: Duration) {
        if self.dismissed.contains(&member.uid) || !self.counted.insert(Arc::clone(&member.uid)) {
            return;
        }
        match judge(&job["spec"]["podFailurePolicy"], &member.object.value()) {
            Meaning::Ignored => return,
            Meaning::FailsJob(because) => {
                self.failed_job.get_or_insert(because);
            }
            Meaning::FailsIndex => self.failed_by_rule.extend(member.index),
            Meaning::Counts => {}
        }
        self.failed += 1;
        if let Some(index) = member.index {
            *self.of_index.entry(index).or_default() += 1;
        }
        let rows = [Some(None), member.index.map(Some)];
        for row in rows.into_iter().flatten() {
            let (count, last) = self.row.entry(row).or_insert((0, now));
            (*count, *last) = (*count + 1, now);
        }
    }

    /// When the next pod may begin after the failures so far.
    pub(super) fn due(&self, index: Option<u64>, settings: &JobSettings) -> Option<Duration> {
        let (count, last) = self.row.get(&index)?;
        let doublings = 2_u32.saturating_pow(count.saturating_sub(1));
        Some(*last + settings.back_off.saturating_mul(doublings).min(settings.back_off_max))
    }
}

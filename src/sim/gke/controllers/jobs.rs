//! Jobs: pods until enough have succeeded, or too many have failed.

mod account;
mod standing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kubelet::set_condition;
use super::super::store::suffix;
use super::super::{Cluster, Deletion, Kind, Object};
use super::queue::{Key, Queue};
use super::run::{Controller, Members, dismiss, make, tell};
use super::tally::{Member, condition};
use account::Account;
use standing::{Standing, Verdict};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The controller of jobs.
#[derive(Default)]
pub(super) struct Jobs {
    accounts: HashMap<String, Account>,
}

impl Controller for Jobs {
    const KIND: Kind = Kind::Job;
    const OWNED: Kind = Kind::Pod;

    fn look(&mut self, cluster: &Cluster, object: &Arc<Object>, members: &mut Members, queue: &mut Queue) {
        let job = object.value();
        let key = (Arc::clone(&object.namespace), Arc::clone(&object.name));
        if is_over(&job) {
            clean_up(cluster, object, &job, key, queue);
            return;
        }
        if object.deleting {
            return;
        }
        let account = self.accounts.entry(object.uid.to_string()).or_default();
        let now = cluster.clock.monotonic();
        for member in members.values() {
            account.count(member, &job, now);
        }
        let mut look = Look { cluster, object, job: &job, members, account, queue, key };
        look.run(now);
    }

    fn lost(&mut self, owner: &str, member: &Member) {
        if let Some(account) = self.accounts.get_mut(owner) {
            account.lost.push(member.clone());
        }
    }

    fn gone(&mut self, uid: &str) {
        self.accounts.remove(uid);
    }
}

/// One look at one job.
struct Look<'a> {
    cluster: &'a Cluster,
    object: &'a Arc<Object>,
    job: &'a Value,
    members: &'a mut Members,
    account: &'a mut Account,
    queue: &'a mut Queue,
    key: Key,
}

impl Look<'_> {
    fn run(&mut self, now: Duration) {
        for member in std::mem::take(&mut self.account.lost) {
            self.account.count_lost(&member, self.job, now);
        }
        let spec = &self.job["spec"];
        if spec["suspend"] == true {
            self.dismiss_all();
            self.write(None);
            return;
        }
        let mut standing = Standing::of(self.job, self.members, self.account);
        let mut verdict = standing.verdict.take();
        if verdict.is_none() && self.is_late() {
            verdict = Some(Verdict::Failed {
                reason: "DeadlineExceeded",
                message: "Job was active longer than specified deadline".into(),
            });
        }
        if verdict.is_some() {
            self.dismiss_all();
        } else {
            self.fill(&standing, now);
        }
        self.write(verdict);
    }

    /// Whether its time is over; if not, it is looked at again then.
    fn is_late(&mut self) -> bool {
        let Some(allowed) = self.job["spec"]["activeDeadlineSeconds"].as_i64() else { return false };
        let started = moment(&self.job["status"]["startTime"]);
        let wall = self.cluster.clock.wall_milliseconds();
        let left = started.unwrap_or(wall) + allowed * 1_000 - wall;
        if left <= 0 {
            return true;
        }
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        self.queue.push_at(self.cluster.clock.monotonic() + left, self.key.clone());
        false
    }

    fn dismiss_all(&mut self) {
        for member in self.members.values_mut().filter(|member| member.is_active()) {
            self.account.dismissed.insert(Arc::clone(&member.uid));
            let name = Arc::clone(&member.name);
            dismiss(self.cluster, member);
            tell(self.cluster, self.object, false, "SuccessfulDelete", &format!("Deleted pod: {name}"));
        }
    }

    /// Makes the pods that are lacking, unless failures have it wait; ends those that are too many.
    fn fill(&mut self, standing: &Standing, now: Duration) {
        let settings = &self.cluster.settings.jobs;
        for extra in standing.active.iter().skip(standing.wanted) {
            if let Some(member) = self.members.get_mut(extra) {
                self.account.dismissed.insert(Arc::clone(&member.uid));
                dismiss(self.cluster, member);
            }
        }
        let lacking = standing.wanted.saturating_sub(standing.active.len() + standing.in_the_way);
        let mut indexes = standing.open.iter().copied();
        let is_indexed = standing.is_indexed;
        let mut made = 0;
        while made < lacking {
            let index = indexes.next();
            if is_indexed && index.is_none() {
                return;
            }
            if let Some(due) = self.account.due(index.filter(|_| standing.has_limit_per_index), settings)
                && due > now
            {
                self.queue.push_at(due, self.key.clone());
                if standing.has_limit_per_index {
                    continue;
                }
                return;
            }
            match make(self.cluster, Kind::Pod, self.object, self.pod(index)) {
                Ok(pod) => {
                    tell(self.cluster, self.object, false, "SuccessfulCreate", &format!("Created pod: {}", pod.name));
                    self.members.insert(Arc::clone(&pod.uid), Member::of(&pod));
                }
                Err(refusal) => {
                    tell(
                        self.cluster,
                        self.object,
                        true,
                        "FailedCreate",
                        &format!("Error creating: {}", refusal.message),
                    );
                    self.queue.push_at(now + settings.back_off, self.key.clone());
                    return;
                }
            }
            made += 1;
        }
    }

    /// The pod of this index, or any.
    fn pod(&self, index: Option<u64>) -> Value {
        let template = &self.job["spec"]["template"];
        let (name, uid) = (&*self.object.name, &*self.object.uid);
        let mut pod = json!({"metadata": template["metadata"].clone(), "spec": template["spec"].clone()});
        if !pod["metadata"].is_object() {
            pod["metadata"] = json!({});
        }
        let prefix = index.map_or_else(|| format!("{name}-"), |index| format!("{name}-{index}-"));
        pod["metadata"]["generateName"] = prefix.clone().into();
        pod["metadata"]["name"] = format!("{prefix}{}", suffix()).into();
        label(&mut pod["metadata"]["labels"], name, uid);
        if let Some(index) = index {
            let text = index.to_string();
            pod["metadata"]["labels"][INDEX] = text.clone().into();
            pod["metadata"]["annotations"][INDEX] = text.into();
            if pod["spec"]["hostname"].is_null() {
                pod["spec"]["hostname"] = format!("{name}-{index}").into();
            }
            let from = json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": format!("metadata.annotations['{INDEX}']")}}});
            for list in ["initContainers", "containers"] {
                for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
                    match container["env"].as_array_mut() {
                        Some(variables) => variables.push(from.clone()),
                        None => container["env"] = json!([from]),
                    }
                }
            }
        }
        pod
    }

    /// Writes the status, and the end where it has come.
    fn write(&mut self, verdict: Option<Verdict>) {
        let now = self.cluster.store.now();
        let standing = Standing::of(self.job, self.members, self.account);
        let nobody_is_left = self.members.values().all(Member::is_over);
        let (name, uid) = (self.object.name.to_string(), self.object.uid.to_string());
        let is_suspended = self.job["spec"]["suspend"] == true;
        let written = self.cluster.store.change(Kind::Job, &self.object.namespace, &self.object.name, |job| {
            if job["spec"]["selector"].is_null() {
                job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
                label(&mut job["spec"]["template"]["metadata"]["labels"], &name, &uid);
            }
            let status = &mut job["status"];
            if !status.is_object() {
                *status = json!({});
            }
            suspension(status, is_suspended, &now);
            if !is_suspended && status["startTime"].is_null() {
                status["startTime"] = now.clone().into();
            }
            standing.write(status);
            if let Some(verdict) = &verdict {
                verdict.write(status, nobody_is_left, &now);
            }
            Ok(())
        });
        let was_told = self.object.version;
        match (verdict, written) {
            (Some(Verdict::Succeeded), Ok(written)) if written.version != was_told && nobody_is_left => {
                tell(self.cluster, self.object, false, "Completed", "Job completed");
            }
            (Some(Verdict::Failed { reason, message }), Ok(written))
                if written.version != was_told && nobody_is_left =>
            {
                tell(self.cluster, self.object, true, reason, &message);
            }
            (None, Ok(_))
                if self.job["spec"]["activeDeadlineSeconds"].is_i64() && self.job["status"]["startTime"].is_null() =>
            {
                // Its time has only begun.
                self.queue.push(self.key.clone());
            }
            _ => {}
        }
    }
}

fn suspension(status: &mut Value, is_suspended: bool, now: &str) {
    match (is_suspended, condition(status, "Suspended")) {
        (true, held) if held != Some("True") => {
            set_condition(status, "Suspended", "True", "JobSuspended", "Job suspended", now);
            if let Some(status) = status.as_object_mut() {
                status.remove("startTime");
            }
        }
        (false, Some("True")) => {
            set_condition(status, "Suspended", "False", "JobResumed", "Job resumed", now);
        }
        _ => {}
    }
}

/// The labels by which the pods of a job are found.
fn label(labels: &mut Value, name: &str, uid: &str) {
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("controller-uid", uid),
        ("job-name", name),
    ] {
        labels[label] = value.into();
    }
}

fn is_over(job: &Value) -> bool {
    ["Complete", "Failed"].iter().any(|name| condition(&job["status"], name) == Some("True"))
}

/// Milliseconds since 1970 of a moment as objects write it.
fn moment(value: &Value) -> Option<i64> {
    value.as_str()?.parse().ok().map(jiff::Timestamp::as_millisecond)
}

/// Deletes a job that is over when its time has come.
fn clean_up(cluster: &Cluster, object: &Arc<Object>, job: &Value, key: Key, queue: &mut Queue) {
    let Some(kept) = job["spec"]["ttlSecondsAfterFinished"].as_i64().filter(|_| !object.deleting) else { return };
    let ends = job["status"]["conditions"].as_array().into_iter().flatten();
    let ended = ends
        .filter(|one| one["type"] == "Complete" || one["type"] == "Failed")
        .find_map(|one| moment(&one["lastTransitionTime"]));
    let wall = cluster.clock.wall_milliseconds();
    let left = ended.unwrap_or(wall) + kept * 1_000 - wall;
    if left > 0 {
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        queue.push_at(cluster.clock.monotonic() + left, key);
        return;
    }
    let deletion = Deletion { uid: Some(object.uid.to_string()), ..Deletion::default() };
    // Somebody else was faster.
    let _ = cluster.store.delete(Kind::Job, &object.namespace, &object.name, &deletion);
}
